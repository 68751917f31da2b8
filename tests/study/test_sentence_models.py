"""A model that sentence-transformers reads as teacher and as baseline: made, resumed, opened, gone and changed."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from command import SMALL, tokir
from small_models import make_sentence_encoder
from tokir import delete_passages, open_run
from tokir.artifacts import file_digest
from tokir.config import load_config
from tokir.data import load
from tokir.encoders.pretrained import quiet
from tokir.study import Study
from tokir.study.embeddings import Embeddings
from tokir.training.distillation import query_like

library = pytest.importorskip("sentence_transformers")
PROMPTS = {"query": "query: ", "document": "passage: "}
STATIC = "bpe-500.static.distillation.learned.s0"
FUSION = "tiny-v1+bm25.weighted"


def words(data, out, folder, *more):
    return [
        "run", "quickstart", "--data", data, "--out", out, "--quiet", *SMALL[:-2], "--set", "data.queries=20",
        "--set", "architectures=[static]", "--set", "objectives.static=[distillation]",
        "--set", f"retrieval.teacher={folder}", "--set", "retrieval.teacher_texts=1",
        "--set", f"baselines=[bm25, {folder}]", "--set", "models.static={steps: 9, taught_steps: 3}",
        "--set", "embedding_precision=fp32", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory, data):
    """A finished study, and the model that it was made with."""
    base = tmp_path_factory.mktemp("study")
    make_sentence_encoder(base / "Tiny.v1", PROMPTS)
    fusion = ["--set", "fusions=[{systems: [tiny-v1, bm25]}]"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        tokir(*words(data, base / "run", "./Tiny.v1", *fusion))
    return base


@pytest.fixture
def copy(made, tmp_path):
    """The study again, to be changed; its model lies where it did."""
    shutil.copytree(made / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def away(made):
    """Takes the model away, until the test ends."""
    folder, hidden = made / "Tiny.v1", made / "hidden"
    folder.rename(hidden)
    yield hidden
    if folder.exists():
        shutil.rmtree(folder)
    hidden.rename(folder)


def rows(run: Path) -> dict:
    return {row["id"]: row for row in json.loads((run / "results.json").read_text())["systems"]}


def again(made, data, run):
    fusion = ["--set", "fusions=[{systems: [tiny-v1, bm25]}]"]
    tokir(*words(data, run, made / "Tiny.v1", *fusion))


def contents(folder):
    return {path: (file_digest(path), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_it_teaches_and_is_compared_and_reads_queries_and_passages_after_their_prompts(made, data):
    found = rows(made / "run")
    assert list(found) == [STATIC, "bm25", "tiny-v1", FUSION] and all(
        row["status"] == "ok" for row in found.values()
    )
    row = found["tiny-v1"]
    assert (row["kind"], row["title"], row["dimensions"], row["longest_tokens"]) == (
        "pretrained",
        "Tiny.v1",
        32,
        64,
    )
    assert row["pooling_label"] == "cls pooling" and row["truncated_passages"] > 700 and row["parameters"] > 10_000
    assert row["objective_label"] == "pretrained elsewhere, prompts for queries and passages"
    assert 0 < row["unknown_rate"] < 0.2 and row["latency_ms"]["encode"]["p50"] > 0
    assert found[STATIC]["seconds"]["teacher"] > 0 and found[STATIC]["retrieval_training"]["steps"] == 3
    assert set(found[STATIC]["teacher_files"]) == {"embeddings/tiny-v1/corpus.npy", "teachers/tiny-v1/crops.npy"}
    assert "cls pooling" in (made / "run/report.md").read_text()
    with quiet():
        model = library.SentenceTransformer(str(made / "Tiny.v1"), device="cpu")
    corpus = load(str(data)).corpus
    vectors = np.load(made / "run/embeddings/tiny-v1/corpus.npy")
    assert_allclose(vectors[:40], model.encode_document(corpus.passages(0, 40)), atol=1e-5)
    documents = list(corpus.records())
    crops, _ = query_like([d.title for d in documents], [d.text for d in documents], 1, 0)
    asked = np.load(made / "run/teachers/tiny-v1/crops.npy")
    assert len(asked) == len(crops)
    assert_allclose(asked[:40], model.encode_query(crops[:40]), atol=1e-5)
    run = open_run(made / "run")
    query = "history of anarchism"
    assert_allclose(run.encode([query], "tiny-v1"), model.encode_query([query]), atol=1e-5)
    hits = run.search(query, top=5, systems=["tiny-v1"])["tiny-v1"].hits
    best = np.sort(vectors @ model.encode_query(query))[::-1][:5]
    assert_allclose([hit.score for hit in hits], best, atol=1e-4)
    assert len(run.search(query)[FUSION].hits) == 10


def test_it_is_found_from_any_folder_and_a_finished_run_is_left_as_it_is(made, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = contents(made / "run")
    again(made, data, made / "run")
    assert contents(made / "run") == before


def test_what_was_made_with_it_does_not_need_it_again(made, data, copy, away):
    for name in (
        "results.json",
        f"rankings/{STATIC}.trec",
        f"models/{STATIC.replace('.learned', '')}/best.safetensors",
    ):
        (copy / name).unlink()
    again(made, data, copy)
    assert {id: row["status"] for id, row in rows(copy).items()} == dict.fromkeys(
        [STATIC, "bm25", "tiny-v1", FUSION], "ok"
    )
    answers = open_run(copy).search("history of anarchism", top=2)
    assert len(answers[STATIC].hits) == 2 and "there is no folder" in answers["tiny-v1"].unavailable
    assert "its member tiny-v1 is unavailable: there is no folder" in answers[FUSION].unavailable
    tokir("evaluate", copy, "--quiet")  # latency is measured anew
    row = rows(copy)["tiny-v1"]
    assert row["status"] == "unavailable" and f"there is no folder {made / 'Tiny.v1'}" in row["reason"]
    assert rows(copy)[STATIC]["status"] == "ok"
    moved = ["--set", f"pretrained_folders={{{made / 'Tiny.v1'}: {away}}}"]
    tokir(*words(data, copy, made / "Tiny.v1", "--set", "fusions=[{systems: [tiny-v1, bm25]}]", *moved))
    assert rows(copy)["tiny-v1"]["status"] == "ok"


def test_a_member_whose_queries_cannot_be_ranked_any_more_costs_its_fusion_alone(made, data, copy, away):
    (copy / "rankings/tiny-v1.trec").unlink()
    tokir("evaluate", copy, "--quiet")
    found = rows(copy)
    assert found[STATIC]["status"] == found["bm25"]["status"] == "ok"
    assert found["tiny-v1"]["status"] == "unavailable"
    assert found[FUSION]["reason"].startswith("its member tiny-v1 is unavailable: there is no folder")


def test_what_no_teacher_would_mend_does_not_keep_a_run_from_being_finished(made, data, tmp_path):
    untitled = shutil.copytree(data, tmp_path / "untitled")
    passages = map(json.loads, (data / "corpus.jsonl").read_text().splitlines())
    (untitled / "corpus.jsonl").write_text("".join(json.dumps({**one, "title": ""}) + "\n" for one in passages))
    named = words(untitled, tmp_path / "run", made / "Tiny.v1", "--set", "retrieval.pairs=title")
    named[named.index("objectives.static=[distillation]")] = "objectives.static=[contrastive-then-distillation]"
    tokir(*named)
    row = rows(tmp_path / "run")[STATIC.replace("distillation", "contrastive-then-distillation")]
    assert "no passage has what pairs of the kind title need" in row["reason"]
    before = contents(tmp_path / "run")
    tokir(*named)
    assert contents(tmp_path / "run") == before


def test_another_model_in_its_place_is_noticed(made, data, copy, away):
    before = file_digest(copy / "embeddings/tiny-v1/corpus.npy")
    make_sentence_encoder(made / "Tiny.v1", PROMPTS, seed=1)
    answer = open_run(copy).search("history of anarchism", systems=["tiny-v1"])["tiny-v1"]
    assert "is not the model that embedded the passages" in answer.unavailable
    known = json.loads((copy / "embeddings/tiny-v1/model.json").read_text())["checksum"]
    tokir("evaluate", copy, "--quiet")
    assert json.loads((copy / "embeddings/tiny-v1/model.json").read_text())["checksum"] != known
    assert file_digest(copy / "embeddings/tiny-v1/corpus.npy") != before
    assert open_run(copy).search("history of anarchism", systems=["tiny-v1"])["tiny-v1"].hits


def test_a_run_keeps_the_new_place_of_a_model_that_was_moved(made, data, copy, away):
    before = rows(copy)["tiny-v1"]["scores"]
    assert "there is no folder" in open_run(copy).search("a", systems=["tiny-v1"])["tiny-v1"].unavailable
    moved = ["--set", f"pretrained_folders={{{made / 'Tiny.v1'}: {away}}}"]
    fusion = ["--set", "fusions=[{systems: [tiny-v1, bm25]}]"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        tokir(*words(data, copy, "./Tiny.v1", *fusion, *moved))  # which is no longer there
    assert open_run(copy).search("history of anarchism", systems=["tiny-v1"])["tiny-v1"].hits
    tokir("evaluate", copy, "--quiet")
    assert rows(copy)["tiny-v1"]["scores"] == before


def test_a_model_that_is_moved_after_passages_were_deleted_is_named_in_the_same_way(made, data, copy):
    passage = open_run(copy).passages.record(0).id
    delete_passages(copy, [passage])
    there = (made / "Tiny.v1").rename(made / "moved")
    try:
        assert "now: tokir run ... --set" in open_run(copy).search("a", systems=["tiny-v1"])["tiny-v1"].unavailable
        moved = ["--set", f"pretrained_folders={{{made / 'Tiny.v1'}: {there}}}"]
        tokir(*words(data, copy, made / "Tiny.v1", "--set", "fusions=[{systems: [tiny-v1, bm25]}]", *moved))
        assert open_run(copy).search("history of anarchism", systems=["tiny-v1"])["tiny-v1"].hits
    finally:
        there.rename(made / "Tiny.v1")


def test_what_was_embedded_is_kept_while_its_tokens_are_counted(tmp_path, data, monkeypatch):
    make_sentence_encoder(tmp_path / "tiny")
    settings = words(data, tmp_path / "run", tmp_path / "tiny", "--set", "fusions=[]")
    said = [str(value) for option, value in pairwise(settings) if option == "--set"]
    embeddings = Study(
        load_config("quickstart", [f"data.source={data}", *said]), tmp_path / "run"
    ).parts.searchers.embeddings

    def stop(*_, **__):
        raise KeyboardInterrupt

    assert (
        embeddings.width(str(tmp_path / "tiny")) == 32
        and not (tmp_path / "run/embeddings/tiny/corpus.npy").exists()
    )
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Embeddings, "_read_by", stop)
        embeddings.pretrained(str(tmp_path / "tiny"))
    monkeypatch.setattr(Embeddings, "embed", stop)
    assert embeddings.pretrained(str(tmp_path / "tiny")).exists()  # without embedding anything once more


def test_a_folder_that_is_none_is_a_mistake_when_a_run_begins_and_later_a_row_says_so(tmp_path, data, capsys):
    tokir(*words(data, tmp_path / "run", tmp_path / "gone"), code=2)
    assert f"error: there is no folder {tmp_path / 'gone'}" in capsys.readouterr().err
    assert not (tmp_path / "run/models").exists()
    make_sentence_encoder(tmp_path / "tiny")
    more = ["--set", "baselines=[bm25, some/encoder]", "--set", "objectives.static=[contrastive, distillation]"]
    settings = words(data, tmp_path / "run", tmp_path / "tiny", "--set", "fusions=[]", *more)
    said = [str(value) for option, value in pairwise(settings) if option == "--set"]
    begun = Study(load_config("quickstart", [f"data.source={data}", *said]), tmp_path / "run")
    begun.parts.tokenizers.get(begun.config.tokenizers[0])  # stopped here
    shutil.rmtree(tmp_path / "tiny")
    tokir(*settings)
    found = rows(tmp_path / "run")
    assert found["bpe-500.static.contrastive.learned.s0"]["status"] == "ok"
    assert found[STATIC]["status"] == "unavailable" and "there is no folder" in found[STATIC]["reason"]
    assert found["encoder"]["title"] == "some/encoder"
    assert "`tokir run ... --download` fetches some/encoder" in found["encoder"]["reason"]
