"""Exact search by cosine: every passage is compared with every query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.ranking import Ranking, id_order, top

QUERIES_AT_ONCE = 64  # bounds the score matrix to 64 x passages


class ExactIndex:
    """Holds unit vectors, so a cosine is one product.

    Args:
        vectors: (passages, dimensions); a zero vector stays zero and scores zero.
        ids: the passages' ids.
    """

    def __init__(self, vectors: NDArray[np.float32], ids: Sequence[str]) -> None:
        self.vectors = normalize(np.asarray(vectors))
        self.ids = ids
        self.tie_order = id_order(ids)

    def search(self, query: NDArray[np.float32], depth: int) -> NDArray[np.int64]:
        """Positions of the ``depth`` nearest passages of one query vector (dimensions,), best first."""
        return top(self.vectors @ normalize(query), depth, self.tie_order)

    def rank(self, queries: NDArray[np.float32], query_ids: Sequence[str], depth: int) -> Ranking:
        """Ranked lists of many queries, (queries, dimensions)."""
        ranking: Ranking = {}
        for start in range(0, len(query_ids), QUERIES_AT_ONCE):
            scores = normalize(queries[start : start + QUERIES_AT_ONCE]) @ self.vectors.T
            for query_id, row in zip(query_ids[start : start + QUERIES_AT_ONCE], scores, strict=True):
                best = top(row, depth, self.tie_order)
                ranking[query_id] = {self.ids[i]: float(row[i]) for i in best}
        return ranking


def normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length one along the last axis; zero vectors stay as they are."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
