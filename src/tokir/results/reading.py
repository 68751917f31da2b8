"""Result files to records and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from tokir.artifacts import Names, RunFolder, write_json
from tokir.errors import TokirError
from tokir.results.records import SCHEMA, Disputed, Example, Results
from tokir.untrusted import read_json

Kind = TypeVar("Kind")


def as_json(record: BaseModel) -> dict[str, Any]:
    """A record as its file holds it."""
    return record.model_dump(mode="json", by_alias=True)


def write_records(path: Path, records: BaseModel | Sequence[BaseModel]) -> None:
    """Write a record, or a list of them, as JSON, atomically."""
    write_json(path, as_json(records) if isinstance(records, BaseModel) else list(map(as_json, records)))


def read_results(folder: Path) -> Results:
    """``results.json`` of a run folder.

    Raises:
        TokirError: it is missing, damaged, or of another version of tokir.
    """
    path = folder / Names.RESULTS
    value = _load(path, folder)
    if value is None:
        raise TokirError(f"{folder} has no results yet: finish it with `tokir evaluate {folder}`")
    if not isinstance(value, dict) or "schema" not in value:
        raise _unreadable(path, folder, "damaged (it names no schema)")
    if value["schema"] != SCHEMA:
        raise TokirError(
            f"{path}: written by another version of tokir (schema {value['schema']!r}, and this version reads schema "
            f"{SCHEMA}): repeat the study in another folder with `tokir run {folder / Names.STUDY} --out NEW`"
        )
    return _checked(path, folder, TypeAdapter(Results), value)


def read_examples(folder: Path) -> list[Example]:
    """``examples.json`` of a run folder; empty where there is no such file. Raises as :func:`read_results`."""
    path = folder / Names.EXAMPLES
    return _checked(path, folder, TypeAdapter(list[Example]), _load(path, folder) or [])


def read_explorer(folder: Path) -> list[Disputed]:
    """``explorer.json`` of a run folder; empty where there is no such file. Raises as :func:`read_results`."""
    path = folder / Names.EXPLORER
    return _checked(path, folder, TypeAdapter(list[Disputed]), _load(path, folder) or [])


def _load(path: Path, folder: Path) -> Any:
    """What a file holds; None where there is no such file."""
    try:
        run = RunFolder(folder)
        if not path.exists() and not run.recorded(path.name):
            return None
        return read_json(run.checked(path.name))
    except ValueError as error:
        raise _unreadable(path, folder, f"damaged ({error})") from None


def _checked(path: Path, folder: Path, kind: TypeAdapter[Kind], value: Any) -> Kind:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        problem = first["msg"][:1].lower() + first["msg"][1:]
        raise _unreadable(path, folder, f"damaged or of another version of tokir ({where}: {problem})") from None


def _unreadable(path: Path, folder: Path, why: str) -> TokirError:
    return TokirError(f"{path}: {why}: make it again with `tokir evaluate {folder}`")
