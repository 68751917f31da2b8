"""Rows of JSONL, CSV, TSV and Parquet files, as documents or as queries."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tokir.data.corpus import ROWS_PER_BATCH, Document
from tokir.data.files import FORMATS, Files, lines
from tokir.errors import TokirError

DOCUMENT_IDS = ("_id", "id", "doc_id")
QUERY_IDS = ("_id", "id", "query_id")


@dataclass(frozen=True)
class Table:
    """One file of rows; its suffix says the format."""

    files: Files
    name: str

    def place(self, line: int) -> str:
        """Where a row is: ``file:line``, lines from 1; in a Parquet file the number of the row."""
        return f"{self.files.where(self.name)}:{line}"

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Stream (line number, fields); raises ``TokirError`` at the first row that cannot be read."""
        suffix = PurePosixPath(self.name).suffix.lower()
        if suffix == ".jsonl":
            return self._jsonl()
        if suffix in (".csv", ".tsv"):
            return self._csv("," if suffix == ".csv" else "\t")
        if suffix == ".parquet":
            return self._parquet()
        raise TokirError(f"{self.files.where(self.name)} is none of {', '.join(FORMATS)}.")

    def _jsonl(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for number, line in lines(self.files, self.name):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise TokirError(f"{self.place(number)} is no JSON: {error}.") from error
            if not isinstance(fields, dict):
                raise TokirError(f"{self.place(number)} is no JSON object, as every line of JSONL must be.")
            yield number, fields

    def _csv(self, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        csv.field_size_limit(1 << 30)  # the default of 128 KiB is less than a long document
        reader = csv.reader((line for _, line in lines(self.files, self.name)), delimiter=delimiter)
        header: list[str] | None = None
        number = 1
        try:
            for row in reader:
                if header is None:
                    header = row
                elif len(row) == len(header):
                    yield number, dict(zip(header, row, strict=True))
                elif row:
                    raise TokirError(
                        f"{self.place(number)} has {len(row)} fields, the header {len(header)}: "
                        "quote texts that hold the separator."
                    )
                number = reader.line_num + 1  # a quoted text may span lines, so a row's line is where it starts
        except csv.Error as error:
            raise TokirError(f"{self.place(number)} cannot be read: {error}.") from error

    def _parquet(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        wanted = {*DOCUMENT_IDS, *QUERY_IDS, "title", "text"}
        with self.files.open(self.name) as stream:
            try:
                file = pq.ParquetFile(stream)
                columns = [name for name in file.schema_arrow.names if name in wanted]
                for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=columns):
                    for fields in batch.to_pylist():
                        number += 1
                        yield number, fields
            except (pa.ArrowException, OSError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise TokirError(f"{self.files.where(self.name)} is no readable Parquet: {reason}") from error


def documents(table: Table) -> Iterator[tuple[int, Document]]:
    """Stream (line number, document): fields ``_id`` (or ``id``, ``doc_id``), ``text``, optionally ``title``.

    Raises:
        TokirError: a row lacks an id or a text, or they are no strings; the sentence names line and field.

    """
    for line, fields in table.rows():
        title = fields.get("title")
        if title is not None and not isinstance(title, str):
            raise TokirError(f"{table.place(line)}: field `title` is no string.")
        yield line, Document(_id(table, line, fields, DOCUMENT_IDS), title or "", _text(table, line, fields))


def queries(table: Table) -> dict[str, str]:
    """Query texts by id, of fields ``_id`` (or ``id``, ``query_id``) and ``text``; raises as `documents`."""
    texts: dict[str, str] = {}
    places: dict[str, int] = {}
    for line, fields in table.rows():
        id = _id(table, line, fields, QUERY_IDS)
        if id in texts:
            raise TokirError(
                f"{table.place(line)}: id {id!r} is already that of {table.place(places[id])}: "
                "give every query its own id."
            )
        texts[id], places[id] = _text(table, line, fields), line
        if any("\ud800" <= character <= "\udfff" for character in texts[id]):
            raise TokirError(f"{table.place(line)}: half of a surrogate pair is no text: repair the query.")
    return texts


def _id(table: Table, line: int, fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next((fields[name] for name in names if fields.get(name) is not None), None)
    if isinstance(value, str) and value:
        if value.split() != [value]:
            raise TokirError(
                f"{table.place(line)}: the id {value!r} holds white space, which TREC files of rankings and "
                "judgements cannot carry: put something else in its place."
            )
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    others = ", ".join(f"`{name}`" for name in names[1:])
    raise TokirError(f"{table.place(line)} lacks the field `{names[0]}` (or {others}), a string.")


def _text(table: Table, line: int, fields: Mapping[str, Any]) -> str:
    text = fields.get("text")
    if isinstance(text, str):
        return text
    raise TokirError(f"{table.place(line)} lacks the field `text`, a string.")
