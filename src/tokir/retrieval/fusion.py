"""Several ranked lists as one: by reciprocal ranks (Cormack et al., 2009), or by a weighted sum of scores brought
to one scale per query (Lee, 1997; with z-scores as scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tokir.retrieval.ranking import Ranking

RANK_OFFSET = 60  # of the paper: how little the first ranks differ


def fuse(
    rankings: Sequence[Ranking], method: Literal["weighted", "rrf"], weights: Sequence[float], depth: int
) -> Ranking:
    """The ``depth`` best passages of each query over all ``rankings``.

    A weighted sum counts a passage that a list does not hold as the worst one it holds. Equal sums are ordered by
    descending passage id, as trec_eval orders them.
    """
    score = _z_scores if method == "weighted" else _reciprocal_ranks
    fused: Ranking = {}
    for query in dict.fromkeys(query for ranking in rankings for query in ranking):
        sums: dict[str, float] = {}
        lists = [score(ranking.get(query, {})) for ranking in rankings]
        for passage in dict.fromkeys(passage for scores, _ in lists for passage in scores):
            sums[passage] = sum(
                weight * scores.get(passage, absent)
                for weight, (scores, absent) in zip(weights, lists, strict=True)
            )
        # As float32, the form in which rankings are written, so that ties are those of the file.
        exact = {passage: float(np.float32(value)) for passage, value in sums.items()}
        best = sorted(exact, key=lambda passage: (exact[passage], passage.encode()), reverse=True)[:depth]
        fused[query] = {passage: exact[passage] for passage in best}
    return fused


def _z_scores(scores: dict[str, float]) -> tuple[dict[str, float], float]:
    if not scores:
        return {}, 0.0
    values = np.fromiter(scores.values(), dtype=np.float64)
    scaled = (values - values.mean()) / (values.std() or 1.0)
    return dict(zip(scores, scaled.tolist(), strict=True)), float(scaled.min())


def _reciprocal_ranks(scores: dict[str, float]) -> tuple[dict[str, float], float]:
    return {passage: 1 / (RANK_OFFSET + rank) for rank, passage in enumerate(scores, 1)}, 0.0
