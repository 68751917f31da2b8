"""Scores of ranked lists, equal to those of trec_eval.

The usual measures are computed for all queries at once; any other that ir-measures knows is left to trec_eval itself
(pytrec_eval through ir-measures), which takes fifty times as long. The tests hold the ones against the other.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tokir.errors import TokirError
from tokir.evaluation.decision import ROUNDING
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.registry import MEASURES
from tokir.retrieval.ranking import Ranking

PerQuery = dict[str, list[float]]
"""Measure to one score per query, in the order of the judgements."""
FIRST = 10  # passages by which two rankings are compared
_USUAL = re.compile(r"(R|P|nDCG)@(\d+)|RR")


def score_queries(ranking: Ranking, judgements: Judgements) -> PerQuery:
    """Scores of every judged query; a query without a ranking scores zero.

    ``recall@k`` is TREC's: the share of a query's relevant passages among its first k (a query with more than k
    of them cannot reach 1). ``mrr@10`` is the reciprocal rank of the first relevant passage, or 0 beyond rank 10.

    Raises:
        TokirError: a score is not between 0 and 1, as with ids or grades that trec_eval cannot read.
    """
    asked = {name: _USUAL.fullmatch(MEASURES[name].expression) for name in MEASURES}
    depths = {name: _depth(name, found, ranking) for name, found in asked.items() if found}
    grades = judgements.grades(ranking, max(depths.values(), default=0))
    others = _by_trec_eval(ranking, judgements, [name for name, found in asked.items() if not found])
    scores: PerQuery = {}
    for name, found in asked.items():
        if found:
            scores[name] = _score(found[1] or "RR", grades[:, : depths[name]], judgements).tolist()
        else:
            scores[name] = others[name]
    return scores


def _depth(name: str, expression: re.Match[str], ranking: Ranking) -> int:
    """Passages of a list that a measure looks at."""
    cutoff = int(expression[2]) if expression[2] else MEASURES[name].cutoff
    return int(ranking.sizes().max(initial=0)) if cutoff is None else cutoff


def _score(kind: str, grades: NDArray[np.int64], judgements: Judgements) -> NDArray[np.float64]:
    """A measure of each query by the grades (queries, depth) of its first passages."""
    relevant, depth = grades > 0, grades.shape[1]
    scores = np.zeros(len(grades))
    if kind == "R":
        np.divide(relevant.sum(axis=1), np.maximum(judgements.relevant, 1), out=scores)
    elif kind == "P":
        np.divide(relevant.sum(axis=1), depth, out=scores)
    elif kind == "RR":
        found = relevant.any(axis=1)
        scores[found] = 1 / (relevant[found].argmax(axis=1) + 1)
    else:
        discounts = 1 / np.log2(np.arange(2, depth + 2))
        ideal = judgements.best(depth) @ discounts
        np.divide(grades @ discounts, ideal, out=scores, where=ideal > 0)
    return scores


def _by_trec_eval(ranking: Ranking, judgements: Judgements, names: list[str]) -> PerQuery:
    scores: PerQuery = {name: [0.0] * len(judgements.rows) for name in names}
    if not names:
        return scores
    import ir_measures

    ids = judgements.ids
    # trec_eval reads an empty ranking as no ranking, and judged queries without one score zero here.
    present = {
        query: {ids[i]: score for i, score in zip(hits.positions.tolist(), hits.scores.tolist(), strict=True)}
        for query, hits in zip(ranking.queries, ranking.lists(), strict=True)
        if query in judgements.rows and len(hits.positions)
    }
    if not present:
        return scores
    measures = {ir_measures.parse_measure(MEASURES[name].expression): name for name in names}
    for metric in ir_measures.pytrec_eval.iter_calc(list(measures), judgements.qrels, present):
        name, value = measures[metric.measure], float(metric.value)
        cutoff = MEASURES[name].cutoff
        if cutoff is not None and value < 1 / cutoff - ROUNDING:
            value = 0.0  # trec_eval's reciprocal rank has no cutoff
        if not 0 <= value <= 1 + ROUNDING:
            raise TokirError(
                f"{name} of the query {metric.query_id!r} is {value:g}, which is not between 0 and 1: "
                "check the ids and the grades of its judgements"
            )
        scores[name][judgements.rows[metric.query_id]] = value
    return scores


def shared_first(wanted: Ranking, found: Ranking) -> float:
    """The mean share of the first passages of ``wanted`` that are among the first ``FIRST`` of ``found``."""
    others = dict(zip(found.queries, found.first(FIRST).tolist(), strict=True))
    shares = []
    for query, positions in zip(wanted.queries, wanted.first(FIRST).tolist(), strict=True):
        first = set(positions) - {-1}
        if first:
            shares.append(len(first.intersection(others.get(query, ()))) / len(first))
    return sum(shares) / len(shares) if shares else 1.0


def mean_scores(per_query: PerQuery) -> dict[str, float]:
    """The mean over queries of each measure."""
    return {name: sum(values) / len(values) for name, values in per_query.items()}
