"""Rounded and truncated vectors as systems of their own: ranked, compared, paired and opened again."""

from __future__ import annotations

import json
import sys
from mmap import mmap

import numpy as np
import pytest

from command import SMALL, tokir
from small_models import make_roberta
from tokir import open_run
from tokir.artifacts import read_array
from tokir.config import load_config
from tokir.errors import TokirError
from tokir.systems import candidates, systems

OWN, TAUGHT = "bpe-500.static.contrastive", "bpe-500.static.query-distillation+queries"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data):
    base = tmp_path_factory.mktemp("rounded")
    make_roberta(base / "teacher")
    tokir(
        "run", "quickstart", "--data", data, "--out", base / "run", *SMALL, "--quiet",
        "--set", "architectures=[static]", "--set", "retrieval.dimensions=64",
        "--set", "objectives.static=[query-distillation+queries, contrastive]",
        "--set", "retrieval.teacher=roberta", "--set", f"pretrained_folders.roberta={base / 'teacher'}",
        "--set", "retrieval.teacher_texts=1", "--set", "poolings=[learned, learned-white, maxsim]",
        "--set", "baselines=[bm25, roberta]", "--set", "index=[exact, int8, binary, exact-16]",
        "--set", "variants=[{name: nested, retrieval: {matryoshka: [16]}, objectives: [contrastive]}]",
    )  # fmt: skip
    return base / "run"


def test_each_index_is_a_system_with_its_bytes_and_what_it_finds_of_exact_search(folder):
    results = json.loads((folder / "results.json").read_text())
    rows = {row["id"]: row for row in results["systems"]}
    whole, int8, binary, first = (
        rows[f"{OWN}.learned{index}.s0"] for index in ("", ".int8", ".binary", ".exact-16")
    )
    assert [row["index"] for row in (whole, int8, binary, first)] == ["exact", "int8", "binary", "exact-16"]
    assert [row["dimensions"] for row in (whole, int8, binary, first)] == [64, 64, 64, 16]
    sizes = [row["bytes_per_passage"] for row in (whole, int8, binary, first)]
    assert np.allclose(sizes, [64 * 5 + 4, 64 + 4, 64 + 4 + 8, 16 * 5 + 4], atol=2)
    assert whole["index_recall"] is None and int8["index_recall"] > 0.95 > first["index_recall"]
    assert first["title"] == "Static, contrastive, first 16 dimensions"
    assert "not trained" in first["index_label"]
    assert "not trained" not in rows[f"{OWN}~nested.learned.exact-16.s0"]["index_label"]
    assert rows["roberta.int8"]["index"] == "int8" and "int8" in rows["roberta.int8"]["title"]
    assert rows["bm25"]["index"] is None and rows["bm25"]["bytes_per_passage"] > 1
    assert f"{OWN}.maxsim.int8.s0" not in rows and f"{OWN}.learned-white.int8.s0" in rows
    assert rows["best+bm25.weighted"]["fused"]["systems"][0].endswith(("learned.s0", "learned-white.s0"))
    pairs = {(entry["factor"], entry["before"], entry["after"]) for entry in results["ablations"]}
    named = {"".join(pair) for factor, *pair in pairs if factor == "index"}
    assert f"{OWN}.learned.s0{OWN}.learned.int8.s0" in named and "robertaroberta.exact-16" in named
    assert ("pooling", f"{OWN}.learned.s0", f"{OWN}.maxsim.s0") in pairs
    trained = {(before, after) for factor, before, after in pairs if factor == "variant"}
    assert trained == {
        (f"{OWN}.learned{index}.s0", f"{OWN}~nested.learned{index}.s0") for index in ("", ".exact-16")
    }
    report = (folder / "report.md").read_text()
    assert "recall of exact" in report and "bytes a passage" in report


def test_models_of_one_teacher_share_its_indexes_and_vectors_are_embedded_once(folder):
    files = json.loads((folder / "systems.json").read_text())["files"]
    assert files[f"{TAUGHT}.learned.int8.s0"]["index"] == files["roberta.int8"]["index"] == "indexes/roberta.int8"
    assert {path.name for path in (folder / "embeddings").iterdir()} == {
        "roberta", f"{TAUGHT}.learned.s0", f"{TAUGHT}.learned-white.s0",
        *(f"{OWN}{variant}.{pooling}.s0" for variant in ("", "~nested") for pooling in ("learned", "learned-white")),
    }  # fmt: skip


