"""Embeddings of a whole corpus, streamed to a memory-mapped file; a stopped run resumes where it stopped."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import array_header, read_array, read_sealed, write_sealed
from tokir.artifacts.durable import disown, growing, remove, rename, sync
from tokir.encoders import Encoder
from tokir.progress import Progress
from tokir.untrusted import completed

log = logging.getLogger("tokir")
BLOCK = 1024  # passages embedded at once: what is sorted by length
SECONDS_BETWEEN_NOTES = 5.0  # of progress: what a kill loses


class Passages(Protocol):
    """A corpus, as far as an encoder sees it."""

    def __len__(self) -> int:
        """Number of passages."""

    def passages(self, start: int, stop: int) -> list[str]:
        """The texts from ``start`` up to ``stop``."""


def embed_corpus(encoder: Encoder, corpus: Passages, path: Path, key: str, task: str, progress: Progress) -> None:
    """Write ``path``, float32 of shape (passages, dimensions), in ``.npy`` format.

    While passages are embedded the next ones are cut into tokens.

    Args:
        key: hash of what the vectors depend on; a part that a stopped run of another key left is not resumed.
    """
    ahead: dict[int, Future[Any]] = {}  # tokens by the position of their first passage

    def cut(start: int, stop: int) -> Any:
        return encoder.tokenize(corpus.passages(start, stop))

    with ThreadPoolExecutor(1) as beside:

        def make(start: int, stop: int) -> NDArray[np.float32]:
            tokens = ahead.pop(start).result() if start in ahead else cut(start, stop)
            if stop < len(corpus):
                ahead[stop] = beside.submit(cut, stop, min(stop + BLOCK, len(corpus)))
            return encoder.embed(tokens)

        def report(done: int) -> None:
            progress.step(task, done, len(corpus), "texts")

        write_blocks(path, len(corpus), encoder.dimensions, key, make, report)


def transform_embeddings(
    source: Path, path: Path, key: str, transform: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    """Write ``transform`` of the vectors in ``source`` to ``path``, block by block."""
    vectors = read_embeddings(source)
    write_blocks(path, len(vectors), vectors.shape[1], key, lambda a, b: transform(vectors[a:b]), lambda _: None)


def read_embeddings(path: Path) -> NDArray[np.float32]:
    """The vectors of ``path``, memory-mapped."""
    vectors: NDArray[np.float32] = read_array(path)
    return vectors


def blocks(path: Path, size: int = 16_384) -> Iterator[NDArray[np.float32]]:
    """Consecutive rows of the vectors of ``path``, so that a pass over them needs constant memory."""
    vectors = np.lib.format.open_memmap(path, mode="r")
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
    part, note = path.with_suffix(".part"), path.with_suffix(".part.json")
    disown(part)
    header = array_header("<f4", (count, dimensions))
    row = 4 * dimensions
    done, sha = _done(part, note, key, header, row)
    # Written as a file and not through a memory map: on a full disk a map ends the process with a bus error.
    with growing(part, len(header) + done * row if done else 0) as out:
        if not done:
            out.write(header)
            sha.update(header)
        noted = time.monotonic()
        for start in range(done, count, BLOCK):
            stop = min(start + BLOCK, count)
            block = np.ascontiguousarray(make(start, stop), dtype="<f4").tobytes()
            out.write(block)
            sha.update(block)
            if stop < count and time.monotonic() - noted >= SECONDS_BETWEEN_NOTES:
                sync(out)
                write_sealed(note, {"key": key, "done": stop, "bytes": sha.hexdigest()})
                noted = time.monotonic()
            report(stop)
        sync(out)
    rename(part, path)
    remove(note)


def _done(part: Path, note: Path, key: str, header: bytes, row: int) -> tuple[int, hashlib._Hash]:
    """How many rows of ``part`` an earlier run finished, and the hash of its bytes up to there."""
    sha = hashlib.sha256()
    if not (part.exists() and note.exists()):
        return 0, sha
    try:
        about = completed(read_sealed(note), key="", done=0, bytes="")
        if about["key"] != key:
            return 0, sha
        with part.open("rb") as file:
            left = len(header) + int(about["done"]) * row
            while block := file.read(min(left, 1 << 20)):
                sha.update(block)
                left -= len(block)
        if not left and sha.hexdigest() == about["bytes"]:
            return int(about["done"]), sha
    except (ValueError, KeyError, TypeError):
        pass
    log.warning("%s: damaged; these texts are embedded again", part)
    return 0, hashlib.sha256()
