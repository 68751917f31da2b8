"""Exact search by cosine: every passage is compared with every query.

What counts is a score summed row by row in one order, whatever is searched beside it: so equal passages are tied, and a
query alone finds what it finds among others. Scoring every passage like that is bound by memory. Two faster ways only
rule passages out; each that may be among the best is scored as above. Many queries are multiplied with the vectors as
matrices, which sums in an order that depends on their shapes, so that equal passages may differ in the last bits. One
query is multiplied with codes of 8 bits (:mod:`.codes`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array
from tokir.errors import TokirError
from tokir.retrieval.codes import NUMBERS, SHARE, SLACK, Codes, writing
from tokir.retrieval.index import Hits, Vectors, best_of, normalize, rows_of, top
from tokir.retrieval.scan import nearest

FEW = 2  # for so few queries a product of matrices is not faster
QUERIES_AT_ONCE = 64
ROWS = 16_384  # passages scored at once
FILE, ERROR = "vectors.npy", "error.npy"


class ExactIndex:
    """Unit vectors, so a cosine is one product; a zero vector stays zero and scores zero.

    Args:
        vectors: (passages, dimensions), of unit length.
        tie_order: (passages,) breaks ties.
        codes: of the vectors; without them one query is scored with every passage.
    """

    def __init__(
        self, vectors: NDArray[np.float32], tie_order: NDArray[np.int64], codes: Codes | None = None
    ) -> None:
        self.vectors, self.tie_order, self.codes = vectors, tie_order, codes

    @classmethod
    def check(cls) -> None:
        """It needs no library."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the unit vectors, their codes, and how far these are off."""
        error, width = 0.0, vectors.dimensions
        with rows_of(folder / FILE, np.float32, width) as append, writing(folder, width) as encode:
            for block in vectors.blocks():
                append(unit := normalize(block))
                error = max(error, float(np.nan_to_num(encode(unit).farthest(unit), nan=np.inf)))
        write_array(folder / ERROR, np.array([error]))

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> ExactIndex:
        """Open what :meth:`write` wrote, memory-mapped; runs of earlier versions hold the vectors alone."""
        vectors = read_array(folder / FILE)
        if not (folder / NUMBERS).exists():
            return cls(vectors, tie_order)
        codes, error = Codes.load(folder), read_array(folder / ERROR)
        if codes.numbers.shape != vectors.shape or error.shape != (1,) or not error[0] >= 0:
            raise TokirError(f"{folder / NUMBERS} and {ERROR}: not of {FILE}: delete them and run the study again")
        return cls(vectors, tie_order, codes._replace(error=float(error[0])))

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, (queries, dimensions)."""
        unit = normalize(queries)
        if len(unit) <= FEW:
            return [self._alone(query, depth) for query in unit]
        starts = range(0, len(unit), QUERIES_AT_ONCE)
        return [hits for start in starts for hits in self._proposed(unit[start : start + QUERIES_AT_ONCE], depth)]

    def _alone(self, query: NDArray[np.float32], depth: int) -> Hits:
        near = None if self.codes is None else self.codes.near(query, depth, len(self.vectors) // SHARE)
        if near is not None:
            parts = (near[start : start + ROWS] for start in range(0, len(near), ROWS))
            scores = np.concatenate([np.vecdot(self.vectors.take(part, axis=0), query) for part in parts])
            return best_of(near, scores, depth, self.tie_order)
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
