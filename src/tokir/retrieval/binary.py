"""Search by the signs of vectors, 32 bytes for 256 dimensions: the nearest by Hamming distance are scored again.

A query looks at the bits of every passage, and then, by its own vector, at few of them again. Yamada et al. (2021,
Efficient Passage Retrieval with Hashing) score these by their bits; here they are vectors rounded to 8 bits
(:mod:`.int8`), which lie on disk until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array
from tokir.retrieval import int8
from tokir.retrieval.index import Hits, Vectors
from tokir.retrieval.int8 import Int8Index

WORD = 64  # bits that are compared at once
FILE = "bits.npy"


class BinaryIndex:
    """The bits of all passages and their rounded vectors.

    Passages beyond those that are scored again follow by their Hamming distance, from which their cosines are estimated
    (Charikar, 2002).

    Args:
        bits: (words, passages): a word of all passages lies together, so that it is compared in one go.
        rounded: the vectors.
    """

    def __init__(self, bits: NDArray[np.uint64], rounded: Int8Index) -> None:
        self.bits, self.rounded, self.tie_order = bits, rounded, rounded.tie_order

    @classmethod
    def check(cls) -> None:
        """It needs no library."""

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the bits, 8 dimensions a byte, and the rounded vectors."""
        bits = np.empty((-(-vectors.dimensions // WORD), vectors.count), dtype=np.uint64)

        def seen() -> Iterator[NDArray[np.float32]]:
            start = 0
            for block in vectors.blocks():
                bits[:, start : start + len(block)] = _signs(block).T
                start += len(block)
                yield block

        Int8Index.write(folder, replace(vectors, blocks=seen))
        write_array(folder / FILE, bits)

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> BinaryIndex:
        """Open what :meth:`write` wrote, memory-mapped."""
        return cls(read_array(folder / FILE), Int8Index.load(folder, tie_order))

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The passages of each query, (queries, dimensions), at most ``depth``."""
        signs = _signs(queries)
        return [self._search(query, words, depth) for query, words in zip(queries, signs, strict=True)]

    def _search(self, query: NDArray[np.float32], words: NDArray[np.uint64], depth: int) -> Hits:
        distances = np.zeros(self.bits.shape[1], dtype=np.uint16)
        for word, of_passages in zip(words, self.bits, strict=True):
            distances += np.bitwise_count(of_passages ^ word)
        near = _first(distances, max(depth, int8.RESCORED), self.tie_order)
        scores = np.cos(np.float32(np.pi) * distances[near] / np.float32(len(query)))
        return self.rounded.rescored(query, near, scores, depth)


def _signs(vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(n, dimensions) to (n, words): a bit is set where a component is positive."""
    count, dimensions = vectors.shape
    bits = np.zeros((count, -(-dimensions // WORD) * WORD), dtype=bool)
    np.greater(vectors, 0, out=bits[:, :dimensions])
    return np.packbits(bits, axis=1).view(np.uint64)


def _first(distances: NDArray[np.uint16], depth: int, tie_order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the ``depth`` smallest distances, ties by ``tie_order``."""
    counts = np.bincount(distances).cumsum()
    farthest = int(np.searchsorted(counts, min(depth, len(distances))))
    near = np.flatnonzero(distances <= farthest)
    return near[np.lexsort((tie_order[near], distances[near]))][:depth]
