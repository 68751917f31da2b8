"""What every index of vectors does, and what a search gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import array_header, atomic


class Hits(NamedTuple):
    """The passages found for one query, best first."""

    positions: NDArray[np.int64]  # (found,) in the corpus
    scores: NDArray[np.float32]  # (found,)


@dataclass(frozen=True)
class Vectors:
    """Passages' vectors in the order of the corpus, not of unit length, read in blocks: no memory holds them all."""

    count: int
    dimensions: int
    blocks: Callable[[], Iterator[NDArray[np.float32]]]  # a pass over them, each (n, dimensions)


class Index(Protocol):
    """Passages' vectors, searched by cosine.

    An index is written into a folder of its own from vectors that stream by, and opened from there, memory-mapped where
    it can be. Which files lie there is the index's own affair.
    """

    @classmethod
    def check(cls) -> None:
        """Unavailable where this machine lacks a library that the index needs."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the index of ``vectors`` into an existing folder, each file atomically."""

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> Index:
        """Open what :meth:`write` wrote; TokirError names a file that is missing or damaged.

        ``tie_order`` (passages,) breaks ties between equal scores: the rank of each passage when ids descend.
        """

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The nearest passages of each of ``queries`` (n, dimensions), at most ``depth`` of them."""


@contextmanager
def rows_of(path: Path, kind: Any, *width: int) -> Iterator[Callable[[NDArray[Any]], None]]:
    """Write a ``.npy`` file atomically, some rows at a time; how many there are is known at the end."""
    count = 0

    with atomic(path, "wb") as file:

        def append(rows: NDArray[Any]) -> None:
            nonlocal count
            file.write(rows.astype(kind, copy=False).tobytes())
            count += len(rows)

        file.write(array_header(kind, (count, *width)))
        yield append
        file.seek(0)
        file.write(array_header(kind, (count, *width)))


def follow(best: NDArray[np.float32], rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of passages that come after others in a list, at the same distances from each other as ``rest``.

    Estimates of cosines may be above the cosines of better passages: then all of them are lowered, no further than the
    order asks for, so that a fusion sees one scale.

    Args:
        best: of the passages before them.
        rest: estimated, (passages,).

    >>> follow(np.float32([0.5, 0.75]), np.float32([1.0, 0.75])).round(3).tolist()
    [0.5, 0.25]
    """
    highest = np.nextafter(best.min(initial=np.inf), np.float32(-np.inf))
    lowered = rest - max(np.float32(0), rest.max(initial=-np.inf) - highest)
    following: NDArray[np.float32] = np.minimum(lowered, highest)
    return following


def normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length one along the last axis; zero vectors stay as they are."""
    norms = np.sqrt(np.add.reduce(vectors * vectors, axis=-1, keepdims=True))  # np.linalg.norm takes twice as long
    unit: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return unit


def top(scores: NDArray[np.float32], depth: int, tie_order: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Positions of the ``depth`` best of ``scores``, best first, ties by ``tie_order`` (else by position)."""
    if depth < len(scores):
        worst = np.partition(scores, len(scores) - depth)[len(scores) - depth]
        candidates = np.flatnonzero(scores >= worst)  # may exceed depth: ties at the cut are decided below
    else:
        candidates = np.arange(len(scores))
    ties = candidates if tie_order is None else tie_order[candidates]
    order: NDArray[np.int64] = candidates[np.argsort(_descending(scores[candidates]) | ties)][:depth]
    return order


def best_of(
    positions: NDArray[np.int64], scores: NDArray[np.float32], depth: int, tie_order: NDArray[np.int64]
) -> Hits:
    """The ``depth`` best of some passages, ties by ``tie_order`` (all passages,)."""
    best = top(scores, depth, tie_order[positions])
    return Hits(positions[best], scores[best])


def _descending(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Whole numbers that are ordered as scores descend, with room for a tie's rank in the lower 32 bits.

    One number is sorted by in half the time of two.
    """
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)  # -0 is written unlike 0, but equal to it
    # The bits of positive floats are ordered as these are; those of negative ones the other way round.
    return ~(bits ^ ((bits >> 31) & 0x7FFFFFFF)) << 32
