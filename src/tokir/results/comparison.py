"""Intervals of every score, and comparisons of every pair of systems and of tokenizers under perturbations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.registry import HEADLINE
from tokir.evaluation.significance import (
    bootstrap_means,
    holm,
    percentile_interval,
    queries_needed,
    randomisation_test,
    seeds_test,
)
from tokir.results.base import Interval
from tokir.results.configurations import configurations, ranked
from tokir.results.records import Comparison, PerturbationComparison, PerturbationScore, System
from tokir.results.seeds import Averaged

if TYPE_CHECKING:
    from tokir.config import EvaluationSettings

PATTERNS_PER_TEST = 200  # random signs of a randomisation test, for as many tests as these,
TESTS, PATTERNS_OF_MANY = 1_000, 40  # and for each of more: twice what Holm's correction asks for at 5%
Means = NDArray[np.float64]
Resampled = Mapping[tuple[str, str], Means]
"""Id and measure, or id and perturbation with outcome, to resampled means, (resamples,).

Empty where there is one query, which says nothing of others.
"""


class Scored(NamedTuple):
    """What one of two systems scored."""

    table: NDArray[np.float64]  # (seeds, queries)
    means: Means | None  # resampled
    trained: bool  # else it always scores the same


class Tested(NamedTuple):
    """A difference before correction."""

    difference: float
    interval: Interval
    p: float


def resample(systems: Sequence[Averaged], settings: EvaluationSettings) -> Resampled:
    """Means over resampled queries, the same ones for all systems, of every score that has an interval."""
    tables: dict[tuple[str, str], NDArray[np.float64]] = {}
    for system in systems:
        name, clean = system.row.id, system.scores[HEADLINE]
        tables |= {(name, measure): table for measure, table in system.scores.items()}
        for kind, table in system.perturbed.items():
            tables |= {(name, f"{kind} change"): table - clean, (name, f"{kind} {HEADLINE}"): table}
    for one, other in combinations(systems, 2):
        if _same_trainings(one, other):
            tables[one.row.id, f"less {other.row.id}"] = one.scores[HEADLINE] - other.scores[HEADLINE]
    if not tables or next(iter(tables.values())).shape[1] < 2:
        return {}
    means = bootstrap_means(list(tables.values()), settings.bootstrap, settings.seed)
    return {key: means[:, number] for number, key in enumerate(tables)}


def with_scores(system: Averaged, resampled: Resampled) -> System:
    """Its row with scores and intervals.

    Raises:
        pydantic.ValidationError: a score is not between 0 and 1.
    """
    intervals = {  # of several seeds they may reach beyond what a score can be
        measure: tuple(np.clip(_interval(resampled.get((system.row.id, measure)), (0.0, 1.0)), 0, 1).tolist())
        for measure in system.scores
    }
    scores = {measure: float(table.mean()) for measure, table in system.scores.items()}
    return System.model_validate({**dict(system.row), "scores": scores, "intervals": intervals})


def compare(
    systems: Sequence[Averaged], resampled: Resampled, settings: EvaluationSettings
) -> tuple[Comparison, ...]:
    """Every pair on recall@10."""
    pairs = list(combinations(systems, 2))
    scored = [_side_by_side(a, b, resampled) for a, b in pairs]
    tested = _tested(scored, settings)
    corrected = holm([entry.p for entry in tested])
    return tuple(
        Comparison(
            a=a.row.id,
            b=b.row.id,
            **entry._asdict(),
            p_holm=p,
            queries_needed=queries_needed(one.table, other.table, one.trained and other.trained),
        )
        for (a, b), (one, other), entry, p in zip(pairs, scored, tested, corrected, strict=True)
    )


def _side_by_side(a: Averaged, b: Averaged, resampled: Resampled) -> tuple[Scored, Scored]:
    """What two systems scored; of two that rest on the same trainings one less the other, seed by seed, and nothing.

    What a training's luck gives to both of them is no difference.
    """
    if _same_trainings(a, b):
        table = a.scores[HEADLINE] - b.scores[HEADLINE]
        return Scored(table, resampled.get((a.row.id, f"less {b.row.id}")), True), _nothing(table)
    return _scored(a, a.scores[HEADLINE], HEADLINE, resampled), _scored(b, b.scores[HEADLINE], HEADLINE, resampled)


def _scored(system: Averaged, table: NDArray[np.float64], what: str, resampled: Resampled) -> Scored:
    return Scored(table, resampled.get((system.row.id, what)), system.trained)


def _same_trainings(a: Averaged, b: Averaged) -> bool:
    """Do both rest on the same several trainings, read in two ways?"""
    same = a.row.seeds == b.row.seeds and a.row.stages.keys() == b.row.stages.keys()
    return same and len(a.row.seeds) > 1


def _nothing(table: NDArray[np.float64]) -> Scored:
    """What a difference, (seeds, queries), is held against."""
    return Scored(np.zeros((1, table.shape[1])), np.zeros(1), trained=False)


def robustness(
    systems: Sequence[Averaged], resampled: Resampled, settings: EvaluationSettings
) -> dict[str, dict[str, PerturbationScore]]:
    """Recall@10 of the perturbed queries, and its change, by id and perturbation.

    p is corrected over all perturbations of a system.
    """
    found: dict[str, dict[str, PerturbationScore]] = {}
    for system in systems:
        if not system.perturbed:
            continue
        name, clean = system.row.id, system.scores[HEADLINE]
        changes = {
            kind: _scored(system, table - clean, f"{kind} change", resampled)
            for kind, table in system.perturbed.items()
        }
        tested = _tested([(change, _nothing(clean)) for change in changes.values()], settings)
        corrected = holm([entry.p for entry in tested])
        found[name] = {
            kind: PerturbationScore(
                recall_at_10=float(system.perturbed[kind].mean()),
                change=entry.difference,
                interval=entry.interval,
                p_holm=p,
            )
            for kind, entry, p in zip(changes, tested, corrected, strict=True)
        }
    return found


def compare_perturbed(
    systems: Sequence[Averaged], rows: Sequence[System], resampled: Resampled, settings: EvaluationSettings
) -> tuple[PerturbationComparison, ...]:
    """The best tokenizer of each configuration against every other one of it, under each perturbation.

    Two outcomes: recall@10 of the perturbed queries, and its change against the queries as they were. Which tokenizer
    is the best is read off the same queries, so p is corrected over all perturbations and all pairs of tokenizers of
    a configuration, as if each had been compared with each; for both outcomes apart.
    """
    by_id = {system.row.id: system for system in systems}
    found: list[PerturbationComparison] = []
    for configuration in configurations(rows):
        same = [by_id[row.id] for row in ranked(configuration)]
        found += _under_perturbations(same, "change", resampled, settings)
        found += _under_perturbations(same, "recall@10", resampled, settings)
    return tuple(found)


def _under_perturbations(
    same: list[Averaged],
    outcome: Literal["change", "recall@10"],
    resampled: Resampled,
    settings: EvaluationSettings,
) -> list[PerturbationComparison]:
    def scored(one: Averaged, kind: str) -> Scored:
        table = one.perturbed[kind] - (one.scores[HEADLINE] * (outcome == "change"))
        return _scored(one, table, f"{kind} {outcome}", resampled)

    pairs = [(kind, a, b) for kind in same[0].perturbed for a, b in combinations(range(len(same)), 2)]
    tested = _tested([(scored(same[a], kind), scored(same[b], kind)) for kind, a, b in pairs], settings)
    corrected = holm([entry.p for entry in tested])
    return [
        PerturbationComparison(
            perturbation=kind,
            outcome=outcome,
            a=same[a].row.id,
            b=same[b].row.id,
            **entry._asdict(),
            p_holm=p,
        )
        for (kind, a, b), entry, p in zip(pairs, tested, corrected, strict=True)
        if a == 0
    ]


def _tested(pairs: Sequence[tuple[Scored, Scored]], settings: EvaluationSettings) -> list[Tested]:
    """Difference, interval and uncorrected p of each pair that is corrected together."""
    if not pairs:
        return []
    differences = np.array([one.table.mean(axis=0) - other.table.mean(axis=0) for one, other in pairs])
    # The smallest p there can be is to stay small when it is multiplied by the number of tests.
    tests = len(pairs)
    patterns = max(settings.bootstrap, PATTERNS_PER_TEST * min(tests, TESTS), PATTERNS_OF_MANY * tests)
    by_queries = randomisation_test(differences, patterns, settings.seed)
    return [
        Tested(
            float(difference.mean()),
            _interval(_less(one.means, other.means), (-1.0, 1.0)),
            max(p, seeds_test(one.table, other.table, one.trained and other.trained)),
        )
        for (one, other), difference, p in zip(pairs, differences, by_queries, strict=True)
    ]


def _less(a: Means | None, b: Means | None) -> Means | None:
    return None if a is None or b is None else a - b


def _interval(means: Means | None, otherwise: Interval) -> Interval:
    return otherwise if means is None else percentile_interval(means)
