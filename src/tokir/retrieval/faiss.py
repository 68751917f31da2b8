"""What indexes share of FAISS (Douze et al., 2024, The Faiss library): one thread, maps, errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokir.artifacts import atomic
from tokir.errors import TokirError, Unavailable


def library(kind: str) -> Any:
    """The library, for an index of this kind; Unavailable where it is not installed."""
    try:
        import faiss
    except ImportError:
        raise Unavailable(f"{kind} needs FAISS: pip install 'tokir[faiss]'") from None
    return faiss


@contextmanager
def on_one_thread(faiss: Any) -> Iterator[None]:
    """Let it compute on one thread, so that the same vectors give the same index."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def write_index(faiss: Any, index: Any, path: Path) -> None:
    """Write an index atomically."""
    with atomic(path, "wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))


def read_index(faiss: Any, path: Path) -> Any:
    """Open an index, memory-mapped; TokirError where it is missing or damaged."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:
        raise TokirError(f"{path}: missing or damaged: delete it and run the study again") from None
