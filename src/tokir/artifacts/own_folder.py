"""A folder that the user names for what is made: it appears whole or not at all, and replaces nothing of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from tokir.artifacts.durable import new_folder
from tokir.artifacts.formats import write_json
from tokir.errors import TokirError
from tokir.untrusted import read_json

RECORD = "tokir.json"  # what was made, and which files it consists of


def require_free(folder: Path, what: str) -> None:
    """TokirError where it is the present folder, or holds anything but an earlier thing of the kind ``what``."""
    if folder.is_file():
        raise TokirError(f"{folder} is a file: choose another folder")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise TokirError(
            f"the {what} would take the place of {folder.resolve()}, where you are or "
            "what that lies in: name another folder"
        )
    inside = {file.relative_to(folder).as_posix() for file in folder.rglob("*")}
    made = _made(folder, what)
    folders = {parent.as_posix() for name in made for parent in PurePosixPath(name).parents}
    if foreign := sorted(inside - folders.union(made)):
        raise TokirError(
            f"{folder} holds {foreign[0]}, which is not of an earlier {what}: choose another folder, or empty it"
        )


@contextmanager
def own_folder(folder: Path, what: str, about: dict[str, Any]) -> Iterator[Path]:
    """Yield an empty folder beside ``folder`` that takes its place when the block ends well.

    Args:
        folder: where it is to be; an earlier one there is replaced.
        what: is made, in a word.
        about: written to ``RECORD``, with the names of the files.

    Raises:
        TokirError: ``folder`` holds anything else.
    """
    folder = folder.resolve()  # what a link points at is replaced, not the link
    require_free(folder, what)
    with new_folder(folder) as fresh:
        yield fresh
        files = sorted(file.relative_to(fresh).as_posix() for file in fresh.rglob("*") if file.is_file())
        write_json(fresh / RECORD, {"kind": what, **about, "files": [RECORD, *files]})
        require_free(folder, what)  # once more: making it took a while


def _made(folder: Path, what: str) -> list[str]:
    """The files of the thing of the kind ``what`` that was made in ``folder``; none where none was."""
    try:
        record = read_json(folder / RECORD)
        return list(map(str, record["files"])) if record["kind"] == what else []
    except (TokirError, OSError, ValueError, KeyError, TypeError):
        return []
