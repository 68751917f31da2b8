"""Where the bytes of a data set lie: a folder, or a zip whose members are read as streams."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from tokir.artifacts.durable import make_folder, sweep
from tokir.errors import TokirError
from tokir.untrusted import expanded, require_utf8, within

FORMATS = (".jsonl", ".csv", ".tsv", ".parquet")
EXPANSION = 200  # times as long as it is packed: text gets to 20, a file made to fill a disk to 1,000 and more
UNMEASURED = 1 << 26  # bytes that are unpacked however little they were packed
LONGEST_LINE = 1 << 28  # bytes
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA asks for as much memory as it says


@dataclass(frozen=True)
class SourceFile:
    """A file of the user's as it was when it was read, so that a later change can be noticed."""

    path: str  # absolute
    size: int  # bytes
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        """The file as it is now; raises ``OSError``."""
        facts = path.stat()
        return cls(str(path.absolute()), facts.st_size, facts.st_mtime_ns)

    def has_changed(self) -> bool:
        """Is the file another one by now, or gone? Judged by size and time, without reading it."""
        try:
            return SourceFile.of(Path(self.path)) != self
        except OSError:
            return True


class Files(Protocol):
    """The files of one data set, by their names in the BEIR layout (``corpus.jsonl``, ``qrels/test.tsv``)."""

    def names(self) -> list[str]:
        """Names of the files, sorted."""

    def where(self, name: str) -> str:
        """The path of a file, as an error message names it."""

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A binary stream over one file; whatever cannot be read raises ``TokirError``."""

    def sources(self, names: Iterable[str]) -> tuple[SourceFile, ...]:
        """The files on disk that hold these files; raises ``TokirError``."""


class Folder:
    """A folder on disk. With ``only``, just that one file of it."""

    def __init__(self, path: Path, only: str | None = None) -> None:
        self.path = path
        self._only = only

    def names(self) -> list[str]:
        """See `Files.names`."""
        if self._only is not None:
            return [self._only]
        try:
            inside = list(self.path.iterdir())
        except OSError as error:
            raise TokirError(f"{self.path} cannot be read: {error.strerror or error}") from error
        for folder in inside[:]:
            if folder.name.lower() == "qrels" and folder.is_dir():
                inside += _below(folder)
        for entry in inside:
            if entry.is_symlink() and not entry.exists() and not entry.name.startswith("."):
                raise TokirError(
                    f"{entry} is a link to {entry.readlink()}, which is not there: get it, or remove the link"
                )
        names = sorted(entry.relative_to(self.path).as_posix() for entry in inside if entry.is_file())
        for name in names:
            require_utf8(f"{self.path}/{name}")
        return names

    def where(self, name: str) -> str:
        """See `Files.where`."""
        return str(self.path / name)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """See `Files.open`."""
        # A file that the user named may be a link to anywhere; what lies in a folder may not lead out of it.
        path = self.path / name if self._only is not None else within(self.path, name)
        try:
            with path.open("rb") as stream:
                yield stream
        except OSError as error:
            raise TokirError(f"{self.where(name)} cannot be read: {error.strerror or error}") from error

    def sources(self, names: Iterable[str]) -> tuple[SourceFile, ...]:
        """See `Files.sources`."""
        return tuple(_source(self.path / name) for name in names)


def _below(folder: Path) -> list[Path]:
    """All that lies in a folder and in those inside it; raises ``TokirError`` where one cannot be read."""

    def refuse(error: OSError) -> None:
        raise TokirError(f"{error.filename} cannot be read: {error.strerror or error}") from error

    walked = os.walk(folder, onerror=refuse)
    return [Path(place) / name for place, folders, files in walked for name in (*folders, *files)]


class Archive:
    """A zip in the BEIR layout, with or without a top folder.

    Nothing is ever extracted, so names of members are never those of files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._zip() as archive:
            members = [member for member in archive.namelist() if not member.endswith("/")]
        tops = [m.rpartition("/")[0] for m in members if is_table(m.rpartition("/")[2], "corpus")]
        depth = min((_depth(top) for top in tops), default=0)
        tops = sorted({top for top in tops if _depth(top) == depth})
        if len(tops) > 1:
            raise TokirError(f"{path} holds more than one corpus ({', '.join(tops)}): zip one data set alone")
        self._top = f"{tops[0]}/" if tops and tops[0] else ""
        below = (member.removeprefix(self._top) for member in members if member.startswith(self._top))
        self._names = sorted(name for name in below if PurePosixPath(name).parts)  # "." or "" names no file

    def names(self) -> list[str]:
        """See `Files.names`."""
        return self._names

    def where(self, name: str) -> str:
        """See `Files.where`."""
        return f"{self.path}/{self._top}{name}"

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """See `Files.open`."""
        with self._zip() as archive:
            self._refuse_bomb(archive.getinfo(self._top + name))
            with (
                archive.open(self._top + name) as stream,
                io.BufferedReader(cast(io.RawIOBase, stream)) as buffered,
            ):
                yield buffered

    def sources(self, names: Iterable[str]) -> tuple[SourceFile, ...]:
        """See `Files.sources`: the zip itself, whatever the names."""
        return (_source(self.path),)

    def _refuse_bomb(self, member: zipfile.ZipInfo) -> None:
        """TokirError where unpacking could take all memory or disk; no more is unpacked than a member says it has."""
        where = f"{self.path}/{member.filename}"
        if member.compress_type not in PACKED:
            raise TokirError(f"{where} is packed by another method than deflate: zip it again")
        refuse_expansion(where, member.file_size, min(member.compress_size, self.path.stat().st_size))

    @contextmanager
    def _zip(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, KeyError, ValueError) as error:
            raise TokirError(f"{self.path} is a broken or encrypted zip ({error}): fetch it again") from error
        except OSError as error:
            raise TokirError(f"{self.path} cannot be read: {error.strerror or error}") from error


