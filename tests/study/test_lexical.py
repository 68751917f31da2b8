"""A study that ranks by BM25 over the tokens of its tokenizers, beside a model of each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from command import tokir
from small_runs import ranked_list
from tokir import open_run
from tokir.artifacts import file_digest
from tokir.config import check_config
from tokir.errors import TokirError
from tokir.results.configurations import RETRIEVAL
from tokir.systems import systems

BPE, STEMS = "bpe-500-lower", "word-500-lower-stop-english-stem-english"
MODEL = "static.contrastive.learned.s0"
FUSIONS = [
    f"{{systems: [{BPE}.bm25, {BPE}.{MODEL}]}}",
    f"{{systems: [{STEMS}.bm25, {STEMS}.{MODEL}]}}",
    f"{{method: rrf, systems: [{BPE}.bm25, {STEMS}.{MODEL}]}}",
]
WORDS = [
    "--quiet", "--queries", "60", "--set", "lexical=true", "--set", "baselines=[bm25]",
    "--set", "tokenizers=[{type: bpe, vocabulary_size: 500, lowercase: true}, {type: word, vocabulary_size: 500, "
    "lowercase: true, stemming: english, stop_words: english}]",
    "--set", "architectures=[static]", "--set", "objectives.static=[contrastive]", "--set", "models.static.steps=3",
    "--set", "training.documents=200", "--set", f"fusions=[{', '.join(FUSIONS)}]",
    "--set", "evaluation.robustness=[swap]", "--set", "evaluation.bootstrap=200",
    "--set", "evaluation.latency_queries=3",
]  # fmt: skip


@pytest.fixture(scope="module")
def lexical(tmp_path_factory, data):
    run = tmp_path_factory.mktemp("lexical") / "run"
    tokir("run", "quickstart", "--data", data, "--out", run, *WORDS)
    return run


@pytest.fixture
def results(lexical):
    return json.loads((lexical / "results.json").read_text())


def test_every_tokenizer_has_a_row_and_the_verdict_a_line_for_each_way_to_retrieve(results):
    rows = {row["id"]: row for row in results["systems"]}
    names = [fusion[fusion.index("[") + 1 : -2].replace(", ", "+") for fusion in FUSIONS]
    alike, stemmed, across = (
        f"{name}.{method}" for name, method in zip(names, ("weighted", "weighted", "rrf"), strict=True)
    )
    assert list(rows) == [
        *(f"{name}.{MODEL}" for name in (BPE, STEMS)),
        *(f"{name}.bm25" for name in (BPE, STEMS)),
        *("bm25", alike, stemmed, across),
    ]
    row = rows[f"{STEMS}.bm25"]
    assert (row["kind"], row["architecture"], row["title"]) == ("lexical", "bm25", "BM25 over tokens")
    assert (row["tokenizer"]["id"], row["tokenizer"]["stemming"], row["seed"]) == (STEMS, "english", None)
    assert row["scores"]["recall@10"] > 0.1 and 0 < row["validation_recall"] <= 1
    # A fusion belongs to the tokenizer that its members share, and to none where they have several.
    assert [rows[id]["tokenizer"] and rows[id]["tokenizer"]["id"] for id in (alike, stemmed, across)] == [
        *(BPE, STEMS, None)
    ]
    verdict = [sentence["text"] for sentence in results["verdict"]]
    by_bm25 = "same configuration (BM25 over tokens)" in verdict[0]
    assert by_bm25 or "same configuration (Static, contrastive)" in verdict[0]
    lines = [text for text in verdict if text.partition(" (")[0] in RETRIEVAL.values()]
    other = RETRIEVAL["dense" if by_bm25 else "lexical"]
    assert [line.partition(" (")[0] for line in lines] == [other, RETRIEVAL["fused"]]
    assert all(": of 2 tokenizers " in line for line in lines)
    assert "(fusion of bm25 and static.contrastive.learned.s0, weighted)" in lines[1]
    compared = {frozenset((entry["a"], entry["b"])) for entry in results["perturbation_comparisons"]}
    assert frozenset((f"{BPE}.bm25", f"{STEMS}.bm25")) in compared and frozenset((alike, stemmed)) in compared


def test_it_is_searched_from_its_files_without_torch_and_finds_what_was_ranked(lexical):
    name = f"{STEMS}.bm25"
    query, text = next(line.rstrip("\n").split("\t") for line in (lexical / "queries.tsv").open())
    ranked = ranked_list(lexical / "rankings" / f"{name}.trec", query)
    found = open_run(lexical).search(text, top=5, systems=[name])[name].hits
    assert [hit.id for hit in found] == list(ranked)[:5]
    assert [hit.score for hit in found] == pytest.approx(list(ranked.values())[:5], rel=1e-5)
    code = (
        "import sys, tokir; print(len(tokir.open_run(sys.argv[1]).search('cities of Greece', systems=[sys.argv[2]])"
        "[sys.argv[2]].hits), *({'torch', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(lexical), name], capture_output=True, check=True)
    assert done.stdout.decode().split() == ["10"]


def test_a_run_with_it_resumes_to_nothing(lexical, data):
    def contents():
        return {path: file_digest(path) for path in lexical.rglob("*") if path.is_file()}

    before = contents()
    tokir("run", "quickstart", "--data", data, "--out", lexical, *WORDS)
    assert contents() == before


def test_a_fusion_names_only_what_the_study_ranks():
    settings = {"fusions": [{"systems": ["bpe-2k.bm25", "bm25"]}], "architectures": ["static"]}
    assert "bpe-2k.bm25" in [system.id for system in systems(check_config({**settings, "lexical": True}))]
    with pytest.raises(TokirError, match=r"'bpe-2k.bm25' is not a system of this study .*one of .*, bm25"):
        systems(check_config(settings))
