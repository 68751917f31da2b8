"""Approximate search by cosine in an inverted file of product codes (IVF-PQ; Jégou et al., 2011, Product Quantization
for Nearest Neighbor Search), by FAISS: a byte for four dimensions, and no graph to build or to keep in memory.

Passages lie in lists, each around a centre. A query looks at the codes of those in the nearest lists, and the best of
them are scored again by their vectors rounded to 8 bits (:mod:`.int8`), which lie on disk until they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval import int8
from tokir.retrieval.faiss import library, on_one_thread, read_index, write_index
from tokir.retrieval.index import Hits, Vectors, normalize
from tokir.retrieval.int8 import Int8Index

PART = 4  # dimensions that a byte stands for
TRAINED_ON = 64  # passages of a list, on average, that its centre is trained on
ROUNDS = 10  # of k-means, for centres and for codes
FEWEST = 256  # vectors that codes are trained on: a byte has as many values
PROBED = 128  # lists that a query looks at
SEED = 0
FILE = "lists.faiss"


class IvfPqIndex:
    """Lists of codes, and the rounded vectors of all passages.

    Passages beyond those that are scored again follow by their codes. No list is longer than what the lists hold that a
    query looks at.

    Args:
        lists: the library's index.
        rounded: the vectors.
    """

    def __init__(self, lists: Any, rounded: Int8Index) -> None:
        self._lists, self.rounded, self.tie_order = lists, rounded, rounded.tie_order

    @classmethod
    def check(cls) -> None:
        """Unavailable without FAISS."""
        library("ivfpq")

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Train centres and codes on a sample, drawn by seed, then write the lists and the rounded vectors."""
        faiss = library("ivfpq")
        width = -(-vectors.dimensions // PART) * PART
        count = number_of_lists(vectors.count)
        lists = faiss.IndexIVFPQ(
            faiss.IndexFlatIP(width), width, count, width // PART, 8, faiss.METRIC_INNER_PRODUCT
        )
        for clustering in (lists.cp, lists.pq.cp):
            clustering.seed, clustering.niter = SEED, ROUNDS
            clustering.min_points_per_centroid = 1  # few passages are no reason to warn

        def seen() -> Iterator[NDArray[np.float32]]:
            for block in vectors.blocks():
                lists.add(_unit(block, width))
                yield block

        with on_one_thread(faiss):
            lists.train(_unit(_sample(vectors, TRAINED_ON * count), width))
            Int8Index.write(folder, replace(vectors, blocks=seen))
        write_index(faiss, lists, folder / FILE)

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> IvfPqIndex:
        """Open what :meth:`write` wrote, memory-mapped."""
        return cls(read_index(library("ivfpq"), folder / FILE), Int8Index.load(folder, tie_order))

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The nearest passages of each query, (queries, dimensions), of those in the nearest lists."""
        asked = library("ivfpq").SearchParametersIVF(nprobe=PROBED)
        wanted = max(1, min(max(depth, int8.RESCORED), len(self.tie_order)))
        codes, positions = self._lists.search(_unit(queries, self._lists.d), wanted, params=asked)
        return [
            self.rounded.rescored(query, near[near >= 0], scores[near >= 0], depth)
            for query, scores, near in zip(queries, codes, positions, strict=True)
        ]


def number_of_lists(passages: int) -> int:
    """The square root of the number of passages: as many centres to compare with as passages in a list.

    >>> number_of_lists(1_000_000)
    1000
    """
    return max(1, round(math.sqrt(passages)))


def _unit(vectors: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Vectors of unit length, with zeros up to ``width``."""
    return np.pad(normalize(vectors), ((0, 0), (0, width - vectors.shape[1])))


def _sample(vectors: Vectors, most: int) -> NDArray[np.float32]:
    """At most ``most`` of the vectors, drawn by seed; repeated where they are fewer than codes are trained on."""
    drawn = np.sort(np.random.default_rng(SEED).permutation(vectors.count)[: max(most, FEWEST)])
    found, start = [np.zeros((0, vectors.dimensions), dtype=np.float32)], 0
    for block in vectors.blocks():
        found.append(block[drawn[(drawn >= start) & (drawn < start + len(block))] - start])
        start += len(block)
    sample = np.concatenate(found)
    return np.resize(sample, (max(len(sample), FEWEST), vectors.dimensions))
