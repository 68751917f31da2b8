"""Exact search by cosine over vectors rounded to 8 bits: a quarter of the memory of float32, and four bytes.

What counts is the direction of a code (:mod:`.codes`). A query is rounded too, to as many steps as leave every sum a
whole number that single precision holds: such sums are the same in whatever order they are added, so equal passages are
tied. One query is first rounded to 8 bits as well, which leaves few passages to be scored like that.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.codes import SHARE, Codes, inverse_lengths, writing
from tokir.retrieval.index import Hits, Vectors, best_of, follow, normalize
from tokir.retrieval.scan import nearest

WHOLE = 2.0**24  # up to here single precision holds every whole number
QUERIES_AT_ONCE = 64
ROWS = 16_384  # passages scored at once
FEW = 2  # so few queries are searched one by one
ROWS_OF_ONE = 512  # passages multiplied at once with one query: what the processor's cache holds
RESCORED = 200  # of the passages that signs or codes find nearest, those scored by these vectors


class Int8Index:
    """Rounded vectors; a zero vector stays zero and scores zero.

    Args:
        codes: of the passages.
        tie_order: (passages,) breaks ties.
    """

    def __init__(self, codes: Codes, tie_order: NDArray[np.int64]) -> None:
        self.codes, self.tie_order = codes, tie_order

    @classmethod
    def check(cls) -> None:
        """It needs no library."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the codes and what they are divided by."""
        with writing(folder, vectors.dimensions) as add:
            for block in vectors.blocks():
                add(block)

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> Int8Index:
        """Open what :meth:`write` wrote, memory-mapped."""
        return cls(Codes.load(folder), tie_order)

    @cached_property
    def _longest(self) -> float:
        """The length of the longest codes."""
        some = self.codes.inverse_lengths[self.codes.inverse_lengths > 0]
        return 1 / float(some.min()) if len(some) else 1.0

    def rounded(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Queries as whole numbers, (n, dimensions), and one over the length of each, (n, 1)."""
        # By Cauchy and Schwarz no sum exceeds the product of two lengths; rounding adds half a step a dimension.
        steps = np.float32(0.99 * WHOLE / self._longest - queries.shape[1] ** 0.5 / 2)
        whole = np.rint(normalize(queries) * steps)
        return whole, inverse_lengths(whole)[:, None]

    def scores(self, query: NDArray[np.float32], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines of a query (dimensions,) with some passages, (positions,)."""
        whole, of_query = self.rounded(query[None])
        return self._scores(whole, of_query, positions)

    def _scores(
        self, whole: NDArray[np.float32], of_query: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        cosines: NDArray[np.float32] = (whole @ self.codes.numbers[positions].astype(np.float32).T)[0]
        cosines *= self.codes.inverse_lengths[positions]
        cosines *= of_query[0]
        return cosines

    def rescored(
        self, query: NDArray[np.float32], near: NDArray[np.int64], estimated: NDArray[np.float32], depth: int
    ) -> Hits:
        """The best of the passages ``near``, nearest first: some are scored again, the others follow as estimated."""
        if query.any():
            first = self.scores(query, near[:RESCORED])
            scores = np.concatenate([first, follow(first, estimated[RESCORED:])])
        else:  # of a query without tokens: all alike, as fusions have to see
            scores = np.zeros(len(near), dtype=np.float32)
        return best_of(near, scores, depth, self.tie_order)

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, (queries, dimensions)."""
        if len(queries) <= FEW:
            return [self._alone(query, depth) for query in queries]
        starts = range(0, len(queries), QUERIES_AT_ONCE)
        return [hits for start in starts for hits in self._search(queries[start : start + QUERIES_AT_ONCE], depth)]

    def _alone(self, query: NDArray[np.float32], depth: int) -> Hits:
        whole, of_query = self.rounded(query[None])
        near = self.codes.near(whole[0] * of_query[0], depth, min(ROWS, len(self.codes.numbers) // SHARE))
        if near is None:
            return self._search(query[None], depth)[0]
        return best_of(near, self._scores(whole, of_query, near), depth, self.tie_order)

    def _search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        whole, of_queries = self.rounded(queries)
        numbers, of_passages = self.codes.numbers, self.codes.inverse_lengths
        rows = min(ROWS_OF_ONE if len(queries) == 1 else ROWS, len(numbers))
        floats = np.empty((rows, numbers.shape[1]), dtype=np.float32)  # which are all that BLAS multiplies

        def scores(start: int, stop: int) -> NDArray[np.float32]:
            found = np.empty((len(queries), stop - start), dtype=np.float32)
            for first in range(start, stop, rows):
                end = min(first + rows, stop)
                np.copyto(block := floats[: end - first], numbers[first:end])
                np.matmul(whole, block.T, out=found[:, first - start : end - start])
            found *= of_passages[start:stop]
            found *= of_queries
            return found

        return nearest(scores, len(queries), depth, self.tie_order, ROWS)
