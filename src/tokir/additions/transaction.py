"""Passages added to a finished run, replaced and deleted: encoded and indexed with the models as they are.

A change is made beside what there is, brought to the disk, and counts from the moment at which ``additions.json`` is
replaced. Whatever stops the program, the run is as before or as after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.additions import state
from tokir.additions.state import Additions, is_held, made_from, read_additions
from tokir.artifacts import Names, RunFolder, read_array, write_array, write_sealed, write_text
from tokir.artifacts.durable import make_folder, remove, remove_folder
from tokir.config.names import check_device
from tokir.data import beir, tables
from tokir.data import corpus as corpora
from tokir.data.corpus import Corpus, Document
from tokir.errors import TokirError, Unavailable, require_list, require_text
from tokir.progress import Progress, Silent
from tokir.retrieval.files import Opener, SystemFiles, Systems, read_systems, to_json
from tokir.retrieval.growth import Growth, Known
from tokir.retrieval.ranking import descending, inverse
from tokir.untrusted import expanded

PATIENCE = 60.0  # seconds to wait for another process that writes into the folder
LISTED = 5  # unknown ids that an error names


def add_passages(
    path: str | Path,
    documents: str | Path | None = None,
    *,
    partial: bool = False,
    device: str = "auto",
    download: bool = False,
    progress: Progress | None = None,
) -> Additions:
    """Add documents to the run in the folder ``path``; one whose id is there already replaces that passage.

    Args:
        path: of a finished run.
        documents: a file of documents as a data set has (JSONL, CSV, TSV, Parquet, a BEIR folder or zip). Without it
            systems that lack what was added before are brought up to date.
        partial: where a system cannot take in passages on this machine, go on; it gives no answers until it can.
        device: that networks embed on: auto, cpu, cuda or mps.
        download: whether pretrained models that the study names may be fetched.
        progress: hears how the work goes.

    Returns:
        How the run now differs from what its models were trained on.

    Raises:
        TokirError: the file, a line or a field of it is wrong; there is no finished run, or another process writes
            into it; or a system cannot take in the passages. Nothing was changed then.
    """
    check_device(device)
    machine = _Machine(device, download, partial, progress or Silent())
    return _change(RunFolder.open(expanded(path)), None if documents is None else expanded(documents), (), machine)


def delete_passages(
    path: str | Path, ids: Sequence[str], *, partial: bool = False, progress: Progress | None = None
) -> Additions:
    """Delete passages by their ids from the run in the folder ``path``; nothing is encoded.

    Args:
        path: of a finished run.
        ids: of the passages.
        partial: where the index of a system cannot be made without them on this machine, go on; it gives no answers
            until it can.
        progress: hears how the work goes.

    Raises:
        TokirError: an id is unknown, no passage would be left, there is no finished run, another process writes into
            it, or a system cannot do without the passages. Nothing was changed then.
    """
    require_list(ids, "ids")
    if not ids:
        raise TokirError("no passage is named: give the ids of those to delete")
    for id in ids:
        require_text(id)
    machine = _Machine("cpu", False, partial, progress or Silent())
    return _change(RunFolder.open(expanded(path)), None, tuple(ids), machine)


@dataclass(frozen=True)
class _Machine:
    device: str
    download: bool
    partial: bool
    progress: Progress


@dataclass(frozen=True)
class _Present:
    """A run before a change."""

    study: Corpus
    systems: Systems
    additions: Additions | None
    corpus: Corpus  # that is searched
    kept: NDArray[np.int64]  # positions in ``study`` of the first passages of ``corpus``

    @classmethod
    def of(cls, folder: RunFolder) -> _Present:
        systems, made = read_systems(folder), read_additions(folder.path)
        study = Corpus.open(folder.checked(Names.CORPUS), verify=False)
        if made is None:
            return cls(study, systems, None, study, np.arange(len(study)))
        folder.know(made.files)
        corpus = Corpus.open(folder.checked(made.file(state.PASSAGES)), verify=False)
        return cls(study, systems, made, corpus, read_array(folder.checked(made.file(state.KEPT))))

    def lacking(self, folder: RunFolder) -> set[str]:
        """Systems that do not answer over the present passages, but could."""
        made = self.additions
        return set() if made is None else made.over(self.systems, folder)[1].keys() & self.systems.files.keys()


def _change(folder: RunFolder, documents: Path | None, deleted: Sequence[str], machine: _Machine) -> Additions:
    with folder.locked(PATIENCE):
        present = _Present.of(folder)
        if documents is None and not deleted:
            if present.additions is None:
                raise TokirError(f"nothing was ever added to {folder.path}: name a file of documents")
            if not present.lacking(folder):
                return present.additions
        _remove_others(folder, present.additions)
        number = _next_number(folder)
        path = folder.path / Names.GENERATIONS / str(number)
        try:
            additions = _make(folder, present, number, documents, deleted, machine)
        except BaseException:
            with suppress(OSError):  # the next change removes it
                remove_folder(path)
                if not any(path.parent.iterdir()):  # readers may hold others
                    remove_folder(path.parent)
            raise
        write_sealed(folder.file(Names.ADDITIONS), state.to_json(additions))  # from here on it counts
        _remove_others(folder, additions)
        return additions


def _make(
    folder: RunFolder,
    present: _Present,
    number: int,
    documents: Path | None,
    deleted: Sequence[str],
    machine: _Machine,
) -> Additions:
    """Everything of a generation but that it counts."""
    name = f"{Names.GENERATIONS}/{number}"
    path = folder.file(name)
    make_folder(path)
    incoming = None if documents is None else _read(documents, path / "incoming.arrow")
    stays = _staying(folder, present, incoming, deleted)
    first = len(present.kept)
    kept = np.asarray(present.kept)[stays[:first]]
    corpus = _write_passages(path / state.PASSAGES, present.corpus, stays, incoming)
    order = descending(corpus.stream_ids())
    write_array(path / state.ID_ORDER, order)
    write_array(path / state.KEPT, kept)
    before = present.additions
    growth = Growth(
        folder=folder,
        opener=Opener(folder, download=machine.download),
        device=machine.device,
        generation=name,
        corpus=corpus,
        kept=kept,
        tie_order=inverse(order),
        known={} if before is None else {vectors: Known(*found) for vectors, found in before.vectors.items()},
        rows=np.flatnonzero(stays[first:]),
        progress=machine.progress,
    )
    systems, unavailable = _grow(growth, present, machine.partial)
    del incoming  # Windows removes no file that is mapped
    for file in path.glob("incoming.*"):
        remove(file)
    files = state.files_of(folder, name)
    write_text(path / state.LEASE, state.seal(files))
    replaced = len(present.study.positions({document.id for document in corpus.records(len(kept))}))
    return Additions(
        generation=number,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        corpus=present.study.checksum,
        trained=len(present.study),
        added=len(corpus) - len(kept) - replaced,
        replaced=replaced,
        deleted=len(present.study) - len(kept) - replaced,
        systems={system: to_json(files) for system, files in systems.items()},
        made_from={system: made_from(present.systems.files[system], folder) for system in systems},
        vectors={vectors: (made.file, made.key) for vectors, made in growth.made.items()},
        unavailable=unavailable,
        files=files,
    )


# -- passages ---------------------------------------------------------------------------------------------


def _read(source: Path, target: Path) -> Corpus:
    """The documents of a file, held against all that a corpus must fulfil."""
    if not source.exists():
        raise TokirError(f"{source}: there is no such file")
    table = beir.layout(source)[1]

    def documents() -> Iterator[tuple[int, Document]]:
        for line, document in tables.documents(table):
            if not document.passage.strip():
                raise TokirError(
                    f"{table.location(line)}: the field `text` of document {document.id!r} is empty, and it has no "
                    "title: give it text, or leave it out"
                )
            yield line, document

    corpus = corpora.write(target, documents, table.location)
    if not len(corpus):
        raise TokirError(f"{table.files.where(table.name)} holds no documents")
    return corpus


def _staying(
    folder: RunFolder, present: _Present, incoming: Corpus | None, deleted: Sequence[str]
) -> NDArray[np.bool_]:
    """Which of the present passages stay, (passages,)."""
    gone = set(deleted) | set(() if incoming is None else incoming.ids)
    positions = present.corpus.positions(gone)
    if unknown := [id for id in dict.fromkeys(deleted) if id not in positions]:
        some = ", ".join(map(repr, unknown[:LISTED])) + (", ..." if len(unknown) > LISTED else "")
        raise TokirError(f"{folder.path} has no passage {some}: nothing was deleted")
    stays = np.ones(len(present.corpus), dtype=bool)
    stays[list(positions.values())] = False
    if incoming is None and not stays.any():
        raise TokirError(f"no passage would be left in {folder.path}: nothing was deleted")
    return stays


def _write_passages(path: Path, present: Corpus, stays: NDArray[np.bool_], incoming: Corpus | None) -> Corpus:
    def documents() -> Iterable[tuple[int, Document]]:
        for position, document in enumerate(present.records()):
            if stays[position]:
                yield position, document
        yield from enumerate(() if incoming is None else incoming.records())

    return corpora.write(path, documents, str)


# -- systems ----------------------------------------------------------------------------------------------


def _grow(growth: Growth, present: _Present, partial: bool) -> tuple[dict[str, SystemFiles], dict[str, str]]:
    """The files of every system over the new passages; and why others have none."""
    answering = present.systems.files.keys() - present.lacking(growth.folder)
    steps: dict[str, Callable[[], SystemFiles]] = {}
    made: dict[str, SystemFiles] = {}
    lacking: dict[str, str] = {}

    def refuse() -> None:
        if (lost := [name for name in lacking if name in answering]) and not partial:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise TokirError(
                f"nothing was changed, since {lost[0]}{more} cannot follow the change: {lacking[lost[0]]}; with "
                "--partial such systems give no answers until they can"
            )

    for name, files in present.systems.files.items():  # all that can be missing is seen before anything is encoded
        try:
            steps[name] = files.grown(growth)
        except Unavailable as error:
            lacking[name] = str(error)
    refuse()
    for name, step in steps.items():
        try:
            made[name] = step()
        except Unavailable as error:
            lacking[name] = str(error)
    refuse()
    growth.opener.release()
    return made, {
        name: f"it does not follow passages that were added or deleted: {reason}"
        for name, reason in lacking.items()
    }


# -- folders ----------------------------------------------------------------------------------------------


def _next_number(folder: RunFolder) -> int:
    return max((int(path.name) for path in _generations(folder)), default=0) + 1


def _generations(folder: RunFolder) -> list[Path]:
    path = folder.file(Names.GENERATIONS)
    return [inside for inside in path.iterdir() if inside.name.isdecimal()] if path.is_dir() else []


def _remove_others(folder: RunFolder, current: Additions | None) -> None:
    """Remove generations that do not count and that no reader holds."""
    for path in _generations(folder):
        if (current is None or path.name != str(current.generation)) and not is_held(path):
            with suppress(OSError):  # the next change tries again
                remove_folder(path)
