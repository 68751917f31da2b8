"""Scores of ranked lists, computed by trec_eval (pytrec_eval through ir-measures)."""

from __future__ import annotations

from itertools import islice

from tokir.errors import TokirError
from tokir.evaluation.registry import HEADLINE, MEASURES
from tokir.retrieval.ranking import Ranking

__all__ = ["HEADLINE", "MEASURES", "PerQuery", "mean_scores", "score_queries", "shared_first"]

PerQuery = dict[str, list[float]]
"""Measure to one score per query, in the order of the judgements."""
FIRST = 10  # passages by which two rankings are compared
ROUNDING = 1e-9  # by which a sum of floats may exceed 1


def score_queries(ranking: Ranking, qrels: dict[str, dict[str, int]]) -> PerQuery:
    """Scores of every judged query; a query without a ranking scores zero.

    ``recall@k`` is TREC's: the share of a query's relevant passages among its first k (a query with more than k
    of them cannot reach 1). ``mrr@10`` is the reciprocal rank of the first relevant passage, or 0 beyond rank 10.
    Equal scores are ordered by descending passage id, as trec_eval does.

    Raises:
        TokirError: a score is not between 0 and 1, as with ids or grades that trec_eval cannot read.
    """
    import ir_measures

    names = {ir_measures.parse_measure(MEASURES[name].expression): name for name in MEASURES}
    positions = {query: position for position, query in enumerate(qrels)}
    scores: PerQuery = {name: [0.0] * len(qrels) for name in MEASURES}
    # trec_eval reads an empty ranking as no ranking, and judged queries without one score zero here.
    present = {query: passages for query, passages in ranking.items() if passages and query in positions}
    if not present:
        return scores
    for metric in ir_measures.pytrec_eval.iter_calc(list(names), qrels, present):
        name, value = names[metric.measure], float(metric.value)
        cutoff = MEASURES[name].cutoff
        if cutoff is not None and value < 1 / cutoff - ROUNDING:
            value = 0.0  # trec_eval's reciprocal rank has no cutoff
        if not 0 <= value <= 1 + ROUNDING:
            raise TokirError(
                f"{name} of the query {metric.query_id!r} is {value:g}, which is not between 0 and 1: "
                "check the ids and the grades of its judgements"
            )
        scores[name][positions[metric.query_id]] = value
    return scores


def shared_first(wanted: Ranking, found: Ranking) -> float:
    """The mean share of the first passages of ``wanted`` that are among the first ``FIRST`` of ``found``.

    >>> shared_first({"q": {"a": 3.0, "b": 2.0}}, {"q": {"b": 2.0, "c": 1.0}})
    0.5
    """
    shares = []
    for query, passages in wanted.items():
        first, others = (set(islice(ranked, FIRST)) for ranked in (passages, found.get(query, {})))
        if first:
            shares.append(len(first & others) / len(first))
    return sum(shares) / len(shares) if shares else 1.0


def mean_scores(per_query: PerQuery) -> dict[str, float]:
    """The mean over queries of each measure."""
    return {name: sum(values) / len(values) for name, values in per_query.items()}
