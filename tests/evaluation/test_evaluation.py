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


RUNS, QUERIES = 10_000, 2
TREC_NAMES = {
    **{f"recall@{k}": f"recall_{k}" for k in (1, 5, 10, 100)},
    **{f"precision@{k}": f"P_{k}" for k in (1, 5, 10)},
    "mrr@10": "recip_rank",
    "ndcg@10": "ndcg_cut_10",
}


def random_runs(seed, count):
    """Judgements and rankings with many ties, grades of zero and below, unjudged passages, and queries left out."""
    rng = np.random.default_rng(seed)
    shapes = ("d{}", "D-{}_x", "{}", "../d/{}", "é{}", "東京{}", "🙂{}", "d{}" + "y" * 200)
    ids = [shapes[i % len(shapes)].format(i) for i in range(160)]
    for _ in range(count):
        qrels, ranking = {}, {}
        for number in range(QUERIES):
            judged = rng.choice(len(ids), rng.integers(1, 12), replace=False)
            grades = rng.choice([-1, 0, 0, 1, 1, 2, 3], len(judged))
            grades[0] = max(1, grades[0])
            qrels[f"q{number}"] = {ids[i]: int(grade) for i, grade in zip(judged, grades, strict=True)}
            if rng.random() < 0.1:
                continue  # a query without a ranking
            found = rng.permutation(len(ids))[: rng.integers(0, len(ids))]
            scores = np.float32(rng.integers(0, rng.choice([1, 2, 5, 1000]) + 1, len(found))) / np.float32(8)
            ranking[f"q{number}"] = {ids[i]: float(score) for i, score in zip(found, scores, strict=True)}
        yield qrels, ranking


def test_measures_equal_those_of_trec_eval_on_ten_thousand_random_runs():
    """Each run as a set of queries of its own; trec_eval is asked without anything of ours in between."""
    import pytrec_eval

    worst, compared = 0.0, 0
    for start in range(0, RUNS, 100):  # a hundred runs at once, each under names of its own
        qrels, ranking = {}, {}
        for run, (judged, found) in enumerate(random_runs(start, 100)):
            qrels |= {f"{run}-{query}": row for query, row in judged.items()}
            ranking |= {f"{run}-{query}": row for query, row in found.items()}
        asked = pytrec_eval.RelevanceEvaluator(qrels, set(TREC_NAMES.values()))
        expected = asked.evaluate({query: row for query, row in ranking.items() if row})
        scores = score_queries(ranking, qrels)
        for name, trec in TREC_NAMES.items():
            for query, score in zip(qrels, scores[name], strict=True):
                value = expected.get(query, {}).get(trec, 0.0)
                if name == "mrr@10" and value < 0.1 - 1e-9:
                    value = 0.0  # that of trec_eval has no cutoff
                worst, compared = max(worst, abs(score - value)), compared + 1
    assert compared == RUNS * QUERIES * len(TREC_NAMES) and worst < 1e-9
