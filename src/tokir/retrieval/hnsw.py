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

from tokir.artifacts import atomic
from tokir.errors import TokirError, Unavailable
from tokir.retrieval.index import Hits, normalize

NEIGHBOURS = 32  # of each passage in the graph, twice as many in its lowest layer
BUILT_WITH = 128  # candidates while a passage finds its neighbours
CANDIDATES = 256  # of a query; no list is longer
FILE = "graph.faiss"


class HnswIndex:
    """A graph over unit vectors; of passages that tie at the end of a list it may hold any.

    Raises:
        Unavailable: FAISS is not installed.
    """

    def __init__(self, tie_order: NDArray[np.int64]) -> None:
        self.tie_order, self._faiss = tie_order, _library()
        self._graph: Any = None
        self._mapped: Path | None = None

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append the vectors of the next passages, (n, dimensions)."""
        faiss = self._faiss
        if self._mapped is not None:  # a map cannot grow
            self._graph, self._mapped = faiss.read_index(str(self._mapped)), None
        if self._graph is None:
            self._graph = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
            self._graph.hnsw.efConstruction = BUILT_WITH
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            self._graph.add(normalize(vectors))
        finally:
            faiss.omp_set_num_threads(threads)

    def search(self, queries: NDArray[np.float32], depth: int) -> list[Hits]:
        """The nearest passages of each query, (queries, dimensions), that the graph leads to."""
        wanted = min(CANDIDATES, len(self.tie_order))
        asked = self._faiss.SearchParametersHNSW(efSearch=CANDIDATES)
        found = []
        for scores, positions in zip(*self._graph.search(normalize(queries), wanted, params=asked), strict=True):
            scores, positions = scores[positions >= 0], positions[positions >= 0]
            order = np.lexsort((self.tie_order[positions], -scores))[:depth]
            found.append(Hits(positions[order], scores[order]))
        return found

    def save(self, folder: Path) -> None:
        """Write the graph with its vectors."""
        with atomic(folder / FILE, "wb") as file:
            self._faiss.write_index(self._graph, self._faiss.PyCallbackIOWriter(file.write))

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> HnswIndex:
        """Open the graph, memory-mapped."""
        index = cls(tie_order)
        index._mapped = folder / FILE
        try:
            index._graph = index._faiss.read_index(str(index._mapped), index._faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError:
            raise TokirError(f"{index._mapped}: missing or damaged: delete it and run the study again") from None
        return index


def _library() -> Any:
    try:
        import faiss
    except ImportError:
        raise Unavailable("hnsw needs FAISS: pip install 'tokir[faiss]'") from None
    return faiss
