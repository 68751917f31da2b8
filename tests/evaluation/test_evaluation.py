import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.errors import TokirError
from tokir.evaluation.latency import measure_latency
from tokir.evaluation.measures import mean_scores, score_queries
from tokir.evaluation.registry import MEASURES, Measure

passages = [f"d{i}" for i in range(25)]
rankings = st.dictionaries(st.sampled_from(passages), st.sampled_from([0.1, 0.5, 0.9]), max_size=25)
judgements = st.dictionaries(st.sampled_from(passages), st.integers(0, 3), min_size=1, max_size=8)


def by_hand(ranking, judged):
    """The measures from their definitions; ties by descending id."""
    order = sorted(ranking, key=lambda d: (ranking[d], d), reverse=True)
    gains = [judged.get(d, 0) for d in order]
    relevant = sum(grade > 0 for grade in judged.values())
    hits = [gain > 0 for gain in gains]
    found = {f"recall@{k}": sum(hits[:k]) / relevant for k in (1, 5, 10, 100)}
    found |= {f"precision@{k}": sum(hits[:k]) / k for k in (1, 5, 10)}
    found["mrr@10"] = next((1 / rank for rank, hit in enumerate(hits[:10], 1) if hit), 0.0)
    dcg = sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains[:10], 1))
    ideal = sorted(judged.values(), reverse=True)[:10]
    found["ndcg@10"] = dcg / sum(gain / np.log2(rank + 1) for rank, gain in enumerate(ideal, 1))
    return found


@settings(max_examples=200)
@given(rankings, judgements)
def test_measures_equal_their_definitions_ties_included(ranking, judged):
    if not any(judged.values()):
        judged = {**judged, "d0": 1}
    scores = score_queries({"q": ranking}, {"q": judged})
    assert set(scores) == set(MEASURES)
    for name, expected in by_hand(ranking, judged).items():
        assert scores[name] == [pytest.approx(expected, abs=1e-6)], name


def test_a_query_without_a_ranking_counts_as_zero():
    qrels = {"a": {"d1": 1}, "b": {"d2": 1}, "c": {"d3": 1}}
    scores = score_queries({"b": {"d2": 1.0}, "c": {}}, qrels)
    assert scores["recall@10"] == [0.0, 1.0, 0.0]
    assert mean_scores(scores)["mrr@10"] == pytest.approx(1 / 3)


def test_a_measure_of_ones_own_is_scored_beside_the_others(monkeypatch):
    monkeypatch.setattr(MEASURES, "_entries", dict(MEASURES._entries))
    MEASURES.add("success@5", Measure("Success@5", "Success", "@5"))
    ranking = {"a": {f"d{i}": 1.0 - i / 10 for i in range(10)}, "b": {"d1": 1.0}}
    scores = score_queries(ranking, {"a": {"d5": 1}, "b": {"d1": 1}})
    assert scores["success@5"] == [0.0, 1.0] and scores["recall@10"] == [1.0, 1.0]


def test_a_score_that_is_not_between_0_and_1_is_refused(monkeypatch):
    from ir_measures import R, pytrec_eval
    from ir_measures.util import Metric

    monkeypatch.setattr(pytrec_eval, "iter_calc", lambda *_: [Metric("q", R @ 10, 4_234_857_364.8)])
    with pytest.raises(TokirError, match=r"recall@10 of the query 'q' is 4\.23486e\+09"):
        score_queries({"q": {"d1": 1.0}}, {"q": {"d1": 1}})


def test_latency_stages_add_up_to_the_total():
    calls = []
    stages = {"tokenize": lambda q: q.split(), "search": lambda terms: calls.append(terms)}
    measured = measure_latency(["a b", "c"] * 10, stages)
    assert len(calls) == 30  # ten warm the path up
    parts = measured["tokenize"]["mean"] + measured["search"]["mean"]
    assert measured["total"]["mean"] == pytest.approx(parts)
    assert measured["total"]["p50"] <= measured["total"]["p95"]
