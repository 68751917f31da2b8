"""Vectors rounded to 8 bits, a quarter of single precision, and which of them one query has to look at more closely.

Each vector is scaled so that its largest component is 127, and rounded; what counts is its direction, so that its scale
is the length of the rounded vector. A query rounded like that is multiplied with every code by the processor's
instructions for bytes (NumKong), exactly. How far rounding moves both directions bounds how far such a product is from
the cosine of the vectors: so it says which passages may be among the best, and rules out the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array
from tokir.errors import TokirError
from tokir.retrieval.index import rows_of

STEPS = 127  # of the largest component
SLACK = 1e-5  # more than a product of unit vectors is off in single precision
SHARE = 4  # where more than one passage in so many may be among the best, scoring all is as fast
CROWD = 3  # as a rule, as many passages for each one asked for may be among the best
NUMBERS, INVERSE_LENGTHS = "codes.npy", "inverse_lengths.npy"


class Codes(NamedTuple):
    """Rounded vectors; of a zero vector all is zero."""

    numbers: NDArray[np.int8]  # (vectors, dimensions)
    inverse_lengths: NDArray[np.float32]  # (vectors,) one over the length of the numbers
    error: float = 0.0  # the longest distance of a vector that is meant from the direction of its code

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Codes:
        """The codes of (vectors, dimensions) of any length."""
        largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
        numbers = np.rint(vectors / np.where(largest > 0, largest, 1) * np.float32(STEPS)).astype(np.int8)
        return cls(numbers, inverse_lengths(numbers))

    @classmethod
    def load(cls, folder: Path) -> Codes:
        """Open what :func:`writing` wrote, memory-mapped; TokirError where the files do not belong together."""
        codes = cls(read_array(folder / NUMBERS), read_array(folder / INVERSE_LENGTHS))
        if len(codes.numbers) != len(codes.inverse_lengths):
            raise TokirError(f"{folder / INVERSE_LENGTHS}: not of these codes: delete it and run the study again")
        return codes

    def farthest(self, unit: NDArray[np.float32]) -> float:
        """The longest distance of vectors of unit length, (vectors, dimensions), from the directions of their codes."""
        apart = self.numbers * self.inverse_lengths[:, None] - unit
        return float(np.sqrt(np.einsum("ij,ij->i", apart, apart).max(initial=0)))

    def near(self, query: NDArray[np.float32], depth: int, most: int) -> NDArray[np.int64] | None:
        """Positions of all passages that may be among the ``depth`` best, ties included.

        Args:
            query: (dimensions,) of unit length or shorter.
            depth: passages wanted.
            most: where more passages than these may be among the best, it pays to score all.

        Returns:
            None where it pays to score all, as for a query without tokens, to which all are alike.
        """
        if CROWD * depth > most or depth >= len(self.numbers) or not query.any():
            return None
        import numkong

        steps = STEPS / np.abs(query).max()
        scaled = query * steps
        code = np.rint(scaled)
        rest = scaled - code
        found = np.empty((1, len(self.numbers)), dtype=np.float32)
        numkong.cdist(code.astype(np.int8)[None], self.numbers, "dot", out=found)
        cosines = np.multiply(found[0], self.inverse_lengths, out=found[0])  # in steps
        # With p a passage and c the direction of its code, steps q·p - code·c = steps q·(p - c) + rest·c, and neither
        # q nor c is longer than one.
        bound = (self.error + SLACK) * steps + math.sqrt(rest @ rest)
        worst = np.partition(cosines, len(cosines) - depth)[len(cosines) - depth]
        near = np.flatnonzero(cosines >= worst - np.float32(2 * bound))  # both products may be off
        return near if len(near) <= most else None


@contextmanager
def writing(folder: Path, dimensions: int) -> Iterator[Callable[[NDArray[np.float32]], Codes]]:
    """Write codes atomically, some vectors at a time: a function that appends those of (vectors, dimensions)."""
    with (
        rows_of(folder / NUMBERS, np.int8, dimensions) as add_numbers,
        rows_of(folder / INVERSE_LENGTHS, np.float32) as add_lengths,
    ):

        def add(vectors: NDArray[np.float32]) -> Codes:
            made = Codes.of(vectors)
            add_numbers(made.numbers)
            add_lengths(made.inverse_lengths)
            return made

        yield add


def inverse_lengths(whole: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """One over the length of each row of whole numbers, (rows,); 0 for a row of zeros."""
    squares = np.einsum("ij,ij->i", whole, whole, dtype=np.float64, casting="unsafe")
    lengths = np.sqrt(squares)
    inverse: NDArray[np.float64] = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return inverse.astype(np.float32)
