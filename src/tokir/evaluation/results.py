"""Rows, comparisons and examples of ``results.json`` out of ranked lists and judgements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.evaluation.findings import findings
from tokir.evaluation.measures import HEADLINE, PerQuery, mean_scores, score_queries
from tokir.evaluation.significance import bootstrap_interval, paired_difference
from tokir.retrieval.ranking import Ranking

if TYPE_CHECKING:
    from tokir.config import EvaluationSettings
    from tokir.data import Split

EXAMPLES = 8  # queries shown in the report
SHOWN = 3  # passages of each system shown for one of them


@dataclass(frozen=True)
class Evaluated:
    """A row of the result table and the ranked lists behind it; no lists where the system is unavailable."""

    about: dict[str, Any]
    ranking: Ranking


def assemble_results(
    evaluated: list[Evaluated], qrels: dict[str, dict[str, int]], settings: EvaluationSettings, passages: int
) -> dict[str, Any]:
    """``systems``, ``comparisons`` (every pair, on recall@10), ``chance`` and ``findings``."""
    per_query: dict[str, PerQuery] = {}
    rows = []
    for system in evaluated:
        row = dict(system.about)
        if row["status"] == "ok":
            scores = per_query[row["id"]] = score_queries(system.ranking, qrels)
            row["scores"] = mean_scores(scores)
            row["intervals"] = {
                name: list(bootstrap_interval(values, settings.bootstrap, settings.seed))
                for name, values in scores.items()
            }
        rows.append(row)
    comparisons = []
    for a, b in combinations(per_query, 2):
        difference, interval = paired_difference(
            per_query[a][HEADLINE], per_query[b][HEADLINE], settings.bootstrap, settings.seed
        )
        comparisons.append(
            {"a": a, "b": b, "measure": HEADLINE, "difference": difference, "interval": list(interval)}
        )
    # A random order puts each relevant passage among the first ten with this probability.
    chance = min(1.0, 10 / passages)
    body = {"systems": rows, "comparisons": comparisons, "chance": {HEADLINE: chance}}
    return {**body, "findings": findings(rows, comparisons, chance)}


def assemble_examples(
    evaluated: list[Evaluated],
    split: Split,
    tokenizers: dict[str, Callable[[str], list[str]]],
    record: Callable[[str], dict[str, str]],
    seed: int,
) -> list[dict[str, Any]]:
    """A few queries drawn by seed: how each tokenizer cuts them, and what each system found."""
    queries = list(split.queries)
    drawn = np.random.default_rng(seed).permutation(len(queries))[:EXAMPLES]
    examples = []
    for query in (queries[i] for i in sorted(drawn.tolist())):
        judged = split.qrels[query]
        found = {}
        for system in evaluated:
            passages = list(system.ranking.get(query, {}).items())
            found[system.about["id"]] = {
                "first_relevant_rank": next(
                    (rank for rank, (passage, _) in enumerate(passages, 1) if judged.get(passage, 0) > 0),
                    None,
                ),
                "passages": [
                    {
                        "id": passage,
                        "score": score,
                        "relevant": judged.get(passage, 0) > 0,
                        **record(passage),
                    }
                    for passage, score in passages[:SHOWN]
                ],
            }
        relevant = [passage for passage, grade in judged.items() if grade > 0]
        examples.append(
            {
                "query_id": query,
                "text": split.queries[query],
                "pieces": {name: pieces(split.queries[query]) for name, pieces in tokenizers.items()},
                "relevant": len(relevant),
                "relevant_passage": {"id": relevant[0], **record(relevant[0])},
                "systems": found,
            }
        )
    return examples
