"""Exact search by cosine: every passage is compared with every query.

What counts is a score summed row by row in one order, whatever is searched beside it: so equal passages are tied, and a
query alone finds what it finds among others. One query is scored like that with every passage, as fast as memory gives
them. A product of matrices is faster for many queries, but it sums in an order that depends on its shape, so that equal
passages may differ in the last bits; it only proposes passages, and each that may be among the best is scored again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array
from tokir.retrieval.index import Hits, Vectors, normalize, rows_of, top
from tokir.retrieval.scan import nearest

FEW = 2  # for so few queries a product of matrices is not faster
QUERIES_AT_ONCE = 64
ROWS = 16_384  # passages scored at once
SLACK = 1e-5  # more than a product of unit vectors is off in single precision
FILE = "vectors.npy"


class ExactIndex:
    """Unit vectors, so a cosine is one product; a zero vector stays zero and scores zero.

    Args:
        vectors: (passages, dimensions), of unit length.
        tie_order: (passages,) breaks ties.
    """

    def __init__(self, vectors: NDArray[np.float32], tie_order: NDArray[np.int64]) -> None:
        self.vectors, self.tie_order = vectors, tie_order

    @classmethod
    def check(cls) -> None:
        """It needs no library."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the unit vectors."""
        with rows_of(folder / FILE, np.float32, vectors.dimensions) as append:
            for block in vectors.blocks():
                append(normalize(block))

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> ExactIndex:
        """Open the unit vectors, memory-mapped."""
        return cls(read_array(folder / FILE), tie_order)

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, (queries, dimensions)."""
        unit = normalize(queries)
        if len(unit) <= FEW:
            return [self._best(query, depth) for query in unit]
        starts = range(0, len(unit), QUERIES_AT_ONCE)
        return [hits for start in starts for hits in self._proposed(unit[start : start + QUERIES_AT_ONCE], depth)]

    def _best(self, query: NDArray[np.float32], depth: int) -> Hits:
        scores = np.vecdot(self.vectors, query)
        best = top(scores, depth, self.tie_order)
        return Hits(best, scores[best])

    def _proposed(self, unit: NDArray[np.float32], depth: int) -> list[Hits]:
        vectors = self.vectors

        def scores(start: int, stop: int) -> NDArray[np.float32]:
            return unit @ vectors[start:stop].T

        def rescore(query: int, positions: NDArray[np.int64]) -> NDArray[np.float32]:
            cosines: NDArray[np.float32] = np.vecdot(vectors.take(positions, axis=0), unit[query])
            return cosines

        return nearest(scores, len(unit), depth, self.tie_order, ROWS, rescore, SLACK)
