"""Exact search by cosine: every passage is compared with every query.

What counts is a score summed row by row in one order, whatever is searched beside it: so equal passages are tied, and a
query alone finds what it finds among others. Scoring every passage like that is as fast as memory gives their vectors.
Two ways are faster, and only rule passages out; each that may be among the best is scored as above. Many queries are
multiplied with the vectors as matrices, which sums in an order that depends on their shapes, so that equal passages may
differ in the last bits. One query is multiplied with codes of 8 bits (:mod:`.codes`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array
from tokir.retrieval.codes import CODES, SLACK, Codes, writing
from tokir.retrieval.index import Hits, Vectors, normalize, rows_of, top
from tokir.retrieval.scan import nearest

FEW = 2  # for so few queries a product of matrices is not faster
QUERIES_AT_ONCE = 64
ROWS = 16_384  # passages scored at once
SHARE = 4  # where one in so many passages may be among the best, all are scored as soon
FILE, OFF = "vectors.npy", "off.npy"


class Rounded(NamedTuple):
    """What rules out passages for one query."""

    codes: Codes
    off: float  # the longest distance of a vector from the direction of its code


class ExactIndex:
    """Unit vectors, so a cosine is one product; a zero vector stays zero and scores zero.

    Args:
        vectors: (passages, dimensions), of unit length.
        tie_order: (passages,) breaks ties.
        rounded: the same vectors; without them one query is scored with every passage.
    """

    def __init__(
        self, vectors: NDArray[np.float32], tie_order: NDArray[np.int64], rounded: Rounded | None = None
    ) -> None:
        self.vectors, self.tie_order, self.rounded = vectors, tie_order, rounded

    @classmethod
    def check(cls) -> None:
        """It needs no library."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the unit vectors, their codes, and how far off these are."""
        off, width = 0.0, vectors.dimensions
        with rows_of(folder / FILE, np.float32, width) as append, writing(folder, width) as encode:
            for block in vectors.blocks():
                append(unit := normalize(block))
                off = max(off, encode(unit).off(unit))
        write_array(folder / OFF, np.array([off]))

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> ExactIndex:
        """Open what :meth:`write` wrote, memory-mapped; runs of earlier versions hold the vectors alone."""
        vectors = read_array(folder / FILE)
        if not (folder / CODES).exists():
            return cls(vectors, tie_order)
        return cls(vectors, tie_order, Rounded(Codes.load(folder), float(read_array(folder / OFF)[0])))

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, (queries, dimensions)."""
        unit = normalize(queries)
        if len(unit) <= FEW:
            return [self._best(query, depth) for query in unit]
        starts = range(0, len(unit), QUERIES_AT_ONCE)
        return [hits for start in starts for hits in self._proposed(unit[start : start + QUERIES_AT_ONCE], depth)]

    def _best(self, query: NDArray[np.float32], depth: int) -> Hits:
        near = None
        if self.rounded is not None:
            near = self.rounded.codes.near(query, depth, self.rounded.off, len(self.vectors) // SHARE)
        if near is None:
            scores = np.vecdot(self.vectors, query)
            best = top(scores, depth, self.tie_order)
            return Hits(best, scores[best])
        scores = np.vecdot(self.vectors.take(near, axis=0), query)
        best = top(scores, depth, self.tie_order[near])
        return Hits(near[best], scores[best])

    def _proposed(self, unit: NDArray[np.float32], depth: int) -> list[Hits]:
        vectors = self.vectors

        def scores(start: int, stop: int) -> NDArray[np.float32]:
            return unit @ vectors[start:stop].T

        def rescore(query: int, positions: NDArray[np.int64]) -> NDArray[np.float32]:
            cosines: NDArray[np.float32] = np.vecdot(vectors.take(positions, axis=0), unit[query])
            return cosines

        return nearest(scores, len(unit), depth, self.tie_order, ROWS, rescore, SLACK)
