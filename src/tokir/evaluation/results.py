"""Rows, comparisons, robustness and examples of ``results.json`` out of ranked lists and judgements."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.ablations import ablations
from tokir.evaluation.contenders import NO_HIT, Contender, recipes
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
    seeds_test,
)
from tokir.evaluation.verdict import verdict

if TYPE_CHECKING:
    from tokir.config import EvaluationSettings
    from tokir.data import Split

PATTERNS_PER_PAIR = 200  # random signs of a randomisation test
FOUND = 10  # a query is found when a relevant passage is among so many
UNRANKED = 10**9
EXPLORED = 300  # characters of a passage whose cuts are shown
SLIPS = 3  # queries that show what a kind of slip is


def assemble_results(
    contending: list[Contender], queries: dict[str, str], settings: EvaluationSettings, passages: int
) -> dict[str, Any]:
    """What is known of the systems and of every pair of them.

    ``systems``, ``comparisons`` (every pair, on recall@10), ``groups`` (which cannot be told apart, best first),
    ``ablations``, ``robustness``, ``slip_comparisons``, ``correlations``, ``chance``, ``verdict`` and ``findings``.
    """
    ok = [contender for contender in contending if contender.scores]
    resampled = _resampled(ok, settings)
    rows = [
        _scored(contender, resampled) if contender.scores else dict(contender.about) for contender in contending
    ]
    comparisons = _comparisons(ok, resampled, settings)
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
        "robustness": _robustness(ok, resampled),
        "slip_comparisons": _slip_comparisons(ok, rows, resampled, settings),
        "slips": _slips(queries, settings),
        "correlations": correlations(rows, settings.seed),
        "chance": {HEADLINE: chance},
    }
    said = verdict(body | {"queries": len(queries)})
    return {**body, "verdict": said, "findings": findings(rows, comparisons, chance)}


Resampled = dict[tuple[str, str], NDArray[np.float64]]
"""Id and measure, or id, slip and outcome, to resampled means.

Empty where there is one query, which tells nothing of others.
"""


def _resampled(ok: list[Contender], settings: EvaluationSettings) -> Resampled:
    tables: dict[tuple[str, str], NDArray[np.float64]] = {}
    for contender in ok:
        name = contender.about["id"]
        tables |= {(name, measure): contender.scores[measure] for measure in MEASURES}
        clean = contender.scores[HEADLINE]
        for slip, table in contender.variants.items():
            tables |= {(name, f"{slip} change"): table - clean, (name, f"{slip} {HEADLINE}"): table}
    if not tables or next(iter(tables.values())).shape[1] < 2:
        return {}
    means = bootstrap_means(list(tables.values()), settings.bootstrap, settings.seed)
    return {key: means[:, number] for number, key in enumerate(tables)}


def _interval(means: NDArray[np.float64] | None, otherwise: list[float]) -> list[float]:
    return otherwise if means is None else list(percentile_interval(means))


def _scored(contender: Contender, resampled: Resampled) -> dict[str, Any]:
    name = contender.about["id"]
    return dict(contender.about) | {
        "scores": {measure: float(table.mean()) for measure, table in contender.scores.items()},
        "intervals": {
            measure: _interval(resampled.get((name, measure)), [0.0, 1.0]) for measure in contender.scores
        },
    }


def _comparisons(ok: list[Contender], resampled: Resampled, settings: EvaluationSettings) -> list[dict[str, Any]]:
    """Every pair on recall@10: difference, interval, p, p after Holm's correction, queries needed to tell."""
    tables = [contender.scores[HEADLINE] for contender in ok]
    means = [resampled.get((contender.about["id"], HEADLINE)) for contender in ok]
    pairs = list(combinations(range(len(ok)), 2))
    tested = _tested(tables, means, pairs, settings)
    corrected = holm([entry["p"] for entry in tested])
    return [
        {
            "a": ok[i].about["id"],
            "b": ok[j].about["id"],
            "measure": HEADLINE,
            **entry,
            "p_holm": p,
            "queries_needed": queries_needed(tables[i], tables[j]),
        }
        for (i, j), entry, p in zip(pairs, tested, corrected, strict=True)
    ]


def _tested(
    tables: list[NDArray[np.float64]],
    means: list[NDArray[np.float64] | None],
    pairs: list[tuple[int, int]],
    settings: EvaluationSettings,
) -> list[dict[str, Any]]:
    """Difference, interval and uncorrected p of each of ``pairs``.

    Args:
        tables: (seeds, queries) of each system.
        means: resampled ones of each.
        pairs: places of two systems.
        settings: of the resampling.
    """
    if not pairs:
        return []
    over_seeds = np.array([table.mean(axis=0) for table in tables])  # (systems, queries)
    differences = np.array([over_seeds[i] - over_seeds[j] for i, j in pairs])
    # The smallest p there can be is to stay small when it is multiplied by the number of pairs.
    patterns = max(settings.bootstrap, PATTERNS_PER_PAIR * len(pairs))
    by_queries = randomisation_test(differences, patterns, settings.seed)
    return [
        {
            "difference": float(difference.mean()),
            "interval": _interval(_less(means[i], means[j]), [-1.0, 1.0]),
            "p": max(p, seeds_test(tables[i], tables[j])),
        }
        for (i, j), difference, p in zip(pairs, differences, by_queries, strict=True)
    ]


