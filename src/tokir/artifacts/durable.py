"""What reaches the disk: every step by which tokir writes files, in one place.

A file or a folder appears whole or not at all, and stays once it is there: its bytes are brought to the disk before it
takes its name, and its name before anything that rests on it is written. What a killed writer leaves has a name of its
own (``MARK``), so that the next writer can sweep it away.

Each step goes through :func:`_step`, where :func:`watched` lets a harness count it, end the process at it, or let it
fail (``benchmarks/crash_points.py``).
"""

from __future__ import annotations

import errno
import glob
import io
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeVar

MARK = ".tokir-"  # what the names of unfinished files and folders begin with
LONGEST = 200  # bytes of a name that an unfinished one repeats: file systems take 255
BUFFER = 1 << 20  # bytes gathered for one write
SCARCE = 1 << 26  # bytes free on a disk that is as good as full
Result = TypeVar("Result")
Kind = Literal["create", "write", "sync", "rename", "remove", "make folder", "sync folder"]


class Step(NamedTuple):
    """One step, about to be done."""

    kind: Kind
    path: Path  # of the file or folder that it touches
    do: Callable[[], Any]


Watch = Callable[[Step], Any]
"""Is given each step in the place of its being done, and returns what ``do`` returns."""

_watch: Watch | None = None


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Give all steps of this process to ``watch``."""
    global _watch
    before, _watch = _watch, watch
    try:
        yield
    finally:
        _watch = before


def _step(kind: Kind, path: Path, do: Callable[[], Result]) -> Result:
    try:
        return do() if _watch is None else _watch(Step(kind, path, do))
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)  # a write to a full disk does not say where
        raise


# -- files ------------------------------------------------------------------------------------------------


class _File(io.RawIOBase):
    """A file whose every write is a step. It has no ``fileno``, so that no library writes past it."""

    def __init__(self, path: Path, flags: int) -> None:
        self.name, self._path = str(path), path
        binary = getattr(os, "O_BINARY", 0)  # on Windows
        self._descriptor: int = _step("create", path, lambda: os.open(path, flags | os.O_RDWR | binary, 0o666))

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        return _step("write", self._path, lambda: os.write(self._descriptor, view))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        _step("write", self._path, lambda: os.ftruncate(self._descriptor, size))
        return size

    def sync(self) -> None:
        """Bring all that was written to the disk."""
        _step("sync", self._path, lambda: os.fsync(self._descriptor))

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)


@contextmanager
def atomic(path: Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[Any]]:
    """Yield a new file, whose ``name`` is where it lies, that takes the place of ``path`` when the block ends well.

    A reader sees the old file or the whole new one, never a part, whatever stops the program. Text is UTF-8.
    """
    make_folder(path.parent)
    temporary = _unfinished(path)
    try:
        raw = _File(temporary, os.O_CREAT | os.O_EXCL)
        try:
            buffered = io.BufferedWriter(raw, BUFFER)
            file: IO[Any] = buffered if mode == "wb" else io.TextIOWrapper(buffered, "utf-8", newline="\n")
            yield file
            file.flush()
            raw.sync()
        finally:
            raw.close()
        _replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None  # the name that the user knows
        with suppress(OSError):
            remove(temporary)
        raise


@contextmanager
def growing(path: Path, kept: int) -> Iterator[IO[bytes]]:
    """Yield a file to write on behind its first ``kept`` bytes; what was written is on the disk after :func:`sync`."""
    make_folder(path.parent)
    raw = _File(path, os.O_CREAT)
    try:
        raw.truncate(kept)
        raw.seek(0, os.SEEK_END)
        file = io.BufferedWriter(raw, BUFFER)
        yield file
        file.flush()
    finally:
        raw.close()


def sync(file: IO[bytes]) -> None:
    """Bring to the disk what was written to a file of :func:`growing`."""
    file.flush()
    raw = getattr(file, "raw", None)
    assert isinstance(raw, _File)
    raw.sync()


def rename(path: Path, to: Path) -> None:
    """Give a file of :func:`growing` that is whole its name."""
    _replace(path, to)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    _step("remove", path, lambda: path.unlink(missing_ok=True))


def disown(path: Path) -> None:
    """Remove what :func:`growing` would write on, where it is a link, or one of several names of a file."""
    if path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1):
        remove(path)


# -- folders ----------------------------------------------------------------------------------------------


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        _step("make folder", folder, lambda folder=folder: folder.mkdir(exist_ok=True))  # type: ignore[misc]
        _sync_folder(folder.parent)
    if not missing and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if path.is_symlink() or not path.is_dir():
        return
    for inside in sorted(path.iterdir()):
        _remove_any(inside)
    _step("remove", path, path.rmdir)


def _remove_any(path: Path) -> None:
    (remove_folder if path.is_dir() and not path.is_symlink() else remove)(path)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` that takes its place, and removes what was there, when the block ends well.

    Whatever writes into it, be it a library, its files are on the disk before it has its name.
    """
    fresh = _unfinished(path)
    old = _unfinished(path)
    try:
        make_folder(fresh)
        with _short_writes(path):
            yield fresh
        _settle(fresh)
        if path.exists():
            _replace(path, old)
        _replace(fresh, path)
    except BaseException:
        with suppress(OSError):  # first what was the user's: what is left of the other is only in the way
            if old.exists() and not path.exists():
                _replace(old, path)
        with suppress(OSError):
            remove_folder(fresh)
        raise
    with suppress(OSError):  # Windows removes no file that is open
        _remove_any(old)


