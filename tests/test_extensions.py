"""An entry of every registry that is added from outside the package makes a whole study, without a change in it."""

from __future__ import annotations

import json

import pytest

import toys
from command import tokir
from tokir import add_passages, open_run
from tokir.errors import TokirError
from tokir.evaluation.registry import MEASURES, PERTURBATIONS
from tokir.models.registry import ARCHITECTURES
from tokir.registry import Registry
from tokir.retrieval.registry import INDEXES, SEARCHERS
from tokir.study.registry import BASELINES
from tokir.tokenizers.registry import TOKENIZERS
from tokir.training.registry import OBJECTIVES

ADDED = [
    (TOKENIZERS, "letters", toys.LettersKind),
    (ARCHITECTURES, "causal", toys.CAUSAL),
    (OBJECTIVES, "halves", toys.HALVES),
    (INDEXES, "backwards", toys.ReversedIndex),
    (SEARCHERS, "overlap", toys.OverlapFiles),
    (BASELINES, "overlap", toys.Overlap()),
    (MEASURES, "success@5", toys.SUCCESS),
    (PERTURBATIONS, "shouted", toys.SHOUTED),
]


@pytest.fixture
def added(monkeypatch):
    for registry, name, entry in ADDED:
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.add(name, entry)


def test_one_of_each_from_outside_makes_a_study(added, data, tmp_path, capsys):
    tokir(
        "run", "quickstart", "--data", data, "--out", tmp_path / "run", "--quiet", "--queries", "30",
        "--set", "tokenizers=[{type: letters, vocabulary_size: 28}]",
        "--set", "architectures=[causal, static]", "--set", "objectives={static: [halves]}",
        "--set", "index=[exact, backwards]", "--set", "baselines=[overlap]", "--set", "training.documents=100",
        "--set", "models.static.steps=3", "--set", "evaluation.bootstrap=100",
        "--set", "evaluation.robustness=[shouted]", "--set", "evaluation.latency_queries=2",
    )  # fmt: skip
    results = json.loads((tmp_path / "run/results.json").read_text())
    rows = {row["id"]: row for row in results["systems"]}
    assert list(rows) == [
        *(
            f"letters-28.{trained}{index}.s0"
            for trained in (
                "causal.lm.mean",
                "causal.lm.mean-white",
                "causal.halves.learned",
                "static.halves.learned",
            )
            for index in ("", ".backwards")
        ),
        "overlap",
    ]
    trained = rows["letters-28.causal.halves.learned.s0"]
    assert trained["title"] == "Causal convolution, halves"
    assert trained["tokenizer"]["label"] == "first and last letters"
    assert rows["overlap"]["scores"]["recall@10"] > 0.2 and 0 <= rows["overlap"]["scores"]["success@5"] <= 1
    assert set(results["robustness"]["overlap"]) == {"shouted"}
    assert "success@5" in (tmp_path / "run/results.csv").read_text().splitlines()[0]
    report = (tmp_path / "run/report.md").read_text()
    assert "Causal convolution" in report and "Success@5" in report and "shouted" in report
    run = open_run(tmp_path / "run")
    answers = run.search("history of anarchism", top=3)
    assert [len(answer.hits) for answer in answers.values()] == [3] * 9
    assert run.tokenize("history of") == ["h", "y", "o", "f"]
    assert (tmp_path / "run/indexes/letters-28.static.halves.learned.backwards.s0/backwards.npy").exists()
    (tmp_path / "new.jsonl").write_text('{"_id": "new", "text": "quince zephyr"}')
    add_passages(tmp_path / "run", tmp_path / "new.jsonl")
    found = open_run(tmp_path / "run").search("quince zephyr", top=1)
    assert [answer.hits[0].id for answer in found.values()][-2:] == ["new", "new"]


def test_a_name_that_is_taken_or_unknown_is_refused():
    shapes: Registry[int] = Registry("shape", {"circle": 1, "late": "tokir.retrieval.maxsim:WEIGHTS"})
    with pytest.raises(ValueError, match="already a shape named 'circle'"):
        shapes.add("circle", 2)
    with pytest.raises(TokirError, match=r"unknown shape 'circel'.*did you mean 'circle'.*known are circle, late"):
        _ = shapes["circel"]
    assert shapes["circle"] == 1 and shapes["late"] == "weights.npy" and list(shapes) == ["circle", "late"]
