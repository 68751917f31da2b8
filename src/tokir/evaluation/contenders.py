"""What is compared: a system, or several trainings of one that differ in nothing but the seed, as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.measures import HEADLINE, MEASURES, PerQuery
from tokir.retrieval.ranking import Ranking

RECIPE = ("architecture", "objective", "variant", "pooling")  # all that a trained system is but tokenizer and seed
SHOWN = 3  # passages of a ranking that reports show
Qrels = dict[str, dict[str, int]]


class Hit(NamedTuple):
    """What is kept of a query's ranked list; whole lists of many systems would take gigabytes."""

    first_relevant: tuple[int, str] | None  # rank and passage
    passages: list[tuple[str, float]]  # the first few, with their scores


NO_HIT = Hit(None, [])


@dataclass(frozen=True)
class Evaluated:
    """A system's row, and what its ranked lists are worth; nothing where the system is unavailable."""

    about: dict[str, Any]
    scores: PerQuery = field(default_factory=dict)
    hits: dict[str, Hit] = field(default_factory=dict)  # by query
    variants: dict[str, list[float]] = field(default_factory=dict)  # recall@10 of the queries with slips in them


def hits(ranking: Ranking, qrels: Qrels) -> dict[str, Hit]:
    """The first relevant and the first passages of each query."""
    found = {}
    for query, ranked in ranking.items():
        judged = qrels.get(query, {})
        relevant = (pair for pair in enumerate(ranked, 1) if judged.get(pair[1], 0) > 0)
        found[query] = Hit(next(relevant, None), list(islice(ranked.items(), SHOWN)))
    return found


@dataclass(frozen=True)
class Contender:
    """A row of the result table with its scores.

    ``scores`` holds (seeds, queries) for each measure, ``variants`` the same of recall@10 for each kind of slip;
    ``hits`` are those of the first seed.
    """

    about: dict[str, Any]
    hits: dict[str, Hit]
    scores: dict[str, NDArray[np.float64]]
    variants: dict[str, NDArray[np.float64]]


def contenders(evaluated: list[Evaluated]) -> list[Contender]:
    """Systems in their order; those that differ in their seed alone are one."""
    seeds: dict[str, list[Evaluated]] = {}
    for system in evaluated:
        seeds.setdefault(_name(system.about), []).append(system)
    return [_contender(name, same) for name, same in seeds.items()]


def recipes(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Evaluated systems that differ in their tokenizer alone, where there are at least two of them."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "trained" and row["status"] == "ok" and row["tokenizer"]:
            found.setdefault(tuple(row[name] for name in RECIPE), []).append(row)
    return [same for same in found.values() if len(same) > 1]


def _name(row: dict[str, Any]) -> str:
    name: str = row["id"]
    return name if row["seed"] is None else name.removesuffix(f".s{row['seed']}")


def _contender(name: str, same: list[Evaluated]) -> Contender:
    first = same[0].about
    row = dict(first) | {"runs": [system.about["id"] for system in same]}
    ok = all(system.about["status"] == "ok" for system in same)
    if len(same) > 1:
        row |= {"id": name, "seed": None, "seeds": [system.about["seed"] for system in same]}
    if not ok:
        failed = next(system.about for system in same if system.about["status"] != "ok")
        return Contender(row | {"status": failed["status"], "reason": failed["reason"]}, {}, {}, {})
    if len(same) > 1:
        row |= {"seconds": _mean([system.about["seconds"] for system in same])}
        chosen = [system.about.get("recall_on_choosing") for system in same]
        known = [recall for recall in chosen if recall is not None]
        row["recall_on_choosing"] = float(np.mean(known)) if len(known) == len(same) else None
        if first["language_model"]:
            models = [system.about["language_model"] for system in same]
            figures = ("perplexity", "bits_per_character", "bits_per_byte")
            row["language_model"] = models[0] | _mean([{key: model[key] for key in figures} for model in models])
    scores = {measure: np.array([system.scores[measure] for system in same]) for measure in MEASURES}
    variants = {variant: np.array([system.variants[variant] for system in same]) for variant in same[0].variants}
    if len(same) > 1:
        row["by_seed"] = scores[HEADLINE].mean(axis=1).tolist()
    return Contender(row, same[0].hits, scores, variants)


def _mean(values: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([value[key] for value in values])) for key in values[0]}
