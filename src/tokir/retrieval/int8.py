"""Exact search by cosine over vectors rounded to 8 bits: a quarter of the memory of float32, and four bytes.

Each vector is scaled so that its largest component is 127, and rounded; what counts is its direction, so that its scale
is the length of the rounded vector. A query is rounded too, to as many steps as leave every sum a whole number that
single precision holds: such sums are the same in whatever order they are added, so equal passages are tied.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array
from tokir.retrieval.index import Hits, Vectors, follow, normalize, rows_of, top
from tokir.retrieval.scan import nearest

STEPS = 127  # of the largest component
WHOLE = 2.0**24  # up to here single precision holds every whole number
QUERIES_AT_ONCE = 64
ROWS = 16_384  # passages scored at once
FEW, ROWS_OF_FEW = 2, 512  # for so few queries, passages multiplied at once: what the processor's cache holds
RESCORED = 200  # of the passages that signs or codes find nearest, those scored by these vectors
CODES, INVERSE_LENGTHS = "codes.npy", "inverse_lengths.npy"


class Int8Index:
    """Rounded vectors; a zero vector stays zero and scores zero.

    Args:
        codes: (passages, dimensions).
        inverse_lengths: (passages,), one over the length of the codes; 0 for a zero vector.
        tie_order: (passages,) breaks ties.
    """

    def __init__(
        self, codes: NDArray[np.int8], inverse_lengths: NDArray[np.float32], tie_order: NDArray[np.int64]
    ) -> None:
        self.codes, self.inverse_lengths, self.tie_order = codes, inverse_lengths, tie_order

    @classmethod
    def check(cls) -> None:
        """It needs no library."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the codes and what they are divided by."""
        lengths = [np.zeros(0, dtype=np.float32)]
        with rows_of(folder / CODES, np.int8, vectors.dimensions) as append:
            for block in vectors.blocks():
                largest = np.abs(block).max(axis=1, keepdims=True, initial=0)
                codes = np.rint(block / np.where(largest > 0, largest, 1) * np.float32(STEPS)).astype(np.int8)
                lengths.append(_inverse_lengths(codes))
                append(codes)
        write_array(folder / INVERSE_LENGTHS, np.concatenate(lengths))

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> Int8Index:
        """Open what :meth:`write` wrote, memory-mapped."""
        return cls(read_array(folder / CODES), read_array(folder / INVERSE_LENGTHS), tie_order)

    @cached_property
    def _longest(self) -> float:
        """The length of the longest codes."""
        some = self.inverse_lengths[self.inverse_lengths > 0]
        return 1 / float(some.min()) if len(some) else 1.0

    def rounded(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Queries as whole numbers, (n, dimensions), and one over the length of each, (n, 1)."""
        # By Cauchy and Schwarz no sum exceeds the product of two lengths; rounding adds half a step a dimension.
        steps = np.float32(0.99 * WHOLE / self._longest - queries.shape[1] ** 0.5 / 2)
        whole = np.rint(normalize(queries) * steps)
        return whole, _inverse_lengths(whole)[:, None]

    def scores(self, queries: NDArray[np.float32], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines of queries (n, dimensions) with some passages, (n, positions)."""
        whole, inverse_lengths = self.rounded(queries)
        cosines = whole @ self.codes[positions].astype(np.float32).T
        cosines *= self.inverse_lengths[positions]
        cosines *= inverse_lengths
        return cosines

    def rescored(
        self, query: NDArray[np.float32], near: NDArray[np.int64], estimated: NDArray[np.float32], depth: int
    ) -> Hits:
        """The best of the passages ``near``, nearest first: some are scored again, the others follow as estimated."""
        if query.any():
            first = self.scores(query[None], near[:RESCORED])[0]
            scores = np.concatenate([first, follow(first, estimated[RESCORED:])])
        else:  # of a query without tokens: all alike, as fusions have to see
            scores = np.zeros(len(near), dtype=np.float32)
        best = top(scores, depth, self.tie_order[near])
        return Hits(near[best], scores[best])

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, (queries, dimensions)."""
        starts = range(0, len(queries), QUERIES_AT_ONCE)
        return [hits for start in starts for hits in self._search(queries[start : start + QUERIES_AT_ONCE], depth)]

    def _search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        whole, inverse_lengths = self.rounded(queries)
        codes, of_passages = self.codes, self.inverse_lengths
        rows = min(ROWS_OF_FEW if len(queries) <= FEW else ROWS, len(codes))
        floats = np.empty((rows, codes.shape[1]), dtype=np.float32)  # which are all that BLAS multiplies

        def scores(start: int, stop: int) -> NDArray[np.float32]:
            found = np.empty((len(queries), stop - start), dtype=np.float32)
            for first in range(start, stop, rows):
                end = min(first + rows, stop)
                np.copyto(block := floats[: end - first], codes[first:end])
                np.matmul(whole, block.T, out=found[:, first - start : end - start])
            found *= of_passages[start:stop]
            found *= inverse_lengths
            return found

        return nearest(scores, len(queries), depth, self.tie_order, ROWS)


def _inverse_lengths(whole: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """One over the length of each row of whole numbers, (rows,); 0 for a row of zeros."""
    squares = np.einsum("ij,ij->i", whole, whole, dtype=np.float64, casting="unsafe")
    lengths = np.sqrt(squares)
    inverse: NDArray[np.float64] = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return inverse.astype(np.float32)
