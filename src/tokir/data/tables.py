"""Rows of JSONL, CSV, TSV and Parquet files, as documents or as queries."""

from __future__ import annotations

import csv
import json
import os
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from tokir.data import ids
from tokir.data.corpus import Document
from tokir.data.files import FORMATS, Files, lines, refuse_expansion
from tokir.errors import TokirError

DOCUMENT_IDS = ("_id", "id", "doc_id")
QUERY_IDS = ("_id", "id", "query_id")
READ = tuple(dict.fromkeys((*DOCUMENT_IDS, *QUERY_IDS, "title", "text")))  # fields of a row
LONGEST_FIELD = 1 << 27  # characters of a CSV field; csv's default of 128 KiB is less than a long document
LISTED = 8  # columns that an error names
ROWS_AT_ONCE = 64  # of Parquet: a value that many rows share is stored once, and unpacked for each
Row = tuple[int, Mapping[str, Any]]


class Rows(Protocol):
    """Rows of named fields, from a file or from a library."""

    def rows(self) -> Iterator[Row]:
        """Stream (line number, fields); raises ``TokirError`` at the first row that cannot be read."""

    def location(self, line: int) -> str:
        """Where a row is, for messages."""

    def columns(self, fields: Mapping[str, Any]) -> str:
        """What fields there are where a row lacks one, for messages."""


@dataclass(frozen=True)
class Table:
    """One file of rows; its suffix says the format."""

    files: Files
    name: str

    @property
    def suffix(self) -> str:
        """The format: ``.jsonl``, ``.csv``, ``.tsv`` or ``.parquet``."""
        return PurePosixPath(self.name).suffix.lower()

    def location(self, line: int) -> str:
        """Where a row is: ``file:line``, lines from 1; in a Parquet file the number of the row."""
        return f"{self.files.where(self.name)}:{line}"

    def rows(self) -> Iterator[Row]:
        """See `Rows.rows`."""
        if self.suffix == ".jsonl":
            return self._jsonl()
        if self.suffix == ".csv":
            return self._named(self._csv(), "quote texts that hold a comma")
        if self.suffix == ".tsv":
            return self._named(self._tsv(), "a text cannot hold a tab, and quotes do not change that")
        if self.suffix == ".parquet":
            return self._parquet()
        raise TokirError(f"{self.files.where(self.name)} is none of {', '.join(FORMATS)}")

    def columns(self, fields: Mapping[str, Any]) -> str:
        """See `Rows.columns`."""
        if self.suffix == ".parquet":  # of which only the columns that matter are read
            return f"the columns found are {listed(self._parquet_columns())}"
        if self.suffix == ".jsonl":
            return f"the fields found are {listed(fields)}"
        separators = "commas" if self.suffix == ".csv" else "tabs"
        return (
            f"the columns found are {listed(fields)}: the first line of a {self.suffix} file must name the "
            f"columns, separated by {separators}"
        )

    def _jsonl(self) -> Iterator[Row]:
        for number, line in lines(self.files, self.name):
            if not line.strip():
                continue
            twice = any(line.count(f'"{name}"') > 1 for name in READ)  # perhaps a value, or of an object inside
            try:
                fields = json.loads(line, object_pairs_hook=self._once(number) if twice else None)
            except json.JSONDecodeError as error:
                where = f"character {min(error.pos, len(line.rstrip())) + 1:,}"
                raise TokirError(f"{self.location(number)} is not JSON: {error.msg} at {where}") from error
            except (ValueError, RecursionError) as error:
                raise TokirError(f"{self.location(number)} is not JSON: {error}") from error
            if not isinstance(fields, dict):
                raise TokirError(f"{self.location(number)} is not a JSON object, as every line of JSONL must be")
            yield number, fields

    def _once(self, number: int) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
        """What makes an object of a line out of its fields, which have different names."""

        def fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            require_once([name for name, _ in pairs], self.location(number), "field")
            return dict(pairs)

        return fields

    def _csv(self) -> Iterator[tuple[int, list[str]]]:
        """The rows of RFC 4180, each with the line where it starts: a quoted text may span lines."""
        csv.field_size_limit(LONGEST_FIELD)
        reader = csv.reader((line for _, line in lines(self.files, self.name)), strict=True)
        number = 1
        try:
            for row in reader:
                yield number, row
                number = reader.line_num + 1
        except csv.Error as error:
            if not any(sign in str(error) for sign in ("end of data", '"', "field limit")):
                raise TokirError(f"{self.location(number)} cannot be read: {error}") from error
            raise TokirError(
                f"{self.location(number)} starts a row with a quoted text that is not closed ({error}): end it "
                "with a quote, and double the quotes inside of it"
            ) from error

    def _tsv(self) -> Iterator[tuple[int, list[str]]]:
        """The rows of IANA's text/tab-separated-values, which has no quoting: a quote is a character."""
        for number, line in lines(self.files, self.name):
            fields = line.removesuffix("\n").removesuffix("\r")
            yield number, fields.split("\t") if fields else []

    def _named(self, rows: Iterable[tuple[int, list[str]]], remedy: str) -> Iterator[Row]:
        """The rows below the header, by its names; blank lines are passed over."""
        header: list[str] | None = None
        for number, row in rows:
            if not any(map(str.strip, row)):
                continue
            if header is None:
                header = row
                require_once(header, self.location(number))
            elif len(row) != len(header):
                raise TokirError(
                    f"{self.location(number)} has {len(row)} fields, the header {len(header)}: {remedy}"
                )
            else:
                yield number, dict(zip(header, row, strict=True))

    def _parquet(self) -> Iterator[Row]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = unpacked = 0
        with self.files.open(self.name) as stream:
            try:
                packed = stream.seek(0, os.SEEK_END)
                file = pq.ParquetFile(stream)
                columns = [name for name in file.schema_arrow.names if name in READ]
                require_once(columns, self.files.where(self.name))
                self._refuse_bomb(_unpacked(file.metadata), packed)
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=columns):
                    for fields in batch.to_pylist():
                        number += 1
                        unpacked += sum(len(value) for value in fields.values() if isinstance(value, str))
                        yield number, fields
                    self._refuse_bomb(unpacked, packed)
            except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise TokirError(
                    f"{self.files.where(self.name)} is not a readable Parquet file: {reason}"
                ) from error

    def _refuse_bomb(self, unpacked: int, packed: int) -> None:
        refuse_expansion(self.files.where(self.name), unpacked, packed)

    def _parquet_columns(self) -> list[str]:
        import pyarrow.parquet as pq

        with self.files.open(self.name) as stream:
            names: list[str] = pq.ParquetFile(stream).schema_arrow.names
        return names


