"""The passages of a data set as a memory-mapped Arrow file: millions of them cost no RAM."""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokir.errors import TokirError

log = logging.getLogger("tokir")
ROWS_PER_BATCH = 10_000
CHARACTERS_PER_BATCH = 1 << 25  # long documents fill a batch before its rows do


class Document(NamedTuple):
    """One passage. ``title`` may be empty."""

    id: str
    title: str
    text: str

    @property
    def passage(self) -> str:
        """Title and text with a space between, as BEIR joins them; just the text without a title."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True)
class _Facts:
    """What is known of a stored corpus; kept beside it as JSON and held against it on opening."""

    rows: int
    characters: int
    content: str  # SHA-256 over ids, titles and texts in their order, whatever file format they came from
    file: str  # SHA-256 of the Arrow file's bytes


class Corpus:
    """Passages in their stored order, read from a memory-mapped Arrow IPC file.

    Positions count from 0. Nothing but `ids` is ever held in memory as a whole.
    """

    def __init__(self, path: Path, facts: _Facts) -> None:
        import pyarrow as pa

        self.path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(self._map)))
        self._batches: list[Any] = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        # _starts[i] is the position of batch i's first row; the last entry is the number of rows
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        if self._starts[-1] != facts.rows:
            raise ValueError(f"{self._starts[-1]} rows where {facts.rows} were written")
        self._facts = facts

    def __len__(self) -> int:
        return self._facts.rows

    def __repr__(self) -> str:
        return f"Corpus({len(self)} passages, {self.path})"

    @property
    def checksum(self) -> str:
        """SHA-256 over ids, titles and texts in their order."""
        return self._facts.content

    @property
    def characters(self) -> int:
        """Characters (code points) of all texts, titles not counted."""
        return self._facts.characters

    @cached_property
    def ids(self) -> Sequence[str]:
        """All passage ids, by position."""
        return [id for batch in self._batches for id in batch.column(0).to_pylist()]

    def passages(self, start: int, stop: int) -> list[str]:
        """What models read, ``"{title} {text}"``, of positions ``start`` up to ``stop``, cut at the end."""
        return [document.passage for document in self.records(start, stop)]

    def select(self, indices: Sequence[int]) -> list[str]:
        """What models read, by position and in the order of ``indices``; raises ``IndexError``."""
        positions = np.asarray(indices, dtype=np.int64)
        if positions.size and (positions.min() < 0 or positions.max() >= len(self)):
            raise IndexError(f"positions must be between 0 and {len(self) - 1}")
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        chosen = [""] * len(positions)
        for owner in np.unique(owners):
            places = np.flatnonzero(owners == owner)
            rows = self._batches[owner].take(_arrow_indices(positions[places] - self._starts[owner]))
            for place, document in zip(places.tolist(), _documents(rows), strict=True):
                chosen[place] = document.passage
        return chosen

    def record(self, index: int) -> Document:
        """Id, title and text at one position; raises ``IndexError``."""
        if not 0 <= index < len(self):
            raise IndexError(f"position {index} is not between 0 and {len(self) - 1}")
        return next(self.records(index, index + 1))

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[Document]:
        """Stream ids, titles and texts of positions ``start`` up to ``stop`` (all, if not named)."""
        stop = len(self) if stop is None else min(stop, len(self))
        for batch, first in zip(self._batches, self._starts[:-1].tolist(), strict=True):
            if first < stop and start < first + batch.num_rows:
                offset = max(start - first, 0)
                yield from _documents(batch.slice(offset, stop - first - offset))

    def release(self) -> None:
        """Give back the pages of the file read so far; they count as this process's memory, up to the whole file.

        Nothing is lost: what is read again comes from the system's cache of files.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)

    def present(self, ids: set[str]) -> set[str]:
        """Those of ``ids`` that the corpus holds, found in one pass and without `ids` in memory."""
        return {id for batch in self._batches for id in batch.column(0).to_pylist() if id in ids}


