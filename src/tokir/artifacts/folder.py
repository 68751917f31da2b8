"""The run folder: what is in it, what that depends on, and who may write.

Each artefact is recorded in ``manifest.jsonl`` with a hash of everything it depends on. It is computed again
only when that hash differs, or when its bytes are no longer those that were written.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tokir.artifacts import durable
from tokir.artifacts.formats import digest, write_text
from tokir.artifacts.manifest import Entry, files_below, from_line, stamp, to_line
from tokir.artifacts.names import Names
from tokir.errors import TokirError
from tokir.untrusted import read_json, within

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger("tokir")
HOLDER = ".holder"
AGAIN = "the command that made the run makes it again"
OTHERWISE = f"delete {Names.ADDITIONS}, and the run answers from the study's passages again"


def peak_memory() -> int:
    """The largest resident set of this process so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows has no resource module
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes


class RunFolder:
    """The folder that a study makes: what is in it, what that depends on, and who may write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: dict[str, tuple[int, int]] = {}  # size and time of files whose hash was found right
        self._told: dict[str, tuple[int, int]] = {}  # and of those whose was not
        self._lock: FileLock | None = None
        self._manifest: dict[str, Entry] = {}
        self._manifest_stamp: tuple[int, int] | None = None
        self._beside: dict[str, Entry] = {}  # on record elsewhere
        self._opened: tuple[Any, ...] | None = None  # what a reader opened
        self.lost_lines = 0  # of the manifest, which were damaged
        self._read_manifest()

    def _read_manifest(self) -> None:
        """Read the manifest, unless it is as this process has last read or written it."""
        path = self.path / Names.MANIFEST
        found = stamp(path) if path.exists() else None
        if found in (None, self._manifest_stamp):
            return
        entries: dict[str, Entry] = {}
        lost = 0
        for line in path.read_text("utf-8", errors="replace").splitlines():
            try:
                entry = from_line(line)
            except (ValueError, TypeError, AttributeError):  # a line cut short costs one artefact, not the run
                log.warning("%s: a damaged line is left out; what it named is computed again", path)
                lost += 1
            else:
                entries[entry.path] = entry
        # All at the end: another thread of a server may look a file up meanwhile.
        self._manifest, self.lost_lines, self._manifest_stamp = entries, lost, found

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A folder that ``tokir run`` made.

        Raises:
            TokirError: there is none at ``path``, or its manifest is gone, so that nothing in it can be checked.
        """
        if not (path / Names.STUDY).exists():
            raise TokirError(f"{path} is not a run folder (it holds no {Names.STUDY}): make one with `tokir run`")
        if not (path / Names.MANIFEST).exists():
            raise TokirError(f"{path / Names.MANIFEST}: missing, so that no file can be checked: {AGAIN}")
        folder = cls(path)
        folder._opened = folder._identity()
        return folder

    def _identity(self) -> tuple[Any, ...]:
        """What is another one where another run has taken the place of this one: the folder, and its passages."""
        passages, about = self._manifest.get(Names.CORPUS), self.path.stat()
        return about.st_dev, about.st_ino, passages and passages.sha256

    def file(self, name: str) -> Path:
        """The path of a file by its name in the folder; TokirError where that leads out of it."""
        return within(self.path, name)

    def checked(self, name: str) -> Path:
        """The path of a file, or of a folder with all its files, that a reader opens.

        Small files are hashed; a large one with the size and the time on record is believed, since reading gigabytes
        before the first answer costs more than the answer. Where there is no manifest, nothing can be checked.

        Raises:
            TokirError: one is missing, is not on record, or does not have the bytes that were written.
        """
        path = self.file(name)
        self._require_opened()
        on_record = name in self._manifest or name in self._beside
        for file in [name] if on_record else self._all_inside(name):
            if wrong := self._wrong(file):
                self._read_manifest()  # whoever writes there may have made it anew since
                self._require_opened()
                wrong = self._wrong(file)
            if wrong:
                remedy = OTHERWISE if file in self._beside else AGAIN
                if (writer := self.writer()) is not None and writer != _myself():
                    remedy = f"{writer} writes into the folder: ask again when it has ended"
                raise TokirError(f"{self.file(file)}: {wrong}: {remedy}")
        return path

    def _require_opened(self) -> None:
        """TokirError where a reader would take files of another run for those of the one that it opened."""
        if self._opened is not None and self.path.exists() and self._identity() != self._opened:
            raise TokirError(
                f"{self.path}: another run has taken the place of the one that was opened: open it again"
            )

    def _wrong(self, name: str) -> str:
        """What a reader must be told of a file instead of what it holds; nothing if all is well."""
        path, entry = self.file(name), self._manifest.get(name, self._beside.get(name))
        if entry is None:
            return f"no record of it in {Names.MANIFEST}, so it cannot be checked"
        if not path.exists():
            return "missing"
        if self._seen.get(name) != (found := stamp(path)):
            if not entry.seems_to_fit(path):
                return "damaged (its bytes are not those that were written)"
            self._seen[name] = found
        return ""

    def know(self, entries: Iterable[Entry]) -> None:
        """Hold files of another record than the manifest against it too."""
        self._beside = {entry.path: entry for entry in entries}

    def read_json(self, name: str) -> Any:
        """A JSON file of the folder; TokirError names one that is damaged."""
        path = self.checked(name)
        try:
            return read_json(path)
        except ValueError as error:
            raise TokirError(f"{path}: damaged ({error}): delete it and run the study again") from None

    def writer(self) -> str | None:
        """Who writes into the folder; None where nobody is on record but a process of this machine that has ended."""
        holder = self.path / HOLDER
        said = _holder(holder) if holder.exists() else None
        return None if said is None or _has_ended(said) else said

    @contextmanager
    def locked(self, wait: float = 0) -> Iterator[None]:
        """Hold the folder for writing, free within ``wait`` seconds; a block of the same object inside holds it too.

        Raises:
            TokirError: another process holds it; the sentence says which.
        """
        from filelock import FileLock, Timeout

        durable.make_folder(self.path)
        holder = self.path / HOLDER
        if self._lock is None:
            self._lock = FileLock(self.path / ".lock")
        try:
            self._lock.acquire(timeout=wait)
        except Timeout:
            raise TokirError(
                f"{self.path} is in use by {_holder(holder)}: wait until it ends, or choose another folder with --out"
            ) from None
        try:
            if self._lock.lock_counter == 1:
                durable.sweep(self.path)
                write_text(holder, _myself())
                self._read_manifest()
            yield
        finally:
            try:
                if self._lock.lock_counter == 1:
                    durable.remove(holder)
            finally:
                self._lock.release()

    def tidy(self) -> None:
        """Sweep what a writer left that could not remove it, unless the folder is in use, or not to be written to."""
        with suppress(TokirError, OSError), self.locked():
            pass  # whoever locks it has swept it

    # -- artefacts ----------------------------------------------------------------------------------------

    def ensure(self, names: Sequence[str], inputs: Any, make: Callable[[], None]) -> None:
        """Make the artefact whose files are ``names`` unless all are there, whole and of the same ``inputs``.

        Args:
            names: paths of files inside the folder, with ``/``.
            inputs: JSON-like value of all that the artefact depends on.
            make: writes the files; what it keeps beside them, to resume, is its own.
        """
        if not self.holds(names, inputs):
            start = time.perf_counter()
            make()
            self._record(names, inputs, start)

    def ensure_folder(self, name: str, inputs: Any, make: Callable[[Path], None]) -> Path:
        """As :meth:`ensure`, for an artefact that decides itself which files it puts into the folder ``name``.

        Which these are is on record with each of them, so that one without a record of its own is missed.
        """
        path, known = self.file(name), self._inside(name)
        if not known or not self.holds(known, {"inputs": inputs, "files": known}):
            self.forget(known)
            durable.remove_folder(path)  # with what a killed writer left there
            start = time.perf_counter()
            durable.make_folder(path)
            make(path)
            made = [file.relative_to(self.path).as_posix() for file in files_below(path)]
            self._record(made, {"inputs": inputs, "files": made}, start)
        return path

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Record files that lie here by their records of another folder, in which they were made."""
        for entry in entries:
            self._manifest[entry.path] = replace(entry, mtime_ns=stamp(self.file(entry.path))[1])
        self._write_manifest()

    def forget(self, names: Sequence[str]) -> None:
        """Let files be made again the next time they are asked for."""
        for name in names:
            self._manifest.pop(name, None)

    def prune(self) -> None:
        """Forget files that are gone or damaged and that nothing has asked for."""
        self.forget([name for name in self._manifest if not self.is_whole(name)])
        self._write_manifest()

    def fingerprint(self, apart: Sequence[str]) -> str:
        """Hash of all that was made, but for the files ``apart``."""
        return digest({name: entry.sha256 for name, entry in self._manifest.items() if name not in apart})

    def holds(self, names: Sequence[str], inputs: Any) -> bool:
        """Are the files ``names`` all there, whole and of the same ``inputs``?"""
        key = digest(inputs)
        return all(self._valid(name, key) for name in names)

    def whole(self) -> bool:
        """Are all files that were ever recorded there, with the bytes that were written?"""
        return all(map(self.is_whole, self._manifest))

    def is_whole(self, name: str) -> bool:
        """Is the file ``name``, which is on record, there with the bytes that were written?"""
        return self._valid(name, self._manifest[name].inputs)

    def recorded(self, name: str) -> bool:
        """Was the file ``name`` made?"""
        return name in self._manifest

    def begun(self, apart: Sequence[str]) -> bool:
        """Was anything made but the files ``apart``, those of such a name in whichever folder, and those in folders
        whose name is among them with a ``/`` at its end?
        """
        folders = tuple(name for name in apart if name.endswith("/"))
        made = (name for name in self._manifest if not name.startswith(folders))
        return any(not {name, PurePosixPath(name).name} & set(apart) for name in made)

    def made(self, name: str) -> bool:
        """Was the file, or the folder, ``name`` made?"""
        return name in self._manifest or bool(self._inside(name))

    def entry(self, name: str) -> Entry:
        """What is on record of the file ``name``."""
        return self._manifest[name]

    def seconds(self, name: str) -> float:
        """What making the file ``name`` took; zero where it was never made."""
        return self._manifest[name].seconds if name in self._manifest else 0.0

    def key(self, name: str) -> str:
        """What an artefact that depends on ``name`` puts among its inputs: the hash of its bytes."""
        return self._manifest[name].sha256

    def folder_key(self, name: str) -> list[str]:
        """As :meth:`key`, of all files of a folder, but for the history of a training, which is of its times."""
        return [self.key(file) for file in self._inside(name) if not file.endswith(f"/{Names.HISTORY}")]

    def _all_inside(self, name: str) -> list[str]:
        """Of a folder, or of a file that is not on record, what has to be held against the record."""
        if self._manifest_stamp is None:
            return []
        # What lies there without a record may have lost it, unless it never has one.
        found = {file.relative_to(self.path).as_posix() for file in files_below(self.path / name)}
        found -= {f"{name}/{Names.STATE}"}
        return sorted(found.union(self._inside(name))) or [name]

    def _inside(self, name: str) -> list[str]:
        return sorted(file for file in (*self._manifest, *self._beside) if file.startswith(f"{name}/"))

    def _record(self, names: Sequence[str], inputs: Any, start: float) -> None:
        seconds = round(time.perf_counter() - start, 3)
        key = digest(inputs)
        for name in names:
            self._manifest[name] = entry = Entry.of(self.path, name, key, seconds, peak_memory())
            self._seen[name] = entry.size, entry.mtime_ns
        self._write_manifest()

    def _write_manifest(self) -> None:
        path = self.path / Names.MANIFEST
        write_text(path, "".join(map(to_line, self._manifest.values())))
        self._manifest_stamp = stamp(path)

    def _valid(self, name: str, key: str) -> bool:
        entry, path = self._manifest.get(name), self.path / name
        if entry is None or entry.inputs != key or not path.exists():
            return False
        found = stamp(path)
        if self._seen.get(name) == found:  # read by this process already
            return True
        if not entry.fits(path):
            if self._told.get(name) != found:
                log.warning("%s: damaged (its bytes are not those that were written); it is computed again", path)
            self._told[name] = found
            return False
        self._seen[name] = found
        return True


def _myself() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _has_ended(said: str) -> bool:
    """Was it a process of this machine, and is there none of its number any more?"""
    number, _, machine = said.removeprefix("process ").partition(" on ")
    if os.name != "posix" or machine != socket.gethostname() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except (OSError, OverflowError) as error:  # one that may not be asked is there
        return isinstance(error, ProcessLookupError)
    return False


def _holder(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace") or "another process"
    except OSError:  # it has not written who it is yet, or has just left
        return "another process"