def _unpacked(metadata: Any) -> int:
    """What a Parquet file says that its columns hold, in bytes."""
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


def documents(table: Rows) -> Iterator[tuple[int, Document]]:
    """Stream (line number, document): fields ``_id`` (or ``id``, ``doc_id``), ``text``, optionally ``title``.

    Raises:
        TokirError: a row lacks an id or a text, or one of another type; the sentence names line and field.

    """
    for line, fields in table.rows():
        title = fields.get("title")
        if title is not None and not isinstance(title, str):
            raise _not_text(table, line, "title", title)
        yield line, Document(_id(table, line, fields, DOCUMENT_IDS), title or "", _text(table, line, fields))


def queries(table: Rows) -> dict[str, str]:
    """Query texts by id, of fields ``_id`` (or ``id``, ``query_id``) and ``text``; raises as `documents`."""
    texts: dict[str, str] = {}
    first: dict[str, int] = {}  # the line of each id
    for line, fields in table.rows():
        id = _id(table, line, fields, QUERY_IDS)
        if id in texts:
            raise TokirError(
                f"{table.location(line)}: id {id!r} is already that of {table.location(first[id])}: "
                "give every query its own id"
            )
        texts[id], first[id] = _text(table, line, fields), line
        if any("\ud800" <= character <= "\udfff" for character in texts[id]):
            raise TokirError(f"{table.location(line)}: half of a surrogate pair is not text: repair the query")
    return texts


def _id(table: Rows, line: int, fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    present = [name for name in names if name in fields]
    if not present:
        others = ", ".join(f"`{name}`" for name in names[1:])
        raise TokirError(
            f"{table.location(line)} lacks the field `{names[0]}` (or {others}); {table.columns(fields)}"
        )
    name = next((name for name in present if fields[name] is not None), present[0])
    id = fields[name]
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(id, str):
        raise _not_text(table, line, name, id, "not a string or a whole number")
    if not ids.is_valid(id):  # asked first, since a location takes longer to write than an id to check
        ids.check(id, table.location(line))
    return id


def _text(table: Rows, line: int, fields: Mapping[str, Any]) -> str:
    if "text" not in fields:
        raise TokirError(f"{table.location(line)} lacks the field `text`; {table.columns(fields)}")
    text = fields["text"]
    if not isinstance(text, str):
        raise _not_text(table, line, "text", text)
    return text


def _not_text(table: Rows, line: int, name: str, value: object, but: str = "not a string") -> TokirError:
    """The error for a field of another type: ``the field `text` is a list (['one', 'two']), not a string``."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    kind = kinds.get(type(value), f"of type {type(value).__name__}")
    found = "null" if value is None else f"{kind} ({reprlib.repr(value)})"
    return TokirError(f"{table.location(line)}: the field `{name}` is {found}, {but}")


def require_once(names: Sequence[str], where: str, what: str = "column") -> None:
    """TokirError where two columns, or fields of an object, have one name: one of them would be read as both."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TokirError(f"{where} names the {what} `{twice}` twice: rename one")


def listed(names: Iterable[str]) -> str:
    """Names as an error shows them, shortened: `` `id`, `text` and 12 more``."""
    found = [f"`{name if len(name) <= 40 else name[:37] + '...'}`" for name in names]
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return (", ".join(found[:LISTED]) or "none") + more