@contextmanager
def from_library(path: Path) -> Iterator[Path]:
    """Yield an empty folder for a library that writes files itself: they are moved into ``path`` when the block ends
    well, each of them whole.
    """
    fresh = _unfinished(path)
    try:
        make_folder(fresh)
        with _short_writes(path):
            yield fresh
        for file in _settle(fresh):
            target = path / file.relative_to(fresh)
            make_folder(target.parent)
            _replace(file, target)
    finally:
        with suppress(OSError):
            remove_folder(fresh)


@contextmanager
def _short_writes(path: Path) -> Iterator[None]:
    """Say what has happened where NumPy, for a library, could not write ``path`` to its end: it gives two numbers."""
    try:
        yield
    except OSError as error:
        if not re.fullmatch(r"\d+ requested and \d+ written", str(error)):
            raise
        why = errno.ENOSPC if shutil.disk_usage(path.parent).free < SCARCE else errno.EIO
        raise OSError(why, os.strerror(why), str(path)) from None


def sweep(path: Path, name: str = "") -> None:
    """Remove what dead writers left unfinished below the folder ``path``; with ``name``, in it and for that alone.

    For whoever has made sure that nobody writes there.
    """
    ours = f"{MARK}{'[0-9a-f]' * 8}-{glob.escape(_end(name)) or '*'}"
    found = path.glob(ours) if name else path.rglob(ours)
    for left in sorted(found, reverse=True):  # what is inside of a folder comes before it
        _remove_any(left)


def _unfinished(path: Path) -> Path:
    """A new name beside ``path``."""
    return path.parent / f"{MARK}{secrets.token_hex(4)}-{_end(path.name)}"


def _end(name: str) -> str:
    """As much of the end of a file's name as an unfinished one repeats."""
    while len(os.fsencode(name)) > LONGEST:
        name = name[1:]
    return name


def _settle(folder: Path) -> list[Path]:
    """Bring the files of a folder to the disk, whoever wrote them; the paths of them."""
    inside = sorted(folder.rglob("*"))
    files = [file for file in inside if file.is_file()]
    # As the user's mask has it: some libraries write for their user alone.
    mode = stat.S_IMODE(folder.stat().st_mode)
    _step("write", folder, lambda: None)  # stands for the writing of a library
    for file in files:
        _step("sync", file, lambda file=file: _sync_file(file, mode & 0o666))  # type: ignore[misc]
    for path in [folder, *(path for path in inside if path.is_dir())]:
        path.chmod(mode)
        _sync_folder(path)
    return files


def _sync_file(path: Path, mode: int) -> None:
    path.chmod(mode)
    with path.open("rb+") as file:  # opened for writing, since Windows flushes nothing else
        os.fsync(file.fileno())


def _replace(path: Path, to: Path) -> None:
    _step("rename", to, lambda: path.replace(to))
    _sync_folder(to.parent)


def _sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":  # it opens no folders
        return
    _step("sync folder", path, lambda: _sync_names(path))


def _sync_names(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that know no such thing
            raise
    finally:
        os.close(descriptor)
