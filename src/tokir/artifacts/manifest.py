"""``manifest.jsonl``: a line for each file of a run folder, with a hash of its bytes and of all that it depends on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tokir.artifacts.formats import digest, file_digest
from tokir.untrusted import built, completed, inside, parse_json

CHECK = "check"  # the field of a line that holds the hash of all others
SMALL = 1 << 22  # bytes; a file of up to so many is hashed whenever a reader opens it, in some milliseconds


@dataclass(frozen=True)
class Entry:
    """What is on record of a file."""

    path: str  # in the folder, with /
    sha256: str  # of its bytes
    inputs: str  # hash of what it depends on
    seconds: float  # that making it took
    peak_memory: int  # bytes of the process until then
    size: int = -1  # bytes
    mtime_ns: int = -1  # when it was written; lines of an earlier tokir have neither

    @classmethod
    def of(cls, folder: Path, name: str, inputs: str, seconds: float, peak_memory: int) -> Entry:
        """A file as it is now."""
        path = folder / name
        return cls(name, file_digest(path), inputs, seconds, peak_memory, *stamp(path))

    def fits(self, path: Path) -> bool:
        """Does a file have the bytes that were written? All of them are read."""
        return path.is_file() and self.size in (-1, path.stat().st_size) and file_digest(path) == self.sha256

    def seems_to_fit(self, path: Path) -> bool:
        """As :meth:`fits`; a large file with the size and the time that were written is believed."""
        if not path.is_file():
            return False
        size, mtime_ns = stamp(path)
        return ((size, mtime_ns) == (self.size, self.mtime_ns) and size > SMALL) or self.fits(path)


def stamp(path: Path) -> tuple[int, int]:
    """Size, and time of the last change, of a file."""
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def to_line(entry: Entry) -> str:
    """An entry as a line of the manifest."""
    fields = asdict(entry)
    return json.dumps({**fields, CHECK: digest(fields)[:16]}) + "\n"


def from_line(line: str) -> Entry:
    """The entry that :func:`to_line` wrote; ValueError or TypeError where it is none, or was damaged."""
    fields: dict[str, Any] = completed(parse_json(line), path="", sha256="", inputs="", seconds=0.0, peak_memory=0)
    check = fields.pop(CHECK, None)
    inside(fields["path"])
    entry = built(Entry, fields)
    earlier = check is None and "size" not in fields  # a line of an earlier tokir
    if not earlier and check != digest(fields)[:16]:
        raise ValueError("its hash is another")
    return entry


def files_below(path: Path) -> list[Path]:
    """The files in a folder, sorted, but for hidden ones, which those that are not finished are too."""
    return [file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith(".")]
