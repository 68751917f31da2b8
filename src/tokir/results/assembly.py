"""``results.json`` out of what each system scored: intervals, comparisons, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tokir.errors import TokirError
from tokir.evaluation.perturbations import perturbed
from tokir.evaluation.registry import HEADLINE, PERTURBATIONS
from tokir.evaluation.significance import groups
from tokir.results.ablations import ablations
from tokir.results.comparison import Resampled, compare, compare_perturbed, resample, robustness, with_scores
from tokir.results.configurations import ranked
from tokir.results.correlation import correlations
from tokir.results.findings import findings
from tokir.results.records import DatasetFacts, Environment, Perturbation, Results, System
from tokir.results.seeds import Averaged
from tokir.results.verdict import verdict

if TYPE_CHECKING:
    from tokir.config import EvaluationSettings, StudyConfig

SHOWN = 3  # queries that show what a perturbation does


def assemble_results(
    systems: Sequence[Averaged],
    queries: Mapping[str, str],
    config: StudyConfig,
    dataset: DatasetFacts,
    environment: Environment,
    created: str,
) -> Results:
    """All that ``results.json`` holds.

    Args:
        systems: from :func:`tokir.results.seeds.average_seeds`.
        queries: the evaluated ones, id to text, in the order of the scores.
        config: of the study.
        dataset: what was evaluated.
        environment: the machine.
        created: when the evaluation began, ISO 8601.

    Raises:
        TokirError: a score is not between 0 and 1.
    """
    settings = config.evaluation
    ok = [system for system in systems if system.scores]
    resampled = resample(ok, settings)
    rows = [_scored(system, resampled) for system in systems]
    comparisons = compare(ok, resampled, settings)
    different = [(entry.a, entry.b) for entry in comparisons if entry.significant]
    found = groups([row.id for row in ranked(rows)], different)
    rows = [_in_groups(row, found) for row in rows]
    results = Results(
        study=config.name,
        created=created,
        dataset=dataset,
        environment=environment,
        settings=config.model_dump(mode="json"),
        systems=tuple(rows),
        comparisons=comparisons,
        groups=tuple(map(tuple, found)),
        ablations=ablations(rows, comparisons),
        robustness=robustness(ok, resampled, settings),
        perturbation_comparisons=compare_perturbed(ok, rows, resampled, settings),
        perturbations=_perturbations(queries, settings),
        correlations=correlations(rows, settings.seed),
        # A random order puts each relevant passage among the first ten with this probability.
        chance={HEADLINE: min(1.0, 10 / dataset.passages)},
    )
    return results.model_copy(update={"verdict": verdict(results), "findings": findings(results)})


def _scored(system: Averaged, resampled: Resampled) -> System:
    if not system.scores:
        return system.row
    try:
        return with_scores(system, resampled)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TokirError(
            f"{system.row.id}: {where}: {first['msg'].lower()}: its scores cannot be written"
        ) from None


def _in_groups(row: System, found: list[list[str]]) -> System:
    numbers = tuple(number for number, group in enumerate(found) if row.id in group)
    return row.model_copy(update={"groups": numbers})


def _perturbations(queries: Mapping[str, str], settings: EvaluationSettings) -> tuple[Perturbation, ...]:
    """What each perturbation does, and to how many of the queries it does anything."""
    found = []
    for name in settings.robustness:
        after = perturbed(queries, name, settings.seed)
        changed = [(text, after[query]) for query, text in queries.items() if text != after[query]]
        words = PERTURBATIONS[name].words
        found.append(Perturbation(name=name, words=words, changed=len(changed), examples=tuple(changed[:SHOWN])))
    return tuple(found)