def test_an_opened_run_answers_from_the_rounded_files_as_was_measured(folder):
    run, query = open_run(folder), "history of anarchism"
    assert run.encode([query], f"{OWN}.learned.exact-16.s0").shape == (1, 16)
    codes = read_array(folder / f"indexes/{OWN}.learned.int8.s0/codes.npy")
    assert codes.dtype == np.int8 and codes.shape == (800, 64)
    while not isinstance(codes, mmap):
        codes = codes.base  # None, which has no base, where it is not mapped
    queries = dict(line.split("\t") for line in (folder / "queries.tsv").read_text().splitlines())
    for index in ("", ".int8", ".binary", ".exact-16"):
        name = f"{OWN}.learned{index}.s0"
        lines = [line.split() for line in (folder / f"rankings/{name}.trec").read_text().splitlines()]
        for id, text in list(queries.items())[:10]:
            measured = [(passage, float(score)) for asked, _, passage, _, score, _ in lines if asked == id][:20]
            found = run.search(text, 20, [name])[name].hits
            assert [(hit.id, pytest.approx(hit.score, abs=1e-6)) for hit in found] == measured


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["index=int8"], r"index is 'int8'.*exact comes first.*write \[exact, int8\]"),
        (["index=[exact, exact]"], "more than once"),
        (["index=[exact, int9]"], "index.1.*did you mean 'int8'"),
        (["index=[exact, int8-x]"], "exact-128"),
        (["index=[exact, int8-256]"], "int8-256 is for wider vectors than those of static, which have 256"),
        (["retrieval.matryoshka=[256, 64]"], "256 is not fewer than the 256 dimensions"),
        (["retrieval.matryoshka=[64]", "retrieval.interaction=late"], "which interaction: late does not have"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(changed, words):
    with pytest.raises(TokirError, match=words):
        load_config("quickstart", changed)


def test_an_index_without_its_library_is_refused_before_anything_is_trained(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "faiss", None)
    tokir("run", "quickstart", "--data", data, "--out", tmp_path / "run", "--set", "index=[exact, hnsw]", code=2)
    assert "index: hnsw needs FAISS: pip install 'tokir[faiss]'" in capsys.readouterr().err
    assert not (tmp_path / "run/models").exists()


def test_an_index_wider_than_a_language_model_is_refused_before_anything_is_trained(data, tmp_path, capsys):
    wide = ["--set", "index=[exact, exact-256]", "--set", "retrieval.dimensions=300"]
    tokir("run", "quickstart", "--data", data, "--out", tmp_path / "run", *wide, code=2)
    assert "exact-256 is for wider vectors than those of" in capsys.readouterr().err
    assert not (tmp_path / "run/models").exists()


def test_an_index_wider_than_a_baseline_is_refused_before_anything_is_trained(data, tmp_path, capsys):
    wide = ["architectures=[static]", "retrieval.dimensions=512", "index=[exact, int8-400]", "baselines=[minilm]"]
    sets = [word for value in wide for word in ("--set", value)]
    tokir("run", "quickstart", "--data", data, "--out", tmp_path / "run", *sets, code=2)
    assert "int8-400 is for wider vectors than those of minilm.int8-400, which have 384" in capsys.readouterr().err
    assert not (tmp_path / "run/models").exists()


def test_best_stands_for_systems_that_search_exactly():
    config = load_config("quickstart", ["index=[exact, int8-64]"])
    assert {str(system.index) for system in candidates(config, "best")} == {"exact"}
    assert load_config("quickstart", ["index=exact"]) == load_config("quickstart")
    ids = [system.id for system in systems(config)]
    assert "bpe-2k.static.contrastive+queries.learned.int8-64.s0" in ids and ids[-3:] == [
        "bm25",
        "minilm",
        "minilm.int8-64",
    ]
