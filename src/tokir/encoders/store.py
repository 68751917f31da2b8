"""Embeddings of a whole corpus, streamed to a memory-mapped file; a stopped run resumes where it stopped."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import write_text
from tokir.encoders import Encoder
from tokir.progress import Progress

log = logging.getLogger("tokir")
BLOCK = 1024  # passages embedded between two notes of progress: what is sorted by length, and lost by a kill


class Passages(Protocol):
    """A corpus, as far as an encoder sees it."""

    def __len__(self) -> int:
        """Number of passages."""

    def passages(self, start: int, stop: int) -> list[str]:
        """The texts from ``start`` up to ``stop``."""


def embed_corpus(encoder: Encoder, corpus: Passages, path: Path, key: str, task: str, progress: Progress) -> None:
    """Write ``path``, float32 of shape (passages, dimensions), in ``.npy`` format.

    Args:
        key: hash of what the vectors depend on; a part that a stopped run of another key left is not resumed.
    """
    write_blocks(
        path,
        len(corpus),
        encoder.dimensions,
        key,
        lambda start, stop: encoder.embed(encoder.tokenize(corpus.passages(start, stop))),
        lambda done: progress.step(task, done, len(corpus), "passages"),
    )


def transform_embeddings(
    source: Path, path: Path, key: str, transform: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    """Write ``transform`` of the vectors in ``source`` to ``path``, block by block."""
    vectors = read_embeddings(source)
    write_blocks(path, len(vectors), vectors.shape[1], key, lambda a, b: transform(vectors[a:b]), lambda _: None)


def read_embeddings(path: Path) -> NDArray[np.float32]:
    """The vectors of ``path``, memory-mapped."""
    vectors: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return vectors


def blocks(path: Path, size: int = 16_384) -> Iterator[NDArray[np.float32]]:
    """Consecutive rows of the vectors of ``path``, so that a pass over them needs constant memory."""
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    count, width = vectors.shape
    with path.open("rb") as file:  # read, since pages of a map count as memory of the process
        file.seek(vectors.offset)
        for start in range(0, count, size):
            rows = min(size, count - start)
            yield np.fromfile(file, dtype=vectors.dtype, count=rows * width).reshape(rows, width)


def write_blocks(
    path: Path,
    count: int,
    dimensions: int,
    key: str,
    make: Callable[[int, int], NDArray[np.float32]],
    report: Callable[[int], None],
) -> None:
    """Write ``path``, float32 of shape (count, dimensions): what ``make`` gives from a position up to another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, note = path.with_suffix(".part"), path.with_suffix(".part.json")
    header = _header((count, dimensions))
    row = 4 * dimensions
    done = _done(part, note, key, header, row)
    # Written as a file and not through a memory map: on a full disk a map ends the process with a bus error.
    with part.open("r+b" if done else "wb") as out:
        out.write(header)
        out.seek(done * row, os.SEEK_CUR)
        for start in range(done, count, BLOCK):
            stop = min(start + BLOCK, count)
            out.write(np.ascontiguousarray(make(start, stop), dtype="<f4").tobytes())
            out.flush()
            os.fsync(out.fileno())
            write_text(note, json.dumps({"key": key, "done": stop}))
            report(stop)
    part.replace(path)
    note.unlink(missing_ok=True)


def _header(shape: tuple[int, int]) -> bytes:
    """What a ``.npy`` file of float32 in C order begins with."""
    stream = BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


def _done(part: Path, note: Path, key: str, header: bytes, row: int) -> int:
    """How many rows of ``part`` an earlier run finished."""
    if not (part.exists() and note.exists()):
        return 0
    try:
        about = json.loads(note.read_text("utf-8"))
        with part.open("rb") as file:
            whole = file.read(len(header)) == header and part.stat().st_size >= len(header) + about["done"] * row
        if about["key"] == key and whole:
            return int(about["done"])
    except (ValueError, KeyError, TypeError):
        log.warning("%s: damaged; the corpus is embedded again", part)
    return 0
