"""The verdict and what it rests on: contenders of several seeds, correlations, paths into the results."""

import re

import numpy as np
import pytest

from tokir.evaluation.contenders import Contender, Evaluated, contenders, hits
from tokir.evaluation.correlation import correlations
from tokir.evaluation.measures import MEASURES, score_queries
from tokir.evaluation.results import assemble_results
from tokir.report.evidence import resolve

QUERIES = 300
RNG = np.random.default_rng(3)
HARD = RNG.uniform(size=QUERIES)


def about(name, kind="trained", tokenizer=None, **more):
    return {
        "id": name, "kind": kind, "title": "Static, contrastive" if kind == "trained" else name, "status": "ok",
        "reason": None, "tokenizer": tokenizer, "architecture": "static", "objective": "contrastive",
        "variant": None, "pooling": "learned", "seed": None, "parameters": 500_000, "dimensions": 256,
        "language_model": None, "latency_ms": {"total": {"mean": 0.3, "p50": 0.25, "p95": 0.5}},
        "seconds": {"train": 9.0, "teacher": 0.0},
    } | more  # fmt: skip


def contender(name, quality, seeds=1, slip=0.0, **more):
    """Found with a chance that grows with quality and falls with how hard the query is."""
    tables = {measure: (RNG.uniform(size=(seeds, QUERIES)) + HARD < 2 * quality) * 1.0 for measure in MEASURES}
    tokenizer = {"id": name, "type": "bpe", "vocabulary_size": 2000, "fertility": 3 - quality}
    row = about(f"{name}.static", tokenizer=tokenizer, **more)
    if seeds > 1:
        row |= {"seeds": list(range(seeds)), "by_seed": tables["recall@10"].mean(axis=1).tolist()}
    dropped = tables["recall@10"] * (RNG.uniform(size=(seeds, QUERIES)) >= slip)
    return Contender(row, {}, tables, {"swap": dropped})