def _arrow_indices(rows: np.ndarray[Any, Any]) -> Any:
    import pyarrow as pa

    return pa.array(rows)


def _documents(batch: Any) -> Iterator[Document]:
    return map(Document, *(column.to_pylist() for column in batch.columns))


def store(
    key: str,
    documents: Callable[[], Iterable[tuple[int, Document]]],
    place: Callable[[int], str],
    cache: Path,
) -> Corpus:
    """Return the corpus kept in the cache under ``key``, streaming ``documents`` into it where it is not.

    Args:
        key: names the content, such as the SHA-256 of the file it is read from.
        documents: starts a pass over (line number, document).
        place: says where a line is, for messages.
        cache: the cache folder.

    Raises:
        TokirError: an id occurs twice, or a string is no valid Unicode.

    """
    path = cache / "corpora" / f"{key}.arrow"
    if path.exists():
        try:
            return _open(path)
        except Exception as error:  # whatever damage does to a cache, building it again mends it
            log.warning("%s is damaged (%s); it is built again.", path, error)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{key[:8]}-", suffix=".arrow", dir=path.parent)
    os.close(descriptor)
    try:
        facts = _write(Path(temporary), documents, place)
        Path(temporary).chmod(0o644)
        # Facts go first: a new file with old facts looks damaged, and so does an old file with new ones.
        facts_path = _facts_path(path)
        partial = Path(f"{temporary}.json")
        partial.write_text(json.dumps(asdict(facts)), encoding="utf-8")
        partial.replace(facts_path)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return Corpus(path, facts)


def _facts_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _open(path: Path) -> Corpus:
    facts = _Facts(**json.loads(_facts_path(path).read_text(encoding="utf-8")))
    if _file_digest(path) != facts.file:  # about a second per gigabyte, little beside reading the source
        raise ValueError("its bytes are not those written")
    return Corpus(path, facts)


def _file_digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def _write(
    path: Path, documents: Callable[[], Iterable[tuple[int, Document]]], place: Callable[[int], str]
) -> _Facts:
    import pyarrow as pa

    schema = pa.schema([(name, pa.large_string()) for name in Document._fields])
    hasher = hashlib.sha256()
    hashes = array("q")  # eight bytes per passage instead of a set of ids
    rows = characters = pending = 0
    batch: list[Document] = []
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:

        def flush() -> None:
            columns = [pa.array(column, pa.large_string()) for column in zip(*batch, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            batch.clear()

        for line, document in documents():
            try:
                hasher.update(canonical(document))
            except UnicodeEncodeError as error:
                raise TokirError(
                    f"{place(line)}: half of a surrogate pair is no text: repair the document."
                ) from error
            hashes.append(hash(document.id))
            batch.append(document)
            rows += 1
            characters += len(document.text)
            pending += len(document.text)
            if len(batch) == ROWS_PER_BATCH or pending >= CHARACTERS_PER_BATCH:
                flush()
                pending = 0
        if batch:
            flush()
    _refuse_duplicates(hashes, documents, place)
    return _Facts(rows=rows, characters=characters, content=hasher.hexdigest(), file=_file_digest(path))


def canonical(values: Sequence[object]) -> bytes:
    """The bytes that stand for a row in a checksum: one line of compact JSON in UTF-8."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _refuse_duplicates(
    hashes: array[int], documents: Callable[[], Iterable[tuple[int, Document]]], place: Callable[[int], str]
) -> None:
    if not hashes:
        return
    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    twice = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not twice:
        return
    seen: dict[str, int] = {}
    for line, document in documents():  # equal hashes are rare, equal ids rarer: look again, at those alone
        if hash(document.id) in twice:
            if document.id in seen:
                raise TokirError(
                    f"{place(line)}: id {document.id!r} is already that of {place(seen[document.id])}: "
                    "give every passage its own id."
                )
            seen[document.id] = line
