"""Exact search by cosine: every passage is compared with every query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array
from tokir.retrieval.index import Hits, normalize, top

QUERIES_AT_ONCE = 64  # bounds the score matrix to 64 x passages
FILE = "vectors.npy"


class ExactIndex:
    """Holds unit vectors, so a cosine is one product; a zero vector stays zero and scores zero."""

    def __init__(self, tie_order: NDArray[np.int64]) -> None:
        self.tie_order = tie_order
        self._blocks: list[NDArray[np.float32]] = []

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(passages, dimensions), of unit length."""
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        return self._blocks[0]

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append the vectors of the next passages, (n, dimensions)."""
        self._blocks.append(normalize(np.asarray(vectors)))

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, (queries, dimensions)."""
        found = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            scores = normalize(queries[start : start + QUERIES_AT_ONCE]) @ self.vectors.T
            for row in scores:
                best = top(row, depth, self.tie_order)
                found.append(Hits(best, row[best]))
        return found

    def save(self, folder: Path) -> None:
        """Write the unit vectors."""
        write_array(folder / FILE, self.vectors)

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> ExactIndex:
        """Open the unit vectors, memory-mapped."""
        index = cls(tie_order)
        index._blocks = [read_array(folder / FILE)]
        return index