def numbers(value):
    """All numbers within a value of the results, without their signs."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [abs(value)] if isinstance(value, int | float) else []


@pytest.fixture
def settings():
    from tokir.config import EvaluationSettings

    return EvaluationSettings(bootstrap=1000, robustness=["swap"])


def test_the_verdict_says_what_the_numbers_say_and_where_they_lie(settings):
    best = contender("good", 0.6, seeds=2, slip=0.3)
    twin = Contender(
        about("twin.static", tokenizer={"id": "twin", "type": "bpe", "vocabulary_size": 500}, parameters=90_000),
        {}, {name: table[:1] for name, table in best.scores.items()}, {"swap": best.variants["swap"][:1]},
    )  # fmt: skip
    bad = contender("bad", 0.2)
    bm25 = Contender(about("bm25", "lexical"), {}, contender("x", 0.5).scores, {})
    queries = {f"q{i}": f"some words {i}" for i in range(QUERIES)}
    body = assemble_results([bad, best, twin, bm25], queries, settings, 5000)
    first, ties, worse, cost, slips, others, seeds = (sentence["text"] for sentence in body["verdict"])
    name, other = ("good", "twin") if "tokenizer good" in first else ("twin", "good")
    assert f"Use the tokenizer {name}" in first and f"cannot tell it from {other} (" in ties
    assert "better than bad (+" in worse and "0.25 ms" in cost and "bm25 (0." in others
    assert ("twin makes the smallest model: 90,000" in ties) == (name == "good")
    assert "slip swap: recall@10 changes by −" in slips
    assert ("2 trainings" in seeds) == (name == "good")
    compared = {(entry["slip"], entry["outcome"], entry["b"]) for entry in body["slip_comparisons"]}
    assert ("swap", "change", "bad.static") in compared and len(compared) == 4
    for sentence in body["verdict"]:
        told = [number for path in sentence["evidence"] for number in numbers(resolve(path, body))]
        told += [number * 4 / 1e6 for number in told]  # bytes of weights, in MB
        for number, decimals in re.findall(r"(?<![\w-])(\d+\.(\d+))", sentence["text"]):
            assert any(f"{value:.{len(decimals)}f}" == number for value in told), sentence
    rows = {row["id"]: row for row in body["systems"]}
    assert len(body["groups"]) >= 2 and rows["bad.static"]["groups"] == [len(body["groups"]) - 1]
    assert body["slips"][0]["changed"] == QUERIES


def test_trainings_that_differ_in_their_seed_are_one_contender():
    qrels = {"q1": {"p1": 1}, "q2": {"p2": 1}}

    def evaluated(about, ranking):
        return Evaluated(about, score_queries(ranking, qrels), hits(ranking, qrels))

    deep = {f"x{i}": 20.0 - i for i in range(10)} | {"p2": 1.0}
    first = evaluated(about("a.learned.s0", seed=0), {"q1": {"p1": 1.0}, "q2": deep})
    second = evaluated(
        about("a.learned.s1", seed=1, seconds={"train": 11.0, "teacher": 0.0}),
        {"q1": {"p1": 1.0}, "q2": {"p2": 1.0}},
    )
    bm25 = evaluated(about("bm25", "lexical"), {"q1": {"p1": 1.0}})
    made = {entry.about["id"]: entry for entry in contenders([first, second, bm25])}
    assert list(made) == ["a.learned", "bm25"]
    merged = made["a.learned"].about
    assert (merged["seeds"], merged["by_seed"], merged["seconds"]["train"]) == ([0, 1], [0.5, 1.0], 10.0)
    assert merged["runs"] == ["a.learned.s0", "a.learned.s1"]
    assert made["a.learned"].scores["recall@10"].tolist() == [[1, 0], [1, 1]]
    assert made["a.learned"].hits["q2"] == ((11, "p2"), [("x0", 20.0), ("x1", 19.0), ("x2", 18.0)])
    failed = Evaluated(about("a.learned.s1", seed=1, status="unavailable", reason="no teacher"))
    assert contenders([first, failed])[0].about["reason"] == "no teacher"


def test_a_measure_that_orders_the_tokenizers_is_found_and_one_that_does_not_is_not():
    def row(number, scores):
        tokenizer = {
            "id": f"t{number}",
            "fertility": number,
            "unknown_rate": 0.0,
            "whole_words": [3, 1, 6, 2, 5, 4][number],
        }
        return about(f"t{number}", tokenizer=tokenizer, scores={"recall@10": scores})

    rows = [row(number, 0.9 - number / 10) for number in range(6)]
    found = {entry["measure"]: entry for entry in correlations(rows, 0)}
    assert found["fertility"]["rho"] == -1 and found["fertility"]["p"] < 0.01
    assert (
        found["whole_words"]["p"] > 0.2
        and found["whole_words"]["interval"][0] < 0 < found["whole_words"]["interval"][1]
    )
    assert found["unknown_rate"]["rho"] is None
    assert correlations(rows[:5], 0) == []


def test_the_recipe_is_chosen_on_the_queries_for_choosing(settings):
    def recipe(objective, quality, choosing):
        found = [contender(f"{name}-{objective}", quality) for name in ("a", "b")]
        for one in found:
            one.about.update(objective=objective, title=objective, recall_on_choosing=choosing)
            one.about["tokenizer"]["id"] = one.about["id"][0]
        return found

    luckier, better = recipe("luckier", 0.6, 0.3), recipe("better", 0.5, 0.4)
    queries = {f"q{i}": "some words" for i in range(QUERIES)}
    first = assemble_results([*luckier, *better], queries, settings, 5000)["verdict"][0]
    assert "with the recipe better" in first["text"] and "on the queries for choosing" in first["text"]
    assert any("recall_on_choosing" in path for path in first["evidence"])


def test_a_tokenizer_and_the_same_with_one_thing_more_are_an_ablation(settings):
    plain, lower = contender("plain", 0.5), contender("lower", 0.6)
    for one, value in ((plain, False), (lower, True)):
        one.about["tokenizer"].update(lowercase=value, normalization=None)
    queries = {f"q{i}": "some words" for i in range(QUERIES)}
    [found] = assemble_results([lower, plain], queries, settings, 5000)["ablations"]
    assert (found["factor"], found["before"], found["after"]) == ("tokenizer", "plain.static", "lower.static")
