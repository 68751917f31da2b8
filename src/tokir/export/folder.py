"""The folder of an export: it appears whole or not at all, and replaces nothing but an earlier export."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokir.artifacts import write_json
from tokir.errors import TokirError
from tokir.untrusted import read_json

RECORD = "tokir.json"  # what was exported, and which files the export consists of


def require_free(folder: Path) -> None:
    """TokirError where ``folder`` holds anything that an export did not write."""
    if folder.is_file():
        raise TokirError(f"{folder} is a file: choose another folder")
    inside = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    if foreign := sorted(inside - set(_exported(folder))):
        raise TokirError(
            f"{folder} holds {foreign[0]}, which is not of an earlier export: choose another folder, or empty it"
        )


@contextmanager
def new_folder(folder: Path, about: dict[str, Any]) -> Iterator[Path]:
    """Yield an empty folder beside ``folder`` that takes its place when the block ends well.

    Args:
        folder: where the export is to be.
        about: written to ``RECORD``, with the files of the export.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield fresh
        files = sorted(file for file in fresh.rglob("*") if file.is_file())
        names = [file.relative_to(fresh).as_posix() for file in files]
        write_json(fresh / RECORD, {**about, "files": [RECORD, *names]})
        for file in [*files, fresh / RECORD]:
            file.chmod(0o644)  # some libraries write for their user alone
        fresh.chmod(0o755)
        _take_place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _take_place(fresh: Path, folder: Path) -> None:
    require_free(folder)  # once more: making the export took a while
    if not folder.exists():
        fresh.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        folder.rename(old / "old")
        fresh.rename(folder)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _exported(folder: Path) -> list[str]:
    """The files of the export in ``folder``; none where there is none."""
    try:
        return list(map(str, read_json(folder / RECORD)["files"]))
    except (TokirError, OSError, ValueError, KeyError, TypeError):
        return []