def _source(path: Path) -> SourceFile:
    try:
        return SourceFile.of(path)
    except OSError as error:
        raise TokirError(f"{path} cannot be read: {error.strerror or error}") from error


def is_table(name: str, stem: str) -> bool:
    """Is ``name`` that of a table with this stem, such as ``corpus.jsonl`` or ``corpus.CSV``?"""
    return name.lower() in {stem + suffix for suffix in FORMATS}


def refuse_expansion(where: str, unpacked: int, packed: int) -> None:
    """TokirError where a file unpacks to far more bytes than text does."""
    if unpacked > max(UNMEASURED, EXPANSION * packed):
        raise TokirError(
            f"{where} unpacks to {unpacked:,} bytes or more out of {packed:,}, over {EXPANSION} times as many: no text "
            "does, so it is not read; if it is meant, unpack it and name the folder"
        )


def _depth(top: str) -> int:
    return len(top.split("/")) if top else 0


def lines(files: Files, name: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line) of a UTF-8 file; a byte order mark is dropped.

    Only a line feed ends a line: what else Python takes for one, such as U+2028, occurs inside JSON strings.
    """
    with files.open(name) as stream:
        for number, raw in enumerate(iter(lambda: stream.readline(LONGEST_LINE), b""), 1):
            if len(raw) == LONGEST_LINE:
                raise TokirError(f"{files.where(name)}:{number} is longer than {LONGEST_LINE:,} bytes: cut it")
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise TokirError(f"{files.where(name)}:{number} is not UTF-8: convert the file") from error
            if number == 1 and not line.endswith("\n") and "\r" in line.rstrip("\r"):
                raise TokirError(f"{files.where(name)} ends its lines with CR alone: convert it to LF or CRLF")
            yield number, line


def digest(files: Files, name: str) -> str:
    """SHA-256 of a file's bytes, as hexadecimal; the same for a zip's member and the file in a folder."""
    hasher = hashlib.sha256()
    with files.open(name) as stream:
        while block := stream.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def cache_folder(cache: Path | None = None) -> Path:
    """The cache: ``cache``, else $TOKIR_CACHE, else $XDG_CACHE_HOME/tokir, else ~/.cache/tokir."""
    if cache is not None:
        return Path(cache)
    if named := os.environ.get("TOKIR_CACHE"):
        return expanded(named)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return expanded(xdg) / "tokir"
    try:
        return Path.home() / ".cache" / "tokir"
    except RuntimeError:
        raise TokirError("there is no home folder to keep data sets in: name another with TOKIR_CACHE") from None


@contextmanager
def one_builder(target: Path) -> Iterator[None]:
    """Wait until no other process builds ``target``, and keep others waiting meanwhile."""
    from filelock import FileLock

    make_folder(target.parent)
    with FileLock(target.parent / f".{target.name}.lock"):
        sweep(target.parent, target.name)
        yield
