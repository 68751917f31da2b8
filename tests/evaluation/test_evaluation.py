import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.evaluation.findings import findings
from tokir.evaluation.latency import measure_latency
from tokir.evaluation.measures import MEASURES, mean_scores, score_queries

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


def test_latency_stages_add_up_to_the_total():
    calls = []
    stages = {"tokenize": lambda q: q.split(), "search": lambda terms: calls.append(terms)}
    measured = measure_latency(["a b", "c"] * 10, stages)
    assert len(calls) == 30  # ten warm the path up
    parts = measured["tokenize"]["mean"] + measured["search"]["mean"]
    assert measured["total"]["mean"] == pytest.approx(parts)
    assert measured["total"]["p50"] <= measured["total"]["p95"]


def row(id, kind, recall, latency=1.0, **more):
    return {
        "id": id,
        "kind": kind,
        "title": id,
        "status": "ok",
        "parameters": 2_000_000,
        "architecture": None,
        "pooling": None,
        "seed": 0,
        "tokenizer": None,
        "objective": "lm",
        "scores": {"recall@10": recall},
        "intervals": {"recall@10": [(recall or 0) - 0.02, (recall or 0) + 0.02]},
        "latency_ms": {"total": {"p50": latency, "p95": latency * 1.2}},
        "language_model": {"bits_per_character": 2.0},
        "seconds": {"train": 60.0},
    } | more


def compared(rows, width):
    return [
        {
            "a": a["id"],
            "b": b["id"],
            "difference": (d := a["scores"]["recall@10"] - b["scores"]["recall@10"]),
            "interval": [d - width, d + width],
            "p_holm": 0.001 if abs(d) > width else 0.5,
        }
        for i, a in enumerate(rows)
        for b in rows[i + 1 :]
    ]


def test_findings_follow_the_intervals():
    rows = [
        row("lstm.raw", "trained", 0.01, architecture="lstm", pooling="mean"),
        row("lstm.white", "trained", 0.20, architecture="lstm", pooling="mean-white"),
        row("tf.white", "trained", 0.21, architecture="transformer", pooling="mean-white"),
        row("minilm", "pretrained", 0.65, latency=9.0),
        row("byt5", "pretrained", None, status="unavailable", scores=None, intervals=None, latency_ms=None),
    ]
    found = findings(rows, compared(rows[:4], 0.03), chance=0.002)
    assert [finding["answer"] for finding in found] == [
        "supported",  # above chance
        "cannot tell",  # none was trained to retrieve
        "cannot tell",  # no larger general model on this machine
        "cannot tell",  # 0.20 against 0.21, +- 0.03
        "supported",
        "supported",
    ]
    assert found[0]["evidence"][0] == 'systems[2].scores["recall@10"]'
    found = findings(rows, compared(rows[:4], 0.001), chance=0.5)
    assert [finding["answer"] for finding in found][:4:3] == ["not supported", "not supported"]


def test_findings_compare_one_model_trained_both_ways():
    task = {
        "objective": "contrastive+distillation",
        "language_model": None,
        "seconds": {"train": 9.0, "teacher": 90.0},
    }
    rows = [
        row("lstm.lm", "trained", 0.20, architecture="lstm", pooling="mean-white"),
        row("lstm.task", "trained", 0.60, architecture="lstm", pooling="learned", **task),
        row("bm25", "lexical", 0.54),
    ]
    found = findings(rows, compared(rows, 0.03), chance=0.002)
    assert [finding["answer"] for finding in found] == ["supported"] * 2 + ["cannot tell"] * 2 + [
        "supported",
        "cannot tell",
    ]
    assert "lstm.lm" in found[0]["text"] and "lstm.task" not in found[0]["text"]
    assert "90 for the vectors of its teacher" in found[1]["text"]
    assert "+0.400 [+0.370, +0.430]" in found[4]["text"]


def test_findings_of_an_empty_study_cannot_tell():
    assert {finding["answer"] for finding in findings([], [], 0.01)} == {"cannot tell"}
