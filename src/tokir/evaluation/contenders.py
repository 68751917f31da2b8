"""What is compared: a system, or several trainings of one that differ in nothing but the seed, as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.measures import HEADLINE, MEASURES, score_queries
from tokir.retrieval.ranking import Ranking

RECIPE = ("architecture", "objective", "variant", "pooling")  # all that a trained system is but tokenizer and seed
Qrels = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Evaluated:
    """A system's row and the ranked lists behind it; no lists where the system is unavailable."""

    about: dict[str, Any]
    ranking: Ranking
    variants: dict[str, Ranking] = field(default_factory=dict)  # of the queries with slips in them


@dataclass(frozen=True)
class Contender:
    """A row of the result table with its scores.

    ``scores`` holds (seeds, queries) for each measure, ``variants`` the same of recall@10 for each kind of slip;
    ``ranking`` is that of the first seed.
    """

    about: dict[str, Any]
    ranking: Ranking
    scores: dict[str, NDArray[np.float64]]
    variants: dict[str, NDArray[np.float64]]


def contenders(evaluated: list[Evaluated], qrels: Qrels) -> list[Contender]:
    """Systems in their order; those that differ in their seed alone are one."""
    seeds: dict[str, list[Evaluated]] = {}
    for system in evaluated:
        seeds.setdefault(_name(system.about), []).append(system)
    return [_contender(name, same, qrels) for name, same in seeds.items()]


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


def _contender(name: str, same: list[Evaluated], qrels: Qrels) -> Contender:
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
    by_seed = [score_queries(system.ranking, qrels) for system in same]
    scores = {measure: np.array([found[measure] for found in by_seed]) for measure in MEASURES}
    variants = {
        variant: np.array([score_queries(system.variants[variant], qrels)[HEADLINE] for system in same])
        for variant in same[0].variants
    }
    if len(same) > 1:
        row["by_seed"] = scores[HEADLINE].mean(axis=1).tolist()
    return Contender(row, same[0].ranking, scores, variants)


def _mean(values: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([value[key] for value in values])) for key in values[0]}
