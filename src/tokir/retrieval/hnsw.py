"""Approximate search by cosine in a graph of near neighbours (HNSW; Malkov and Yashunin, 2018), by FAISS.

For corpora of which not every passage can be compared with a query. The graph is built on one thread, so that the same
vectors give the same file; a search looks at as many candidates whatever its depth, so that what is measured on long
ranked lists holds for the first ten passages alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.faiss import library, on_one_thread, read_index, write_index
from tokir.retrieval.index import Hits, Vectors, normalize

NEIGHBOURS = 32  # of each passage in the graph, twice as many in its lowest layer
BUILT_WITH = 128  # candidates while a passage finds its neighbours
CANDIDATES = 512  # of a query; no list is longer
FILE = "graph.faiss"


class HnswIndex:
    """A graph over unit vectors; of passages that tie at the end of a list it may hold any.

    Args:
        graph: the library's index.
        tie_order: (passages,) breaks ties.
    """

    def __init__(self, graph: Any, tie_order: NDArray[np.int64]) -> None:
        self._graph, self.tie_order = graph, tie_order

    @classmethod
    def check(cls) -> None:
        """Unavailable without FAISS."""
        library("hnsw")

    @classmethod
    def write(cls, folder: Path, vectors: Vectors) -> None:
        """Write the graph with its vectors; all of it is in memory while it is built."""
        faiss = library("hnsw")
        graph = faiss.IndexHNSWFlat(vectors.dimensions, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = BUILT_WITH
        with on_one_thread(faiss):
            for block in vectors.blocks():
                graph.add(normalize(block))
        write_index(faiss, graph, folder / FILE)

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> HnswIndex:
        """Open the graph, memory-mapped."""
        return cls(read_index(library("hnsw"), folder / FILE), tie_order)

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The nearest passages of each query, (queries, dimensions), that the graph leads to."""
        wanted = max(1, min(CANDIDATES, len(self.tie_order)))
        asked = library("hnsw").SearchParametersHNSW(efSearch=CANDIDATES)
        found = []
        for scores, positions in zip(*self._graph.search(normalize(queries), wanted, params=asked), strict=True):
            scores, positions = scores[positions >= 0], positions[positions >= 0]
            order = np.lexsort((self.tie_order[positions], -scores))[:depth]
            found.append(Hits(positions[order], scores[order]))
        return found
