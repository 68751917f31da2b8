"""Rows, comparisons, robustness and examples of ``results.json`` out of ranked lists and judgements."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.evaluation.ablations import ablations
from tokir.evaluation.contenders import Contender
from tokir.evaluation.correlation import correlations
from tokir.evaluation.findings import findings
from tokir.evaluation.measures import HEADLINE, MEASURES
from tokir.evaluation.robustness import VARIANTS, perturb
from tokir.evaluation.significance import (
    bootstrap_means,
    groups,
    holm,
    percentile_interval,
    queries_needed,
    randomisation_test,
)
from tokir.evaluation.verdict import verdict

if TYPE_CHECKING:
    from tokir.config import EvaluationSettings
    from tokir.data import Split

PATTERNS_PER_PAIR = 200  # random signs of a randomisation test
SHOWN = 3  # passages of each system shown for an example
SLIPS = 3  # queries that show what a kind of slip is


def assemble_results(
    contending: list[Contender], queries: dict[str, str], settings: EvaluationSettings, passages: int
) -> dict[str, Any]:
    """What is known of the systems and of every pair of them.

    ``systems``, ``comparisons`` (every pair, on recall@10), ``groups`` (which cannot be told apart, best first),
    ``ablations``, ``robustness``, ``correlations``, ``chance``, ``verdict`` and ``findings``.
    """
    ok = [contender for contender in contending if contender.scores]
    rows = [
        _scored(contender, settings) if contender.scores else dict(contender.about) for contender in contending
    ]
    comparisons = _comparisons(ok, settings)
    order = sorted(ok, key=lambda contender: -contender.scores[HEADLINE].mean())
    # A random order puts each relevant passage among the first ten with this probability.
    chance = min(1.0, 10 / passages)
    runs = groups([contender.about["id"] for contender in order], comparisons)
    for row in rows:
        row["groups"] = [number for number, run in enumerate(runs) if row["id"] in run]
    body: dict[str, Any] = {
        "systems": rows,
        "comparisons": comparisons,
        "groups": runs,
        "ablations": ablations(rows, comparisons),
        "robustness": _robustness(ok, settings),
        "slips": _slips(queries, settings),
        "correlations": correlations(rows, settings.seed),
        "chance": {HEADLINE: chance},
    }
    return {**body, "verdict": verdict(body), "findings": findings(rows, comparisons, chance)}


def _scored(contender: Contender, settings: EvaluationSettings) -> dict[str, Any]:
    means = {measure: float(table.mean()) for measure, table in contender.scores.items()}
    count = contender.scores[HEADLINE].shape[1]
    if count < 2:  # one query tells nothing of the others
        intervals = {measure: [0.0, 1.0] for measure in MEASURES}
    else:
        tables = [contender.scores[measure] for measure in MEASURES]
        resampled = bootstrap_means(tables, settings.bootstrap, settings.seed)
        intervals = {name: list(percentile_interval(resampled[:, i])) for i, name in enumerate(MEASURES)}
    return dict(contender.about) | {"scores": means, "intervals": intervals}


def _comparisons(ok: list[Contender], settings: EvaluationSettings) -> list[dict[str, Any]]:
    """Every pair on recall@10: difference, interval, p, p after Holm's correction, queries needed to tell."""
    if len(ok) < 2:
        return []
    tables = [contender.scores[HEADLINE] for contender in ok]
    over_seeds = np.array([table.mean(axis=0) for table in tables])  # (systems, queries)
    single = over_seeds.shape[1] < 2
    resampled = bootstrap_means(tables, settings.bootstrap, settings.seed)
    pairs = list(combinations(range(len(ok)), 2))
    differences = np.array([over_seeds[i] - over_seeds[j] for i, j in pairs])
    # The smallest p there can be is to stay small when it is multiplied by the number of pairs.
    patterns = max(settings.bootstrap, PATTERNS_PER_PAIR * len(pairs))
    p = randomisation_test(differences, patterns, settings.seed)
    return [
        {
            "a": ok[i].about["id"],
            "b": ok[j].about["id"],
            "measure": HEADLINE,
            "difference": float((over_seeds[i] - over_seeds[j]).mean()),
            "interval": [-1.0, 1.0] if single else list(percentile_interval(resampled[:, i] - resampled[:, j])),
            "p": p[number],
            "p_holm": corrected,
            "queries_needed": queries_needed(over_seeds[i], over_seeds[j]),
        }
        for number, ((i, j), corrected) in enumerate(zip(pairs, holm(p), strict=True))
    ]


def _robustness(ok: list[Contender], settings: EvaluationSettings) -> dict[str, Any]:
    """Recall@10 of the queries with slips, and its change against the clean ones."""
    found: dict[str, Any] = {}
    for contender in ok:
        clean = contender.scores[HEADLINE]
        for variant, table in contender.variants.items():
            change = table - clean
            interval = [-1.0, 1.0]
            if change.shape[1] > 1:
                interval = list(
                    percentile_interval(bootstrap_means([change], settings.bootstrap, settings.seed)[:, 0])
                )
            found.setdefault(contender.about["id"], {})[variant] = {
                HEADLINE: float(table.mean()),
                "change": float(change.mean()),
                "interval": interval,
            }
    return found


def _slips(queries: dict[str, str], settings: EvaluationSettings) -> list[dict[str, Any]]:
    """What each kind of slip does, and to how many of the queries it does nothing."""
    found = []
    for variant in settings.robustness:
        pairs = [(text, perturb(text, variant, settings.seed, i)) for i, text in enumerate(queries.values())]
        changed = [pair for pair in pairs if pair[0] != pair[1]]
        found.append(
            {
                "variant": variant,
                "words": VARIANTS[variant].words,
                "changed": len(changed),
                "examples": [list(pair) for pair in changed[:SLIPS]],
            }
        )
    return found


def assemble_examples(
    contending: list[Contender],
    split: Split,
    tokenizers: dict[str, Callable[[str], list[str]]],
    record: Callable[[str], dict[str, str]],
    settings: EvaluationSettings,
) -> list[dict[str, Any]]:
    """A few queries drawn by seed: how each tokenizer cuts them, and what each system found."""
    queries = list(split.queries)
    drawn = np.random.default_rng(settings.seed).permutation(len(queries))[: settings.examples]
    examples = []
    for query in (queries[i] for i in sorted(drawn.tolist())):
        judged = split.qrels[query]
        relevant = [passage for passage, grade in judged.items() if grade > 0]
        examples.append(
            {
                "query_id": query,
                "text": split.queries[query],
                "pieces": {name: pieces(split.queries[query]) for name, pieces in tokenizers.items()},
                "relevant": len(relevant),
                "relevant_passage": {"id": relevant[0], **record(relevant[0])},
                "systems": {
                    contender.about["id"]: _found(contender, query, judged, record)
                    for contender in contending
                    if contender.scores
                },
            }
        )
    return examples


def _found(
    contender: Contender, query: str, judged: dict[str, int], record: Callable[[str], dict[str, str]]
) -> dict[str, Any]:
    passages = list(contender.ranking.get(query, {}).items())
    ranks = (rank for rank, (passage, _) in enumerate(passages, 1) if judged.get(passage, 0) > 0)
    return {
        "first_relevant_rank": next(ranks, None),
        "passages": [
            {"id": passage, "score": score, "relevant": judged.get(passage, 0) > 0, **record(passage)}
            for passage, score in passages[:SHOWN]
        ],
    }
