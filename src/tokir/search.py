"""One query, every system of a run, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokir.artifacts import RunFolder
from tokir.errors import TokirError, Unavailable, nearest


@dataclass(frozen=True)
class Hit:
    """A passage that a system found."""

    id: str
    score: float
    title: str
    text: str


@dataclass(frozen=True)
class Answer:
    """Tokenizer id to the pieces of the query; system id to its hits, or why it could not look."""

    pieces: dict[str, list[str]]
    hits: dict[str, list[Hit] | str]


def search_run(folder: Path, query: str, top: int = 10, only: list[str] | None = None) -> Answer:
    """Ask every system of the run in ``folder``, or those named by ``only``.

    Raises:
        TokirError: no run folder or no finished run, an empty query, or an unknown system.
    """
    from tokir.study import Study
    from tokir.systems import model_points, systems

    if not query.strip():
        raise TokirError("the query is empty: give some words to look for")
    run = RunFolder.open(folder)
    if not (folder / "ready.json").exists():
        run.results()  # what was never finished is refused: a question is no moment to train for half an hour
    config = run.config()
    chosen = systems(config)
    known = [system.id for system in chosen]
    for name in only or []:
        if name not in known:
            raise TokirError(f"no system {name!r} in {folder}{nearest(name, known)}: it has {', '.join(known)}")
    study = Study(config, folder)
    pieces = {
        point.tokenizer.id: study.models.tokenizer(point.tokenizer).pieces(query) for point in model_points(config)
    }
    hits: dict[str, list[Hit] | str] = {}
    for system in chosen:
        if only and system.id not in only:
            continue
        try:
            ranking = study.searchers.searcher(system).rank([query], ["query"], top)["query"]
        except Unavailable as error:
            hits[system.id] = str(error)
            continue
        hits[system.id] = [Hit(passage, score, **study.record(passage)) for passage, score in ranking.items()]
    return Answer(pieces, hits)
