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

PATTERNS_PER_PAIR = 200  # random signs of a randomisation test, of as many pairs as these,
PAIRS, PATTERNS_OF_MANY = 1_000, 40  # and for each of more pairs: twice what Holm's correction asks for at 5%
Means = NDArray[np.float64]
Resampled = Mapping[tuple[str, str], Means]
"""Id and measure, or id and perturbation with outcome, to resampled means, (resamples,).

Empty where there is one query, which says nothing of others.
"""


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
    tables = [system.scores[HEADLINE] for system in systems]
    means = [resampled.get((system.row.id, HEADLINE)) for system in systems]
    pairs = list(combinations(range(len(systems)), 2))
    tested = _tested(tables, means, pairs, settings)
    corrected = holm([entry.p for entry in tested])
    return tuple(
        Comparison(
            a=systems[i].row.id,
            b=systems[j].row.id,
            **entry._asdict(),
            p_holm=p,
            queries_needed=queries_needed(tables[i], tables[j]),
        )
        for (i, j), entry, p in zip(pairs, tested, corrected, strict=True)
    )


def robustness(systems: Sequence[Averaged], resampled: Resampled) -> dict[str, dict[str, PerturbationScore]]:
    """Recall@10 of the perturbed queries, and its change, by id and perturbation."""
    found: dict[str, dict[str, PerturbationScore]] = {}
    for system in systems:
        name, clean = system.row.id, system.scores[HEADLINE]
        for kind, table in system.perturbed.items():
            found.setdefault(name, {})[kind] = PerturbationScore(
                recall_at_10=float(table.mean()),
                change=float((table - clean).mean()),
                interval=_interval(resampled.get((name, f"{kind} change")), (-1.0, 1.0)),
            )
    return found


def compare_perturbed(
    systems: Sequence[Averaged], rows: Sequence[System], resampled: Resampled, settings: EvaluationSettings
) -> tuple[PerturbationComparison, ...]:
    """The best tokenizer of each configuration against every other one of it, under each perturbation.

    Two outcomes: recall@10 of the perturbed queries, and its change against the queries as they were. p is corrected
    over all perturbations and tokenizers of a configuration, for each outcome apart.
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
    tested: list[tuple[str, int, Tested]] = []
    pairs = [(0, other) for other in range(1, len(same))]
    for kind in same[0].perturbed:
        tables = [one.perturbed[kind] - (one.scores[HEADLINE] * (outcome == "change")) for one in same]
        means = [resampled.get((one.row.id, f"{kind} {outcome}")) for one in same]
        entries = _tested(tables, means, pairs, settings)
        tested += [(kind, other, entry) for (_, other), entry in zip(pairs, entries, strict=True)]
    corrected = holm([entry.p for *_, entry in tested])
    return [
        PerturbationComparison(
            perturbation=kind,
            outcome=outcome,
            a=same[0].row.id,
            b=same[other].row.id,
            **entry._asdict(),
            p_holm=p,
        )
        for (kind, other, entry), p in zip(tested, corrected, strict=True)
    ]


def _tested(
    tables: list[NDArray[np.float64]],
    means: list[Means | None],
    pairs: list[tuple[int, int]],
    settings: EvaluationSettings,
) -> list[Tested]:
    """Difference, interval and uncorrected p of each of ``pairs``.

    Args:
        tables: (seeds, queries) of each system.
        means: resampled ones of each.
        pairs: positions of two systems.
        settings: of the resampling.
    """
    if not pairs:
        return []
    over_seeds = np.array([table.mean(axis=0) for table in tables])  # (systems, queries)
    differences = np.array([over_seeds[i] - over_seeds[j] for i, j in pairs])
    # The smallest p there can be is to stay small when it is multiplied by the number of pairs.
    patterns = max(settings.bootstrap, PATTERNS_PER_PAIR * min(len(pairs), PAIRS), PATTERNS_OF_MANY * len(pairs))
    by_queries = randomisation_test(differences, patterns, settings.seed)
    return [
        Tested(
            float(difference.mean()),
            _interval(_less(means[i], means[j]), (-1.0, 1.0)),
            max(p, seeds_test(tables[i], tables[j])),
        )
        for (i, j), difference, p in zip(pairs, differences, by_queries, strict=True)
    ]


def _less(a: Means | None, b: Means | None) -> Means | None:
    return None if a is None or b is None else a - b


def _interval(means: Means | None, otherwise: Interval) -> Interval:
    return otherwise if means is None else percentile_interval(means)
