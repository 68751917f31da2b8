"""Every choice a study makes by looking at relevance: on validation queries, never on those that are scored.

Each takes the candidate with the best recall@10; what breaks a tie is stated with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import mean_scores, score_queries
from tokir.evaluation.registry import HEADLINE
from tokir.retrieval.bm25 import K1, B, BM25Index, Postings
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.fusion import Joined, fuse
from tokir.retrieval.index import Hits, normalize
from tokir.retrieval.ranking import Ranking

if TYPE_CHECKING:
    from tokir.data import Split
    from tokir.models.whitening import Whitening

DEPTH = 100  # passages ranked to choose by; recall@10 needs no more
FOUND = 10  # passages of recall@10
K1_CANDIDATES, B_CANDIDATES = (0.6, 0.9, 1.2, 1.5, 2.0, 3.0), (0.2, 0.4, 0.6, 0.75, 0.9)
WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)  # of each further ranking against the first
MOST_TRIED = 512  # combinations of weights; beyond them weights are tried one after the other
ROUNDS = 3  # at most, of weights tried one after the other

Quality = tuple[float, float]  # recall@10, and what breaks a tie


def recall(ranking: Ranking, judgements: Judgements) -> float:
    """Mean recall@10 on the validation queries."""
    return mean_scores(score_queries(ranking, judgements))[HEADLINE]


def whitening(
    candidates: Sequence[Whitening],
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    ids: Sequence[str],
    tie_order: NDArray[np.int64],
    validation: Split,
) -> Whitening:
    """One of several ways to apply a whitening, given in rising strength; of equals the strongest.

    Args:
        candidates: to choose from.
        queries: (validation queries, dimensions), before any whitening.
        vectors: (passages, dimensions) likewise.
        ids: of the passages.
        tie_order: (passages,) breaks ties.
        validation: the queries and their judgements.
    """
    judgements = Judgements.of(validation.qrels, ids)

    def quality(number: int) -> Quality:
        candidate = candidates[number]
        index = ExactIndex(normalize(candidate(vectors)), tie_order)
        hits = index.search(candidate(queries), DEPTH)
        return recall(_ranking(hits, ids, validation), judgements), number

    return candidates[max(range(len(candidates)), key=quality)]


def bm25_parameters(
    postings: Postings, ids: Sequence[str], tie_order: NDArray[np.int64], validation: Split
) -> tuple[float, float]:
    """k1 and b; of equals those nearest to the usual ones."""
    judgements = Judgements.of(validation.qrels, ids)

    def quality(pair: tuple[float, float]) -> Quality:
        index = BM25Index.of(postings, tie_order, *pair)
        hits = [index.search(words, DEPTH) for words in index.tokenize(list(validation.queries.values()))]
        return recall(_ranking(hits, ids, validation), judgements), -abs(math.log(pair[0] / K1)) - abs(pair[1] - B)

    return max(product(K1_CANDIDATES, B_CANDIDATES), key=quality)


def _ranking(hits: Sequence[Hits], ids: Sequence[str], validation: Split) -> Ranking:
    return Ranking.of(validation.queries, hits).without(validation.own_passages, ids, DEPTH)


def fusion_weights(
    joined: Sequence[Joined], relevant: Sequence[frozenset[int]], tie_order: NDArray[np.int64]
) -> list[float]:
    """Weights of a weighted sum, the first one 1; of equals those nearest to 1.

    All combinations are tried where there are at most 512 of them; for more lists, weight after weight with the others
    as they are, until none changes.

    Args:
        joined: the lists of each validation query.
        relevant: positions of its relevant passages.
        tie_order: (passages,) breaks ties.
    """

    def quality(weights: Sequence[float]) -> Quality:
        found = (
            len(judged.intersection(fuse(lists, weights, FOUND, tie_order).positions.tolist())) / len(judged)
            for lists, judged in zip(joined, relevant, strict=True)
        )
        # Exactly rounded: sums that differ only in their order are equal, and the weights decide.
        return math.fsum(found) / len(joined), -math.fsum(abs(math.log(weight)) for weight in weights)

    others = len(joined[0].scores) - 1
    if len(WEIGHTS) ** others <= MOST_TRIED:
        return max(([1.0, *rest] for rest in product(WEIGHTS, repeat=others)), key=quality)
    return _one_by_one([1.0] * (others + 1), quality)


def _one_by_one(weights: list[float], quality: Callable[[Sequence[float]], Quality]) -> list[float]:
    for _ in range(ROUNDS):
        before = list(weights)
        for number in range(1, len(weights)):
            tried = [[*weights[:number], weight, *weights[number + 1 :]] for weight in WEIGHTS]
            weights = max(tried, key=quality)
        if weights == before:
            break
    return weights
