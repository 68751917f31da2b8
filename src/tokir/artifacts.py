"""The run folder: names, atomic writes, hashes and the manifest.

Each artefact is recorded in ``manifest.jsonl`` with a hash of everything it depends on. It is computed again
only when that hash differs, or when its bytes are no longer those that were written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

from tokir.config import StudyConfig, check_config, dump_config, flatten
from tokir.errors import TokirError

log = logging.getLogger("tokir")


@contextmanager
def atomic(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` and move it there when the block ends well.

    A reader sees the old file or the whole new one, never a part, whatever stops the program.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = None if "b" in mode else "utf-8"
    handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below, before the move
        mode, encoding=encoding, dir=path.parent, prefix=f".{path.name}.", delete=False
    )
    temporary = Path(handle.name)
    try:
        with handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write to a full disk does not say where
        raise


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


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata of a safetensors file; TokirError names a file that is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise TokirError(f"{path}: damaged checkpoint ({error}): delete it and run again") from None


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


class RunFolder:
    """One study's folder. ``RunFolder.create`` starts or resumes it, ``RunFolder.open`` reads a finished one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: dict[str, dict[str, Any]] = {}
        manifest = path / "manifest.jsonl"
        if manifest.exists():
            for line in manifest.read_text("utf-8", errors="replace").splitlines():
                try:
                    entry = json.loads(line)
                    self._manifest[entry["path"]] = {"sha256": "", "inputs": "", **entry}
                except (ValueError, KeyError, TypeError):  # a line cut short costs one artefact, not the run
                    log.warning("%s: a damaged line is left out; what it named is computed again", manifest)

    @classmethod
    def create(cls, path: Path, config: StudyConfig) -> RunFolder:
        """Start a run in ``path``, or resume the run of the same configuration that lies there.

        Raises:
            TokirError: ``path`` holds a run of another configuration (the difference is named), or files
                that are no run.
        """
        existing = path / "study.yaml"
        if existing.exists() and (path / "manifest.jsonl").exists():  # else nothing was made of it yet
            old = flatten(cls.open(path).config().model_dump(mode="json"))
            new = flatten(config.model_dump(mode="json"))
            # Where pretrained models lie is free to change: their weights are hashed by themselves.
            free = ("name", "pretrained_folders")
            changed = [key for key in {**old, **new} if old.get(key) != new.get(key) and not key.startswith(free)]
            if changed:
                details = "; ".join(
                    f"{key} is {old.get(key)!r} there and {new.get(key)!r} here" for key in changed
                )
                raise TokirError(
                    f"{path} holds a run of another configuration: {details}. "
                    "Choose another folder with --out, or repeat its settings"
                )
        elif not existing.exists() and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
            raise TokirError(f"{path} is no run folder and not empty: choose another folder with --out")
        write_text(existing, dump_config(config))
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A folder that ``tokir run`` made; TokirError when there is none at ``path``."""
        if not (path / "study.yaml").exists():
            raise TokirError(f"{path} is no run folder (it holds no study.yaml): make one with `tokir run`")
        return cls(path)

    def config(self) -> StudyConfig:
        """The resolved configuration the run was made with."""
        place = self.path / "study.yaml"
        try:
            values = yaml.safe_load(place.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise TokirError(f"{place}: damaged: {error}") from None
        return check_config(values, str(place))

    def results(self) -> dict[str, Any]:
        """``results.json``; TokirError when the run is not finished or the file is damaged."""
        place = self.path / "results.json"
        try:
            results: dict[str, Any] = json.loads(place.read_text("utf-8"))
            return results
        except FileNotFoundError:
            raise TokirError(
                f"{self.path} has no results yet: finish it with `tokir evaluate {self.path}`"
            ) from None
        except ValueError as error:
            raise TokirError(
                f"{place}: damaged ({error}): make it again with `tokir evaluate {self.path}`"
            ) from None

    def ensure(self, names: Sequence[str], inputs: Any, make: Callable[[], None]) -> None:
        """Make the artefact whose files are ``names`` unless all are there, whole and of the same ``inputs``.

        Args:
            names: paths of files inside the folder, with ``/``.
            inputs: JSON-like value of all that the artefact depends on.
            make: writes the files; what it keeps beside them, to resume, is its own.
        """
        if self.holds(names, inputs):
            return
        start = time.perf_counter()
        make()
        seconds = round(time.perf_counter() - start, 3)
        for name in names:
            self._manifest[name] = {
                "path": name,
                "sha256": file_digest(self.path / name),
                "inputs": digest(inputs),
                "seconds": seconds,
                "peak_memory": peak_memory(),
            }
        write_text(
            self.path / "manifest.jsonl", "".join(json.dumps(line) + "\n" for line in self._manifest.values())
        )

    def holds(self, names: Sequence[str], inputs: Any) -> bool:
        """Are the files ``names`` all there, whole and of the same ``inputs``?"""
        key = digest(inputs)
        return all(self._valid(name, key) for name in names)

    def entry(self, name: str) -> dict[str, Any]:
        """The manifest line of the artefact file ``name``: path, sha256, inputs, seconds, peak_memory (bytes)."""
        return self._manifest[name]

    def key(self, name: str) -> str:
        """What an artefact that depends on ``name`` puts among its inputs: the hash of its bytes."""
        return str(self._manifest[name]["sha256"])

    def _valid(self, name: str, key: str) -> bool:
        entry, path = self._manifest.get(name), self.path / name
        if entry is None or entry["inputs"] != key or not path.exists():
            return False
        if file_digest(path) != entry["sha256"]:
            log.warning("%s: damaged (its bytes are not those that were written); it is computed again", path)
            return False
        return True
