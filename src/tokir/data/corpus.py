"""The passages of a data set as a memory-mapped Arrow file: millions of them cost no RAM."""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from tokir.artifacts import atomic, file_digest, write_text
from tokir.data.files import one_builder
from tokir.errors import TokirError, unreadable
from tokir.untrusted import built, read_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("tokir")
ROWS_PER_BATCH = 10_000
CHARACTERS_PER_BATCH = 1 << 25  # long documents fill a batch before its rows do
BYTES_AT_ONCE = 1 << 20


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
    blank: int = 0  # rows without title and text; not counted by earlier versions


class Corpus:
    """Passages in their stored order, read from a memory-mapped Arrow IPC file.

    Positions count from 0. Nothing but `ids` is ever held in memory as a whole, and that only once it is asked
    for. `Corpus.open` reads a stored corpus from wherever it lies.
    """

    def __init__(self, path: Path, facts: _Facts) -> None:
        import pyarrow as pa

        self.path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(self._map)))
        if reader.schema != _schema():
            raise ValueError("its columns are not id, title and text")
        self._batches: list[Any] = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self._columns = [batch.columns for batch in self._batches]
        self._sound: set[int] = set()  # numbers of the batches that were looked through
        # _starts[i] is the position of batch i's first row; the last entry is the number of rows
        self._starts = list(accumulate((batch.num_rows for batch in self._batches), initial=0))
        if self._starts[-1] != facts.rows:
            raise ValueError(f"{self._starts[-1]} rows where {facts.rows} were written")
        self._facts = facts

    @classmethod
    def open(cls, path: Path, *, verify: bool = True) -> Corpus:
        """Open a corpus that was stored, or copied with `copy_to`: ``path`` and the facts beside it.

        Args:
            path: the Arrow file.
            verify: hold the file's SHA-256 against the one it was stored with, about a second per gigabyte.
                Without it only the number of rows is checked.

        Raises:
            TokirError: a file is missing or cannot be read, or its bytes are not those that were written.

        """
        try:
            return _open(path, verify=verify)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise TokirError(f"{path} cannot be read: {error.strerror or error}{where}") from error
        except Exception as error:  # pyarrow and json raise whatever the damage provokes
            raise unreadable(path, error, "it has to be written again") from error

    def copy_to(self, path: Path) -> None:
        """Write the corpus to another Arrow file and its facts beside it, each of them atomically."""
        with atomic(path, "wb") as stream:
            # From the open map: the file it was opened from may have been replaced since.
            for start in range(0, len(self._map), BYTES_AT_ONCE):
                stream.write(self._map[start : start + BYTES_AT_ONCE])
            _write_facts(path, self._facts)
        self.release()

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

    @property
    def blank(self) -> int:
        """Passages without title and text."""
        return self._facts.blank

    @cached_property
    def ids(self) -> Sequence[str]:
        """All passage ids, by position."""
        return list(self.stream_ids())

    def stream_ids(self) -> Iterator[str]:
        """As `ids`, one batch of them in memory at a time."""
        for batch in self._batches:
            self._validate(batch.column(0))
            yield from batch.column(0).to_pylist()

    def find(self, id: str, order: NDArray[np.int64]) -> int | None:
        """The position of one id by bisection, given the positions of all in descending ``order``; None without it."""
        wanted, low, high = id.encode("utf-8", "surrogatepass"), 0, len(order)
        while low < high:
            middle = (low + high) // 2
            found = self.record(int(order[middle])).id.encode()
            if found == wanted:
                return int(order[middle])
            low, high = (middle + 1, high) if found > wanted else (low, middle)
        return None

    def positions(self, ids: set[str]) -> dict[str, int]:
        """The positions of those of ``ids`` that the corpus holds, found in one pass without `ids` in memory."""
        return {id: position for position, id in enumerate(self.stream_ids()) if id in ids}

    def passages(self, start: int, stop: int) -> list[str]:
        """What models read, ``"{title} {text}"``, of positions ``start`` up to ``stop``, cut at the end."""
        return [document.passage for document in self.records(start, stop)]

    def select(self, positions: Sequence[int]) -> list[str]:
        """What models read, by position and in the order of ``positions``; raises ``IndexError``."""
        return [document.passage for document in self.documents(positions)]

    def documents(self, positions: Sequence[int]) -> list[Document]:
        """Ids, titles and texts by position, in the order of ``positions``; raises ``IndexError``."""
        return [self.record(position) for position in positions]

    def record(self, position: int) -> Document:
        """Id, title and text at one position; raises ``IndexError``."""
        batch = self._batch_of(position)
        self._look_through(batch)
        row = int(position) - self._starts[batch]
        # Values one by one, not `take`: that loads pyarrow.compute and pandas, which takes a second.
        return Document(*(column[row].as_py() for column in self._columns[batch]))

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[Document]:
        """Stream ids, titles and texts of positions ``start`` up to ``stop`` (all, if not named)."""
        stop = len(self) if stop is None else min(stop, len(self))
        while start < stop:
            batch = self._batch_of(start)
            self._look_through(batch)
            end = min(stop, self._starts[batch + 1])
            yield from _documents(self._batches[batch].slice(start - self._starts[batch], end - start))
            start = end
            if start == self._starts[batch + 1]:
                self.release()  # a pass over the corpus holds a batch of it

    def release(self) -> None:
        """Give back the pages of the file read so far; they count as this process's memory, up to the whole file.

        Nothing is lost: what is read again comes from the system's cache of files.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)

    def _batch_of(self, position: int) -> int:
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} is not between 0 and {len(self) - 1}")
        return bisect_right(self._starts, position) - 1

    def _look_through(self, batch: int) -> None:
        """TokirError where a batch says that a text lies outside of it, or is not UTF-8; a millisecond, once."""
        if batch not in self._sound:
            self._validate(self._batches[batch])
            self._sound.add(batch)

    def _validate(self, values: Any) -> None:
        try:
            values.validate(full=True)
        except ValueError as error:
            raise TokirError(f"{self.path} is damaged ({error}): it has to be written again") from None


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([(name, pa.large_string()) for name in Document._fields])


def _documents(batch: Any) -> Iterator[Document]:
    return map(Document, *(column.to_pylist() for column in batch.columns))


def store(
    key: str,
    documents: Callable[[], Iterable[tuple[int, Document]]],
    location: Callable[[int], str],
    cache: Path,
) -> Corpus:
    """Return the corpus kept in the cache under ``key``, streaming ``documents`` into it where it is not.

    Args:
        key: names the content, such as the SHA-256 of the file it is read from.
        documents: starts a pass over (line number, document).
        location: says where a line is, for messages.
        cache: the cache folder.

    Raises:
        TokirError: an id occurs twice, or a string is not valid Unicode.

    """
    path = cache / "corpora" / f"{key}.arrow"
    if path.exists():
        with suppress(Exception):  # damage of any kind is looked at below, once nobody writes
            return _open(path, verify=True)
    with one_builder(path):
        if path.exists():
            try:
                return _open(path, verify=True)
            except Exception as error:  # whatever damage does to a cache, building it again mends it
                log.warning("%s is damaged (%s); it is built again.", path, error)
        return write(path, documents, location)


def write(
    path: Path, documents: Callable[[], Iterable[tuple[int, Document]]], location: Callable[[int], str]
) -> Corpus:
    """Stream documents into the Arrow file ``path``, with its facts beside it; arguments and errors as of `store`."""
    with atomic(path, "wb") as fresh:
        facts = _write(fresh, documents, location)
        # Facts go first: a new file with old facts looks damaged, and so does an old file with new ones.
        _write_facts(path, facts)
    return Corpus(path, facts)


def _open(path: Path, *, verify: bool) -> Corpus:
    facts = built(_Facts, read_json(facts_path(path)))
    if verify and file_digest(path) != facts.file:  # little beside reading the source
        raise ValueError("its bytes are not those written")
    return Corpus(path, facts)


def facts_path(path: Path) -> Path:
    """The JSON file beside a stored corpus that says what it holds, and its hash."""
    return path.with_suffix(".json")


def _write_facts(path: Path, facts: _Facts) -> None:
    write_text(facts_path(path), json.dumps(asdict(facts)))


def _write(
    file: IO[bytes], documents: Callable[[], Iterable[tuple[int, Document]]], location: Callable[[int], str]
) -> _Facts:
    import pyarrow as pa

    schema = _schema()
    hasher = hashlib.sha256()
    hashes = array("q")  # eight bytes per passage instead of a set of ids
    rows = characters = blank = pending = 0
    batch: list[Document] = []
    with pa.ipc.new_file(pa.PythonFile(file, mode="w"), schema) as writer:

        def flush() -> None:
            columns = [pa.array(column, pa.large_string()) for column in zip(*batch, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            batch.clear()

        for line, document in documents():
            try:
                hasher.update(canonical(document))
            except UnicodeEncodeError as error:
                raise TokirError(
                    f"{location(line)}: half of a surrogate pair is not text: repair the document"
                ) from error
            hashes.append(hash(document.id))
            batch.append(document)
            rows += 1
            characters += len(document.text)
            blank += not document.passage.strip()
            pending += len(document.text)
            if len(batch) == ROWS_PER_BATCH or pending >= CHARACTERS_PER_BATCH:
                flush()
                pending = 0
        if batch:
            flush()
    file.flush()
    _refuse_duplicates(hashes, documents, location)
    return _Facts(rows, characters, hasher.hexdigest(), file_digest(Path(file.name)), blank)


def canonical(values: Sequence[object]) -> bytes:
    """The bytes that stand for a row in a checksum: one line of compact JSON in UTF-8."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _refuse_duplicates(
    hashes: array[int], documents: Callable[[], Iterable[tuple[int, Document]]], location: Callable[[int], str]
) -> None:
    import numpy as np

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
                    f"{location(line)}: id {document.id!r} is already that of {location(seen[document.id])}: "
                    "give every passage its own id"
                )
            seen[document.id] = line
