"""The measures of trec_eval, computed by it (pytrec_eval through ir-measures)."""

from __future__ import annotations

from tokir.retrieval.ranking import Ranking

MEASURES = (
    "recall@1",
    "recall@5",
    "recall@10",
    "recall@100",
    "mrr@10",
    "precision@1",
    "precision@5",
    "precision@10",
    "ndcg@10",
)
HEADLINE = "recall@10"

PerQuery = dict[str, list[float]]
"""Measure to one score per query, in the order of the judgements."""


def score_queries(ranking: Ranking, qrels: dict[str, dict[str, int]]) -> PerQuery:
    """Scores of every judged query; a query without a ranking scores zero.

    ``recall@k`` is TREC's: the share of a query's relevant passages among its first k (a query with more than k
    of them cannot reach 1). ``mrr@10`` is the reciprocal rank of the first relevant passage, or 0 beyond rank 10.
    Equal scores are ordered by descending passage id, as trec_eval does.
    """
    import ir_measures
    from ir_measures import RR, P, R, nDCG

    objects = {R @ k: f"recall@{k}" for k in (1, 5, 10, 100)}
    objects |= {P @ k: f"precision@{k}" for k in (1, 5, 10)} | {nDCG @ 10: "ndcg@10", RR: "mrr@10"}
    places = {query: place for place, query in enumerate(qrels)}
    scores: PerQuery = {name: [0.0] * len(qrels) for name in MEASURES}
    # trec_eval reads an empty ranking as no ranking, and judged queries without one score zero here.
    present = {query: passages for query, passages in ranking.items() if passages and query in places}
    if not present:
        return scores
    for metric in ir_measures.pytrec_eval.iter_calc(list(objects), qrels, present):
        value = float(metric.value)
        name = objects[metric.measure]
        if name == "mrr@10" and value < 1 / 10 - 1e-9:
            value = 0.0  # trec_eval's reciprocal rank has no cutoff; ranks beyond ten are cut off here
        scores[name][places[metric.query_id]] = value
    return scores


def mean_scores(per_query: PerQuery) -> dict[str, float]:
    """The mean over queries of each measure."""
    return {name: sum(values) / len(values) for name, values in per_query.items()}
