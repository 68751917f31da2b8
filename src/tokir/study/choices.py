"""Every choice a study makes by looking at relevance: on the queries for choosing, never on those that are scored.

Each takes the candidate with the best recall@10; what breaks a tie is stated with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.measures import HEADLINE, mean_scores, score_queries
from tokir.retrieval.bm25 import K1, B, BM25Index
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.fusion import fuse
from tokir.retrieval.ranking import Ranking

if TYPE_CHECKING:
    from tokir.data import Split
    from tokir.models.whitening import Whitening

DEEP = 100  # passages ranked to choose by; recall@10 needs no more
K1_CANDIDATES, B_CANDIDATES = (0.6, 0.9, 1.2, 1.5, 2.0, 3.0), (0.2, 0.4, 0.6, 0.75, 0.9)
WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)  # of each further ranking against the first


def recall(ranking: Ranking, choose: Split) -> float:
    """Mean recall@10 on the queries for choosing."""
    return mean_scores(score_queries(ranking, choose.qrels))[HEADLINE]


def whitening(
    candidates: Sequence[Whitening],
    encoder: Any,
    vectors: NDArray[np.float32],
    ids: Sequence[str],
    choose: Split,
) -> Whitening:
    """One of several ways to apply a whitening, given in rising strength; of equals the strongest."""
    queries = encoder.embed(encoder.tokenize(list(choose.queries.values())))

    def quality(number: int) -> tuple[float, int]:
        candidate = candidates[number]
        index = ExactIndex(candidate(vectors), ids)
        return recall(index.rank(candidate(queries), list(choose.queries), DEEP), choose), number

    return candidates[max(range(len(candidates)), key=quality)]


def bm25_parameters(texts: Sequence[str], ids: Sequence[str], choose: Split) -> tuple[float, float]:
    """k1 and b; of equals those nearest to the usual ones."""

    def quality(pair: tuple[float, float]) -> tuple[float, float]:
        ranking = BM25Index(texts, ids, *pair).rank(list(choose.queries.values()), list(choose.queries), DEEP)
        return recall(ranking, choose), -abs(math.log(pair[0] / K1)) - abs(pair[1] - B)

    return max(product(K1_CANDIDATES, B_CANDIDATES), key=quality)


def fusion_weights(rankings: Sequence[Ranking], choose: Split) -> list[float]:
    """Weights of a weighted sum, the first one 1; of equals those nearest to 1."""

    def quality(weights: Sequence[float]) -> tuple[float, float]:
        fused = fuse(rankings, "weighted", weights, DEEP)
        return recall(fused, choose), -sum(abs(math.log(weight)) for weight in weights)

    return max(([1.0, *rest] for rest in product(WEIGHTS, repeat=len(rankings) - 1)), key=quality)
