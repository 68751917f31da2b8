"""What is written down of added and deleted passages, and how a reader holds on to it.

Each change makes a *generation*: a folder ``additions/<number>`` with the passages as they are then and an index over
them for each system. ``additions.json`` says which one counts. It is replaced as a whole, so a reader sees the state
before a change or after it. What the study made stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from tokir.artifacts import Names, RunFolder, digest, read_sealed
from tokir.artifacts.durable import remove
from tokir.artifacts.manifest import Entry, files_below
from tokir.errors import TokirError, quoted
from tokir.retrieval.files import SystemFiles, Systems, contents, from_json, require_flat, with_models_of
from tokir.untrusted import built, read_json

log = logging.getLogger("tokir")

SCHEMA = 2  # of additions.json
PASSAGES, ID_ORDER, KEPT, LEASE = "passages.arrow", "id_order.npy", "kept.npy", "in_use"
STALE = "its files were made after passages were added or deleted: `tokir add {}` brings it up to date"


@dataclass(frozen=True)
class Additions:
    """How the passages of a run differ from those that its models were trained on."""

    generation: int  # number of the folder
    when: str  # of the last change, ISO 8601
    corpus: str  # checksum of the study's passages
    trained: int  # how many these are
    added: int  # with ids that the study's passages do not have
    replaced: int  # of the study's passages, by one with the same id
    deleted: int  # of the study's passages
    systems: dict[str, dict[str, Any]]  # id to the record of its files
    made_from: dict[str, str]  # id to a hash of the files of the study that these were made from
    vectors: dict[str, tuple[str, str]]  # file of the study's vectors to that of added ones, and the former's hash
    unavailable: dict[str, str] = field(default_factory=dict)  # id to the reason why it lacks the added passages
    files: tuple[Entry, ...] = ()  # of the generation, with their hashes

    def __post_init__(self) -> None:
        """ValueError where the time of the last change is none."""
        datetime.fromisoformat(self.when)

    @property
    def passages(self) -> int:
        """How many are searched."""
        return self.trained - self.deleted + self.added

    @property
    def changed(self) -> str:
        """How they differ, in words: ``120 added, 3 replaced, 2 deleted``."""
        counts = {"added": self.added, "replaced": self.replaced, "deleted": self.deleted}
        return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no net change"

    @property
    def sentence(self) -> str:
        """What a reader of answers and of scores must know."""
        when = datetime.fromisoformat(self.when)
        return (
            f"the models were trained on {self.trained:,} passages; since then {self.changed} (last on {when.day} "
            f"{when:%B %Y}), so {self.passages:,} {'is' if self.passages == 1 else 'are'} searched; any scores in "
            f"results.json and the report are of the {self.trained:,}"
        )

    def file(self, name: str) -> str:
        """The name of a file of its folder in the run folder."""
        return f"{Names.GENERATIONS}/{self.generation}/{name}"

    def over(self, base: Systems, folder: RunFolder) -> tuple[dict[str, SystemFiles], dict[str, str]]:
        """The files that each system answers from, and the reasons of those that cannot."""
        unavailable = {**base.unavailable, **self.unavailable}
        files = {}
        try:
            for name, made in base.files.items():
                if self.made_from.get(name) == made_from(made, folder):
                    files[name] = with_models_of(from_json(self.systems[name]), made)
                else:
                    unavailable.setdefault(name, STALE.format(quoted(folder.path)))
            require_flat(files)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(folder.path, str(error)) from None
        return files, unavailable


def made_from(files: SystemFiles, folder: RunFolder) -> str:
    """A hash of the files of the study that a system answers from."""
    passages = folder.key(Names.CORPUS) if folder.recorded(Names.CORPUS) else ""
    return digest([passages, contents(files, folder)])


def read_additions(path: Path) -> Additions | None:
    """What ``additions.json`` of the run folder ``path`` says; None where nothing was added or deleted.

    Raises:
        TokirError: the file is damaged, or of a run over other passages.
    """
    file = path / Names.ADDITIONS
    try:
        made = read_sealed(file)
        if made.pop("schema") != SCHEMA:
            raise ValueError("of another version of tokir")
        made["vectors"] = {name: tuple(found) for name, found in made["vectors"].items()}
        made["files"] = tuple(built(Entry, entry) for entry in made["files"])
        found = built(Additions, made)
        if _of_others(found, path):  # a run was copied over another one
            raise TokirError(f"{file} is of a run over other passages: delete it and {Names.GENERATIONS}/")
        return found
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, str(error)) from None


def _of_others(additions: Additions, path: Path) -> bool:
    """Are they of other passages than those of the study?"""
    try:
        return bool(read_json(path / Names.CORPUS_FACTS)["content"] != additions.corpus)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # a damaged file is named where its passages are read


def to_json(additions: Additions) -> dict[str, Any]:
    """What :func:`read_additions` reads."""
    return {"schema": SCHEMA, **asdict(additions)}


def files_of(folder: RunFolder, name: str) -> tuple[Entry, ...]:
    """A record of the files of a generation, which is the folder ``name``, but for the one that readers hold."""
    found = (
        file.relative_to(folder.path).as_posix() for file in files_below(folder.file(name)) if file.name != LEASE
    )
    return tuple(Entry.of(folder.path, file, "", 0.0, 0) for file in found)


def seal(files: Sequence[Entry]) -> str:
    """What the lease of a generation says, so that ``additions.json`` of another run is known as such."""
    return digest([[entry.path, entry.sha256] for entry in files])


def hold(folder: RunFolder) -> tuple[Additions, IO[bytes]] | None:
    """As :func:`read_additions`, with an open file that keeps its folder from being removed until it is closed.

    Raises:
        TokirError: ``additions.json`` is damaged or of another run, or names a folder that is gone.
    """
    gone, path = -1, folder.path
    while (made := read_additions(path)) is not None:
        if (lease := _lease(path / made.file(LEASE))) is not None:
            if lease.read().decode("ascii", "replace") != seal(made.files):
                lease.close()
                raise _damaged(path, f"{made.file(LEASE)} is not of the passages that it names")
            folder.know(made.files)
            return made, lease
        if made.generation == gone:  # it has not been replaced by another one meanwhile
            raise _damaged(path, f"{made.file(LEASE)} is gone")
        gone = made.generation
    if (path / Names.GENERATIONS).exists() and folder.writer() is None:
        log.warning(
            "%s: missing, so that the passages in %s/ are not searched: add them again",
            path / Names.ADDITIONS,
            Names.GENERATIONS,
        )
    return None


def is_held(folder: Path) -> bool:
    """Does a reader hold the folder of a generation? True where this system cannot tell."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        with (folder / LEASE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder / LEASE)  # first, so that whoever has opened it meanwhile sees that it is gone
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _lease(path: Path) -> IO[bytes] | None:
    """The open file that says that a generation is in use; None where it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_SH)
    except (ImportError, OSError):
        pass  # Windows removes no file that is open; other systems without such locks are those of network drives
    if path.exists():
        return file
    file.close()
    return None


def _damaged(path: Path, what: str) -> TokirError:
    return TokirError(
        f"{path / Names.ADDITIONS}: damaged ({what}): delete it, and the run answers from the study's passages again"
    )
