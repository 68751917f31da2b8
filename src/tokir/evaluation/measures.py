"""Scores of ranked lists, computed by trec_eval (pytrec_eval through ir-measures)."""

from __future__ import annotations

from tokir.errors import TokirError
from tokir.evaluation.registry import HEADLINE, MEASURES
from tokir.retrieval.ranking import Ranking

__all__ = ["HEADLINE", "MEASURES", "PerQuery", "mean_scores", "score_queries"]

PerQuery = dict[str, list[float]]
"""Measure to one score per query, in the order of the judgements."""
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


def mean_scores(per_query: PerQuery) -> dict[str, float]:
    """The mean over queries of each measure."""
    return {name: sum(values) / len(values) for name, values in per_query.items()}
