import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokir.errors import TokirError
from tokir.evaluation.hits import hits
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.latency import measure_latency
from tokir.evaluation.measures import mean_scores, score_queries, shared_first
from tokir.evaluation.registry import MEASURES, Measure
from tokir.retrieval.index import Hits, top
from tokir.retrieval.ranking import Ranking, descending, inverse

IDS = [f"d{i}" for i in range(25)]
TIES = inverse(descending(IDS))
lists = st.dictionaries(st.integers(0, 24), st.sampled_from([0.1, 0.5, 0.9]), max_size=25)
judgements = st.dictionaries(st.sampled_from([*IDS, "gone"]), st.integers(-2, 3), max_size=8).map(
    lambda judged: judged if max(judged.values(), default=0) > 0 else {**judged, "d0": 1}
)


def ranked(found: dict[int, float], ties: NDArray[np.int64] = TIES) -> Hits:
    """Scores by position, in the order of trec_eval."""
    positions, scores = np.array(list(found), np.int64), np.array(list(found.values()), np.float32)
    order = top(scores, len(found), ties[positions])
    return Hits(positions[order], scores[order])


def ranking_of(found: dict[str, list[str]]) -> Ranking:
    """Lists of ids, best first."""
    listed = ({IDS.index(id): 1 - rank / 100 for rank, id in enumerate(ids)} for ids in found.values())
    return Ranking.of(found, [ranked(scores) for scores in listed])


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from("abcd"), lists), st.dictionaries(st.sampled_from("abcd"), judgements))
def test_measures_equal_those_of_trec_eval_ties_and_missing_lists_included(found, qrels):
    import ir_measures

    names = {ir_measures.parse_measure(MEASURES[name].expression): name for name in MEASURES}
    expected = {name: dict.fromkeys(qrels, 0.0) for name in MEASURES}
    run = {query: {IDS[i]: score for i, score in scores.items()} for query, scores in found.items() if scores}
    if qrels and run:
        for metric in ir_measures.pytrec_eval.iter_calc(list(names), qrels, run):
            name, cutoff = names[metric.measure], MEASURES[names[metric.measure]].cutoff or 100
            expected[name][metric.query_id] = (
                metric.value if metric.value >= 1 / cutoff - 1e-9 or "m" not in name else 0.0
            )
    ranking = Ranking.of(found, [ranked(scores) for scores in found.values()])
    scores = score_queries(ranking, Judgements.of(qrels, IDS))
    assert set(scores) == set(MEASURES)
    for name, by_query in expected.items():
        assert scores[name] == pytest.approx(list(by_query.values()), abs=1e-9), name


def test_a_query_without_a_ranking_counts_as_zero():
    qrels = {"a": {"d1": 1}, "b": {"d2": 1}, "c": {"d3": 1}}
    scores = score_queries(ranking_of({"b": ["d2"], "c": []}), Judgements.of(qrels, IDS))
    assert scores["recall@10"] == [0.0, 1.0, 0.0]
    assert mean_scores(scores)["mrr@10"] == pytest.approx(1 / 3)


def test_a_measure_of_ones_own_is_scored_beside_the_others(monkeypatch):
    monkeypatch.setattr(MEASURES, "_entries", dict(MEASURES._entries))
    MEASURES.add("success@5", Measure("Success@5", "Success", "@5"))
    ranking = ranking_of({"a": [f"d{i}" for i in range(10)], "b": ["d1"]})
    scores = score_queries(ranking, Judgements.of({"a": {"d5": 1}, "b": {"d1": 1}}, IDS))
    assert scores["success@5"] == [0.0, 1.0] and scores["recall@10"] == [1.0, 1.0]


def test_a_score_that_is_not_between_0_and_1_is_refused(monkeypatch):
    from ir_measures import Success, pytrec_eval
    from ir_measures.util import Metric

    monkeypatch.setattr(MEASURES, "_entries", {"success@5": Measure("Success@5", "Success", "@5")})
    monkeypatch.setattr(pytrec_eval, "iter_calc", lambda *_: [Metric("q", Success @ 5, 4_234_857_364.8)])
    with pytest.raises(TokirError, match=r"success@5 of the query 'q' is 4\.23486e\+09"):
        score_queries(ranking_of({"q": ["d1"]}), Judgements.of({"q": {"d1": 1}}, IDS))


def test_of_a_ranked_list_the_first_relevant_and_the_first_passages_are_kept():
    ranking = ranking_of({"a": ["d3", "d1", "d2", "d4", "d9"], "b": ["d2"], "c": []})
    kept = hits(ranking, Judgements.of({"a": {"d9": 1, "d4": 2, "d1": 0}, "b": {"d3": 1}}, IDS))
    assert kept["a"].first_relevant == (4, "d4") and kept["b"].first_relevant is kept["c"].first_relevant is None
    assert [id for id, _ in kept["a"].passages] == ["d3", "d1", "d2"] and kept["c"].passages == []


def test_what_two_rankings_share_is_counted_among_the_first_ten():
    wanted = ranking_of({"a": ["d1", "d2"], "b": ["d3"], "c": []})
    assert shared_first(wanted, ranking_of({"a": ["d2", "d4"], "b": ["d3", "d1"]})) == pytest.approx(0.75)
    assert shared_first(wanted, ranking_of({})) == 0.0 and shared_first(ranking_of({}), wanted) == 1.0


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
        ids = sorted({id for row in ranking.values() for id in row})
        position, ties = {id: number for number, id in enumerate(ids)}, inverse(descending(ids))
        listed = [ranked({position[id]: score for id, score in row.items()}, ties) for row in ranking.values()]
        scores = score_queries(Ranking.of(ranking, listed), Judgements.of(qrels, ids))
        for name, trec in TREC_NAMES.items():
            for query, score in zip(qrels, scores[name], strict=True):
                value = expected.get(query, {}).get(trec, 0.0)
                if name == "mrr@10" and value < 0.1 - 1e-9:
                    value = 0.0  # that of trec_eval has no cutoff
                worst, compared = max(worst, abs(score - value)), compared + 1
    assert compared == RUNS * QUERIES * len(TREC_NAMES) and worst < 1e-9
