"""Result files to records and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from tokir.artifacts import Names, RunFolder, write_json
from tokir.errors import TokirError, quoted
from tokir.results.records import SCHEMA, Disputed, Example, Results
from tokir.untrusted import read_json

Kind = TypeVar("Kind")


def as_json(record: BaseModel) -> dict[str, Any]:
    """A record as its file holds it."""
    return record.model_dump(mode="json", by_alias=True)


def write_records(path: Path, records: BaseModel | Sequence[BaseModel]) -> None:
    """Write a record, or a list of them, as JSON, atomically."""
    write_json(path, as_json(records) if isinstance(records, BaseModel) else list(map(as_json, records)))


def read_results(folder: RunFolder) -> Results:
    """``results.json`` of a run folder.

    Raises:
        TokirError: it is missing, damaged, or of another version of tokir.
    """
    value = _load(folder, Names.RESULTS)
    if value is None:
        raise TokirError(
            f"{folder.path} has no results yet: `tokir evaluate {quoted(folder.path)}` makes them; a run that was "
            "begun without judged queries has none: run the study in another folder (--out) when there are some"
        )
    if not isinstance(value, dict) or "schema" not in value:
        raise _unreadable(folder, Names.RESULTS, "damaged (it names no schema)")
    if value["schema"] != SCHEMA:
        again = f"tokir run {folder.path / Names.STUDY} --out NEW"
        raise TokirError(
            f"{folder.file(Names.RESULTS)}: written by another version of tokir (schema {value['schema']!r}, and this "
            f"version reads schema {SCHEMA}): repeat the study in another folder with `{again}`"
        )
    return _checked(folder, Names.RESULTS, TypeAdapter(Results), value)


def read_examples(folder: RunFolder) -> list[Example]:
    """``examples.json`` of a run folder; empty where there is no such file. Raises as :func:`read_results`."""
    return _checked(folder, Names.EXAMPLES, TypeAdapter(list[Example]), _load(folder, Names.EXAMPLES) or [])


def read_explorer(folder: RunFolder) -> list[Disputed]:
    """``explorer.json`` of a run folder; empty where there is no such file. Raises as :func:`read_results`."""
    return _checked(folder, Names.EXPLORER, TypeAdapter(list[Disputed]), _load(folder, Names.EXPLORER) or [])


def _load(folder: RunFolder, name: str) -> Any:
    """What a file holds; None where there is no such file."""
    if not folder.file(name).exists() and not folder.recorded(name):
        return None
    try:
        return read_json(folder.checked(name))
    except ValueError as error:
        raise _unreadable(folder, name, f"damaged ({error})") from None


def _checked(folder: RunFolder, name: str, kind: TypeAdapter[Kind], value: Any) -> Kind:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        problem = first["msg"][:1].lower() + first["msg"][1:]
        raise _unreadable(folder, name, f"damaged or of another version of tokir ({where}: {problem})") from None


def _unreadable(folder: RunFolder, name: str, why: str) -> TokirError:
    return TokirError(f"{folder.file(name)}: {why}: make it again with `tokir evaluate {quoted(folder.path)}`")
