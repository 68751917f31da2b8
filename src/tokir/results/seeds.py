"""Systems that differ in their seed alone, averaged into one row."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.hits import Hit
from tokir.evaluation.measures import PerQuery
from tokir.evaluation.registry import HEADLINE
from tokir.results.records import System
from tokir.results.systems import LanguageModel, Seconds


@dataclass(frozen=True)
class Evaluated:
    """A system's row, and what its ranked lists score; nothing where the system is unavailable.

    Attributes:
        row: all but scores, intervals, groups and what ``average_seeds`` fills in.
        scores: by measure, one per query.
        hits: by query.
        perturbed: recall@10 of the perturbed queries, by perturbation, one per query.
    """

    row: System
    scores: PerQuery = field(default_factory=dict)
    hits: dict[str, Hit] = field(default_factory=dict)
    perturbed: PerQuery = field(default_factory=dict)


@dataclass(frozen=True)
class Averaged:
    """A row of the result table with its scores.

    Attributes:
        row: without scores and intervals.
        scores: by measure, (seeds, queries).
        perturbed: recall@10 by perturbation, (seeds, queries).
        hits: of the first seed, by query.
        trained: it was trained here, or fuses what was; else it always scores the same.
    """

    row: System
    scores: dict[str, NDArray[np.float64]]
    perturbed: dict[str, NDArray[np.float64]]
    hits: dict[str, Hit]
    trained: bool


def average_seeds(evaluated: list[Evaluated]) -> list[Averaged]:
    """Systems in their order; those that differ in their seed alone become one."""
    same: dict[str, list[Evaluated]] = {}
    trained: set[str] = set()
    for system in evaluated:  # a fusion comes after its members
        same.setdefault(_without_seed(system.row), []).append(system)
        if system.row.kind == "trained" or (system.row.fused and trained & set(system.row.fused.systems)):
            trained.add(system.row.id)
    return [_averaged(name, systems, systems[0].row.id in trained) for name, systems in same.items()]


def _without_seed(row: System) -> str:
    return row.id if row.seed is None else row.id.removesuffix(f".s{row.seed}")


def _averaged(name: str, same: list[Evaluated], trained: bool) -> Averaged:
    rows = [system.row for system in same]
    row = rows[0].model_copy(update={"runs": tuple(one.id for one in rows)})
    if len(rows) > 1:
        row = row.model_copy(update=_of_several_seeds(name, rows))
    failed = next((one for one in rows if not one.ok), None)
    if failed is not None:
        row = row.model_copy(update={"status": failed.status, "reason": failed.reason})
        return Averaged(row, {}, {}, {}, trained)
    scores = {measure: np.array([one.scores[measure] for one in same]) for measure in same[0].scores}
    perturbed = {kind: np.array([one.perturbed[kind] for one in same]) for kind in same[0].perturbed}
    if len(rows) > 1:
        row = row.model_copy(update={"by_seed": tuple(scores[HEADLINE].mean(axis=1).tolist())})
    return Averaged(row, scores, perturbed, same[0].hits, trained)


def _of_several_seeds(name: str, rows: list[System]) -> dict[str, object]:
    """What the row of several seeds has instead of the first one's."""
    changed: dict[str, object] = {"id": name, "seed": None, "seeds": tuple(row.seed for row in rows)}
    changed["stages"] = {stage: seconds for row in rows for stage, seconds in row.stages.items()}
    changed["teacher_files"] = {file: seconds for row in rows for file, seconds in row.teacher_files.items()}
    if not all(row.ok for row in rows):
        return changed
    changed["seconds"] = Seconds(
        train=_mean([row.seconds.train for row in rows]),
        teacher=_mean([row.seconds.teacher for row in rows]),
        embed=_mean([row.seconds.embed for row in rows]),
    )
    for figure in ("validation_recall", "index_recall"):
        changed[figure] = _mean([getattr(row, figure) for row in rows])
    models = [row.language_model for row in rows if row.language_model]
    if len(models) == len(rows):
        changed["language_model"] = _mean_model(models)
    return changed


def _mean_model(models: list[LanguageModel]) -> LanguageModel:
    """The first model with the mean figures of all."""
    figures = ("perplexity", "bits_per_character", "bits_per_byte")
    return models[0].model_copy(
        update={name: float(np.mean([getattr(model, name) for model in models])) for name in figures}
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