def _less(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if a is None or b is None else a - b


def _robustness(ok: list[Contender], resampled: Resampled) -> dict[str, Any]:
    """Recall@10 of the queries with slips, and its change against the clean ones."""
    found: dict[str, Any] = {}
    for contender in ok:
        name, clean = contender.about["id"], contender.scores[HEADLINE]
        for slip, table in contender.variants.items():
            found.setdefault(name, {})[slip] = {
                HEADLINE: float(table.mean()),
                "change": float((table - clean).mean()),
                "interval": _interval(resampled.get((name, f"{slip} change")), [-1.0, 1.0]),
            }
    return found


def _slip_comparisons(
    ok: list[Contender], rows: list[dict[str, Any]], resampled: Resampled, settings: EvaluationSettings
) -> list[dict[str, Any]]:
    """The best tokenizer of each recipe against every other one of it, under each slip.

    Two outcomes: recall@10 of the queries with the slip, and its change against the clean ones. p is corrected over all
    slips and tokenizers of a recipe, for each outcome apart.
    """
    found = []
    by_id = {contender.about["id"]: contender for contender in ok}
    for recipe in recipes(rows):
        order = sorted(recipe, key=lambda row: -row["scores"][HEADLINE])
        same = [by_id[row["id"]] for row in order]
        for outcome in ("change", HEADLINE):
            entries = []
            for slip in same[0].variants:
                tables = [one.variants[slip] - (one.scores[HEADLINE] * (outcome == "change")) for one in same]
                means = [resampled.get((one.about["id"], f"{slip} {outcome}")) for one in same]
                pairs = [(0, other) for other in range(1, len(same))]
                entries += [
                    {"slip": slip, "outcome": outcome, "a": same[i].about["id"], "b": same[j].about["id"], **entry}
                    for (i, j), entry in zip(pairs, _tested(tables, means, pairs, settings), strict=True)
                ]
            corrected = holm([entry["p"] for entry in entries])
            found += [entry | {"p_holm": p} for entry, p in zip(entries, corrected, strict=True)]
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


def assemble_explorer(
    contending: list[Contender],
    split: Split,
    tokenizers: dict[str, Callable[[str], list[str]]],
    record: Callable[[str], dict[str, str]],
) -> list[dict[str, Any]]:
    """Queries that one tokenizer finds and another misses: how both cut the query and the relevant passage.

    Over systems that differ in their tokenizer alone: the best one against each other, once for each way.
    """
    found = []
    by_id = {contender.about["id"]: contender for contender in contending}
    for same in recipes([contender.about for contender in contending]):
        order = sorted((by_id[row["id"]] for row in same), key=lambda one: -one.scores[HEADLINE].mean())
        for other in order[1:]:
            for a, b in ((order[0], other), (other, order[0])):
                entry = _disputed(a, b, split, tokenizers, record)
                if entry is not None:
                    found.append(entry)
    return found


def _disputed(
    a: Contender,
    b: Contender,
    split: Split,
    tokenizers: dict[str, Callable[[str], list[str]]],
    record: Callable[[str], dict[str, str]],
) -> dict[str, Any] | None:
    """The query that ``a`` finds among its first ten and that lies deepest in the ranking of ``b``."""
    ranks = [
        (query, a.hits.get(query, NO_HIT).first_relevant, b.hits.get(query, NO_HIT).first_relevant)
        for query in split.qrels
    ]
    gaps = [
        (there[0] if there else UNRANKED, query, here, there)
        for query, here, there in ranks
        if here and here[0] <= FOUND and (there is None or there[0] > FOUND)
    ]
    if not gaps:
        return None
    _, query, here, there = max(gaps, key=lambda gap: (gap[0], -gap[2][0]))
    passage = record(here[1])
    text = f"{passage['title']} {passage['text']}".strip()[:EXPLORED]
    names = [contender.about["tokenizer"]["id"] for contender in (a, b)]
    return {
        "found_by": a.about["id"],
        "missed_by": b.about["id"],
        "query": split.queries[query],
        "ranks": [here[0], there[0] if there else None],
        "query_pieces": [tokenizers[name](split.queries[query]) for name in names],
        "passage_pieces": [tokenizers[name](text) for name in names],
    }


def _found(
    contender: Contender, query: str, judged: dict[str, int], record: Callable[[str], dict[str, str]]
) -> dict[str, Any]:
    hit = contender.hits.get(query, NO_HIT)
    return {
        "first_relevant_rank": hit.first_relevant and hit.first_relevant[0],
        "passages": [
            {"id": passage, "score": score, "relevant": judged.get(passage, 0) > 0, **record(passage)}
            for passage, score in hit.passages
        ],
    }
