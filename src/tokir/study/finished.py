"""Whether a run is finished: then the same command has nothing to do, and loads next to nothing to see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tokir.artifacts import Names
from tokir.study.context import Context
from tokir.study.folder import settings_of

if TYPE_CHECKING:
    from tokir.results.records import Results


MADE = (Names.RESULTS, Names.EXAMPLES, Names.EXPLORER)


def results_inputs(context: Context) -> dict[str, Any]:
    """What the results depend on: settings, data, and all that was made before them."""
    from tokir.results.records import SCHEMA

    return {
        "settings": settings_of(context.config),
        "dataset": context.dataset.checksum,
        "schema": SCHEMA,
        "made": context.folder.fingerprint((*MADE, *Names.REPORT, Names.SOURCE, Names.STUDY)),
    }


def ready(context: Context) -> bool:
    """Is a run that has nothing to score ready to be searched and undamaged?"""
    folder = context.folder
    if not folder.recorded(Names.SYSTEMS) or not folder.whole():
        return False
    missing = folder.read_json(Names.SYSTEMS)["unavailable"]
    return not _have_moved(context) and not (missing and _can_be_had(context))


def _have_moved(context: Context) -> bool:
    """Do pretrained models lie elsewhere by now than where its systems look for them?"""
    places = context.config.pretrained_folders
    files = context.folder.read_json(Names.SYSTEMS)["files"]
    return any(places.get(name) != place for name, place in _pretrained(files))


def _pretrained(files: Any) -> Iterator[tuple[str, str | None]]:
    """The pretrained models among the files of systems, and where they were named to lie."""
    if isinstance(files, dict):
        if files.keys() >= {"name", "folder"}:
            yield files["name"], files["folder"]
        for inside in files.values():
            yield from _pretrained(inside)


def finished(context: Context) -> Results | None:
    """The results of a run that is finished and undamaged; None where there is something left to do.

    A system that was unavailable and no longer is, is something to do; one that has become so changes nothing.
    """
    from tokir.report import report_inputs
    from tokir.results.reading import read_results

    folder = context.folder
    if not all(map(folder.recorded, (*MADE, *Names.REPORT, Names.SYSTEMS))):
        return None
    current = folder.holds(MADE, results_inputs(context)) and folder.holds(Names.REPORT, report_inputs(folder))
    if not current or not folder.whole() or _have_moved(context):
        return None
    results = read_results(folder)
    missing = any(not row.ok for row in results.systems)
    return None if missing and _can_be_had(context) else results


def lacking(context: Context) -> list[str]:
    """The pretrained models of a study, as baselines and as its teacher, that this machine has not."""
    from tokir.study.baselines import baseline
    from tokir.study.embeddings import Embeddings

    config, embeddings = context.config, Embeddings(context)
    taught = any("teacher" in objective.all_needs for objective in config.trained_objectives)
    names = dict.fromkeys([*config.baselines, *([config.retrieval.teacher] if taught else [])])
    found = {name: baseline(name) for name in names}
    return [name for name, one in found.items() if one.dense and one.missing(embeddings) is not None]


def _can_be_had(context: Context) -> bool:
    """Is one of those here that were lacking when the systems were made?"""
    before = context.folder.read_json(Names.SYSTEMS).get("lacking", [])
    return bool(set(before) - set(lacking(context)))
