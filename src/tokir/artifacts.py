"""The run folder: the names of its files, atomic writes, hashes, the manifest and the lock.

Each artefact is recorded in ``manifest.jsonl`` with a hash of everything it depends on. It is computed again
only when that hash differs, or when its bytes are no longer those that were written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tokir.errors import TokirError
from tokir.untrusted import completed, inside, parse_json, read_json, within

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger("tokir")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield the path of an empty file beside ``path`` that is moved there when the block ends well.

    A reader sees the old file or the whole new one, never a part, whatever stops the program.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:  # opened for writing, since Windows flushes nothing else
            os.fsync(written.fileno())
        temporary.chmod(0o644)  # mkstemp's 0o600 would hide a shared cache from other users
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write to a full disk does not say where
        raise


@contextmanager
def atomic(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """As :func:`new_file`, the file opened for writing; text is UTF-8."""
    with new_file(path) as fresh, fresh.open(mode, encoding=None if "b" in mode else "utf-8") as handle:
        yield handle


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically."""
    with atomic(path) as file:
        file.write(text)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; NaN and infinity are refused, as JSON has neither."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_tensors(path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write torch tensors as safetensors, atomically."""
    from safetensors.torch import save

    with atomic(path, "wb") as file:
        file.write(save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


def read_tensors(path: Path, framework: str = "pt") -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors (of torch, or of ``numpy``) and metadata of a safetensors file; TokirError names one that is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TokirError(f"{path}: damaged checkpoint ({error}): delete it and run again") from None


def write_array(path: Path, array: Any) -> None:
    """Write a numpy array in ``.npy`` format, atomically."""
    import numpy as np

    with atomic(path, "wb") as file:
        np.save(file, array, allow_pickle=False)


def read_array(path: Path) -> Any:
    """A numpy array, memory-mapped; TokirError names a file that is missing or damaged."""
    import numpy as np

    try:
        # Not np.load, which opens a zip and a pickle as well; rows of np.memmap come slowly.
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except FileNotFoundError:
        raise TokirError(f"{path}: missing: run the study again") from None
    except Exception as error:  # numpy raises whatever a damaged header provokes
        raise TokirError(f"{path}: damaged ({error}): delete it and run the study again") from None


def digest(value: Any) -> str:
    """SHA-256 of a JSON-like value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def peak_memory() -> int:
    """The largest resident set of this process so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows has no resource module
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes


class Names:
    """Every file of a run folder by its name inside of it, with ``/``; nobody else spells one out."""

    STUDY = "study.yaml"
    OMISSIONS = "omissions.json"
    MANIFEST = "manifest.jsonl"
    CORPUS = "corpus/passages.arrow"
    CORPUS_FACTS = "corpus/passages.json"
    ID_ORDER = "corpus/id_order.npy"
    SOURCE = "corpus/source.json"
    SYSTEMS, ADDITIONS, GENERATIONS = "systems.json", "additions.json", "additions"
    QUERIES, QRELS = "queries.tsv", "qrels.trec"
    RESULTS = "results.json"
    EXAMPLES = "examples.json"
    EXPLORER = "explorer.json"
    REPORT = ("results.csv", "report.md", "report.html")

    @staticmethod
    def tokenizer(tokenizer: str, suffix: str = ".json") -> str:
        """The tokenizer itself."""
        return f"tokenizers/{tokenizer}/tokenizer{suffix}"

    @staticmethod
    def tokenizer_facts(tokenizer: str) -> tuple[str, str]:
        """What was measured of a tokenizer, and how often each of its entries occurs."""
        return f"tokenizers/{tokenizer}/training.json", f"tokenizers/{tokenizer}/counts.npy"

    @staticmethod
    def model(training: str, file: str = "") -> str:
        """The folder of a training, or a file in it."""
        return f"models/{training}/{file}" if file else f"models/{training}"

    @staticmethod
    def embedding(system: str, file: str = "corpus.npy") -> str:
        """The vectors of the corpus, or what lies beside them."""
        return f"embeddings/{system}/{file}"

    @staticmethod
    def index(system: str) -> str:
        """The folder of an index."""
        return f"indexes/{system}"

    @staticmethod
    def teacher(teacher: str, texts: str) -> str:
        """A teacher's vectors of crops or of train queries."""
        return f"teachers/{teacher}/{texts}.npy"

    @staticmethod
    def chosen(system: str) -> str:
        """What was chosen for a system on the validation queries."""
        return f"chosen/{system}.json"

    @staticmethod
    def ranking(system: str, queries: str = "") -> str:
        """The ranked lists of a system, of the evaluated queries or of others: ``validation``, a perturbation."""
        return f"rankings/{queries}/{system}.trec" if queries else f"rankings/{system}.trec"

    @staticmethod
    def latency(system: str) -> str:
        """What one query costs."""
        return f"latency/{system}.json"


def require_run(path: Path) -> None:
    """TokirError where ``path`` is not a folder that ``tokir run`` made."""
    if not (path / Names.STUDY).exists():
        raise TokirError(f"{path} is not a run folder (it holds no {Names.STUDY}): make one with `tokir run`")


class RunFolder:
    """The folder that a study makes: what is in it, what that depends on, and who may write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: dict[str, tuple[int, int]] = {}  # size and time of files whose hash was found right
        self._lock: FileLock | None = None
        self._manifest: dict[str, dict[str, Any]] = {}
        self._manifest_stamp: tuple[int, int] | None = None
        self._read_manifest()

    def _read_manifest(self) -> None:
        """Read the manifest, unless it is as this process has last read or written it."""
        path = self.path / Names.MANIFEST
        stamp = _stamp(path) if path.exists() else None
        if stamp in (None, self._manifest_stamp):
            return
        self._manifest, self._manifest_stamp = {}, stamp
        for line in path.read_text("utf-8", errors="replace").splitlines():
            try:
                entry = completed(parse_json(line), path="", sha256="", inputs="", seconds=0.0, peak_memory=0)
                self._manifest[inside(entry["path"])] = entry
            except (ValueError, KeyError, TypeError):  # a line cut short costs one artefact, not the run
                log.warning("%s: a damaged line is left out; what it named is computed again", path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A folder that ``tokir run`` made; TokirError where there is none at ``path``."""
        require_run(path)
        return cls(path)

    def file(self, name: str) -> Path:
        """The path of a file by its name in the folder; TokirError where that leads out of it."""
        return within(self.path, name)

    def read_json(self, name: str) -> Any:
        """A JSON file of the folder; TokirError names one that is damaged."""
        path = self.file(name)
        try:
            return read_json(path)
        except ValueError as error:
            raise TokirError(f"{path}: damaged ({error}): delete it and run the study again") from None

    @contextmanager
    def locked(self, wait: float = 0) -> Iterator[None]:
        """Hold the folder for writing, free within ``wait`` seconds; a block of the same object inside holds it too.

        Raises:
            TokirError: another process holds it; the sentence says which.
        """
        from filelock import FileLock, Timeout

        self.path.mkdir(parents=True, exist_ok=True)
        holder = self.path / ".holder"
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
                holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
                self._read_manifest()
            yield
        finally:
            if self._lock.lock_counter == 1:
                holder.unlink(missing_ok=True)
            self._lock.release()

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
        """As :meth:`ensure`, for an artefact that decides itself which files it puts into the folder ``name``."""
        path, known = self.file(name), self._inside(name)
        if not known or not self.holds(known, inputs):
            for old in known:
                del self._manifest[old]
                self.file(old).unlink(missing_ok=True)
            start = time.perf_counter()
            path.mkdir(parents=True, exist_ok=True)
            make(path)
            made = [file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith(".")]
            self._record([file.relative_to(self.path).as_posix() for file in made], inputs, start)
        return path

    def forget(self, names: Sequence[str]) -> None:
        """Let files be made again the next time they are asked for."""
        for name in names:
            self._manifest.pop(name, None)

    def prune(self) -> None:
        """Forget files that are gone or damaged and that nothing has asked for."""
        self.forget([name for name, entry in self._manifest.items() if not self._valid(name, entry["inputs"])])
        self._write_manifest()

    def fingerprint(self, apart: Sequence[str]) -> str:
        """Hash of all that was made, but for the files ``apart``."""
        return digest({name: entry["sha256"] for name, entry in self._manifest.items() if name not in apart})

    def holds(self, names: Sequence[str], inputs: Any) -> bool:
        """Are the files ``names`` all there, whole and of the same ``inputs``?"""
        key = digest(inputs)
        return all(self._valid(name, key) for name in names)

    def whole(self) -> bool:
        """Are all files that were ever recorded there, with the bytes that were written?"""
        return all(self._valid(name, entry["inputs"]) for name, entry in self._manifest.items())

    def recorded(self, name: str) -> bool:
        """Was the file ``name`` made?"""
        return name in self._manifest

    def made(self, name: str) -> bool:
        """Was the file, or the folder, ``name`` made?"""
        return name in self._manifest or bool(self._inside(name))

    def entry(self, name: str) -> dict[str, Any]:
        """The manifest line of the artefact file ``name``: path, sha256, inputs, seconds, peak_memory (bytes)."""
        return self._manifest[name]

    def seconds(self, name: str) -> float:
        """What making the file ``name`` took; zero where it was never made."""
        return float(self._manifest[name]["seconds"]) if name in self._manifest else 0.0

    def key(self, name: str) -> str:
        """What an artefact that depends on ``name`` puts among its inputs: the hash of its bytes."""
        return str(self._manifest[name]["sha256"])

    def folder_key(self, name: str) -> list[str]:
        """As :meth:`key`, of all files of a folder."""
        return [self.key(file) for file in self._inside(name)]

    def _inside(self, name: str) -> list[str]:
        return sorted(file for file in self._manifest if file.startswith(f"{name}/"))

    def _record(self, names: Sequence[str], inputs: Any, start: float) -> None:
        seconds = round(time.perf_counter() - start, 3)
        key = digest(inputs)
        for name in names:
            self._manifest[name] = {
                "path": name,
                "sha256": file_digest(self.path / name),
                "inputs": key,
                "seconds": seconds,
                "peak_memory": peak_memory(),
            }
            self._seen[name] = _stamp(self.path / name)
        self._write_manifest()

    def _write_manifest(self) -> None:
        path = self.path / Names.MANIFEST
        write_text(path, "".join(json.dumps(line) + "\n" for line in self._manifest.values()))
        self._manifest_stamp = _stamp(path)

    def _valid(self, name: str, key: str) -> bool:
        entry, path = self._manifest.get(name), self.path / name
        if entry is None or entry["inputs"] != key or not path.exists():
            return False
        stamp = _stamp(path)
        if self._seen.get(name) == stamp:  # read by this process already
            return True
        if file_digest(path) != entry["sha256"]:
            log.warning("%s: damaged (its bytes are not those that were written); it is computed again", path)
            return False
        self._seen[name] = stamp
        return True


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns


def _holder(path: Path) -> str:
    try:
        return path.read_text("utf-8") or "another process"
    except OSError:  # it has not written who it is yet, or has just left
        return "another process"
