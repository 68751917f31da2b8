"""What a finished run can do without the data set, a teacher, the settings or any training."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command import tokir
from small_runs import ranked_list
from tokir import (
    Machine,
    Study,
    TokenizerSettings,
    add_passages,
    delete_passages,
    load_config,
    open_run,
    train_tokenizer,
    write_report,
)
from tokir.artifacts import RunFolder, file_digest
from tokir.errors import TokirError, Unavailable
from tokir.retrieval.files import contents, encoder_contents, read_systems

STATIC = "bpe-500.static.contrastive+queries.learned.s0"
LSTM = "bpe-500.lstm.lm.mean-white.s0"
FUSION = "best+bm25.weighted"


@pytest.fixture
def opened(run):
    return open_run(run)


def test_it_finds_what_the_study_ranked(opened, run):
    queries = dict(line.rstrip("\n").split("\t") for line in (run / "queries.tsv").open())
    query, text = next(iter(queries.items()))
    answers = opened.search(text, top=5)
    assert list(answers) == list(opened.systems)
    for system in (STATIC, LSTM, "bm25", FUSION):
        ranked = ranked_list(run / "rankings" / f"{system}.trec", query)
        found = answers[system].hits
        assert [hit.id for hit in found] == list(ranked)[:5]
        assert [hit.score for hit in found] == pytest.approx(list(ranked.values())[:5], rel=1e-5)
    passage = opened.passage(answers["bm25"].hits[0].id)
    assert (passage.title, passage.text) == (answers["bm25"].hits[0].title, answers["bm25"].hits[0].text)
    assert "its weights are not on this machine" in answers["canine"].unavailable


def test_it_encodes_and_tokenizes(opened):
    vectors = opened.encode(["history of anarchism", ""], STATIC)
    assert vectors.shape == (2, 256) and np.linalg.norm(vectors[0]) == pytest.approx(1) and not vectors[1].any()
    assert "".join(opened.tokenize("history of anarchism")) == "history of anarchism"
    assert opened.results.dataset.queries == 60
    with pytest.raises(TokirError, match="no vector for each text"):
        opened.encode(["x"], "bm25")
    with pytest.raises(Unavailable):
        opened.encode(["x"], "canine")


def test_one_text_in_place_of_a_list_is_not_taken_for_its_letters(opened):
    for ask in (
        lambda: opened.encode("who painted", STATIC),
        lambda: opened.find("who painted", STATIC),
        lambda: opened.search("who painted", systems="bm25"),
    ):
        with pytest.raises(TokirError, match="are a list: write"):
            ask()


def test_what_is_no_list_no_text_or_no_path_is_refused_in_a_sentence(opened, run, tmp_path):
    for ask, said in (
        (lambda: opened.find(iter(["who painted"]), STATIC), "queries are a list, not list_iterator"),
        (lambda: opened.encode((text for text in ["who painted"]), STATIC), "texts are a list, not generator"),
        (lambda: opened.search("who painted", systems=iter([STATIC])), "systems are a list"),
        (lambda: opened.search("who painted", np.array([2, 3])), "ask for one passage at least"),
        (lambda: opened.encode(["who painted"], None), "no system None"),
        (lambda: opened.find(["who painted"], [STATIC]), "no system \\['bpe-500"),
        (lambda: opened.export(None, "onnx", tmp_path), "no system None"),
        (lambda: opened.tokenize("who painted", 5), "no tokenizer 5"),
        (lambda: opened.tokenize("who painted", ["x"]), "no tokenizer \\['x'\\]"),
        (lambda: opened.tokenize(5), "5 is no text"),
        (lambda: opened.encode({"who", "painted"}, STATIC), "texts are a list, not set"),
        (lambda: opened.push(STATIC, None, "c"), "None is no text"),
        (lambda: open_run(""), "a path is empty"),
        (lambda: load_config("best", [1]), "1 is no text"),
        (lambda: opened.passage(None), "None is no text"),
        (lambda: open_run(5), "5 is no path"),
        (lambda: add_passages(run, ["new.jsonl"]), "\\['new.jsonl'\\] is no path"),
        (lambda: delete_passages(run, [["d1"]]), "\\['d1'\\] is no text"),
        (lambda: write_report(5), "5 is no path"),
        (lambda: Study("best"), "'best' is no StudyConfig: load_config"),
        (lambda: Study(load_config("best"), tmp_path, "cpu"), "'cpu' is no Machine"),
        (lambda: Study(load_config("best"), 5), "5 is no path"),
        (lambda: Machine(threads=0), "threads are 0"),
        (lambda: train_tokenizer("who painted", TokenizerSettings()), "texts are a list: write"),
        (lambda: train_tokenizer([5], TokenizerSettings()), "5 is no text"),
        (lambda: train_tokenizer(["who painted"], "bpe"), "'bpe' is no TokenizerSettings"),
    ):
        with pytest.raises(TokirError, match=said):
            ask()


def test_a_run_answers_after_the_program_has_changed_its_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run.parent)
    opened = open_run(run.name)
    monkeypatch.chdir(tmp_path)
    assert opened.find(["history"], STATIC)[0]


def test_the_home_folder_may_be_written_as_a_tilde(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(run.parent))
    home = f"~/{run.name}"
    with pytest.raises(TokirError, match="nothing was ever added"):
        add_passages(home)
    with pytest.raises(TokirError, match="has no passage 'nowhere'"):
        delete_passages(home, ["nowhere"])
    monkeypatch.setenv("HOME", str(tmp_path))
    open_run(run).export(STATIC, "sentence-transformers", "~/exported")
    assert (tmp_path / "exported/modules.json").is_file()


def test_another_run_in_its_place_is_not_read_for_it(run, tmp_path):
    """What is open goes on answering; what was not opened yet is that of another run now."""
    live, link = tmp_path / "live", tmp_path / "current"
    shutil.copytree(run, live)
    link.symlink_to(live)
    opened, by_link = open_run(live), open_run(link)
    asked = opened.passages.ids[0]
    before = opened.find(["history of the city"], "bm25"), opened.passage(asked)
    live.rename(tmp_path / "old")
    shutil.copytree(run, live)
    assert (opened.find(["history of the city"], "bm25"), opened.passage(asked)) == before
    with pytest.raises(
        TokirError, match="another run has taken the place of the one that was opened: open it again"
    ):
        opened.find(["history of the city"], STATIC)
    link.unlink()
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(TokirError, match="open it again"):  # it leads where it led, which is another run now
        by_link.find(["history of the city"], STATIC)
    shutil.rmtree(live)
    (tmp_path / "old").rename(live)
    assert by_link.find(["history of the city"], STATIC) == opened.find(["history of the city"], STATIC)


def test_a_mistake_names_the_nearest(opened, run, capsys):
    for words, said in (
        (["x", "--system", "bm52"], "did you mean 'bm25'"),
        (["  "], "the query is empty"),
    ):
        tokir("search", run, *words, code=2)
        captured = capsys.readouterr()
        assert said in captured.err and captured.out == ""
    with pytest.raises(TokirError, match=r"did you mean 'bpe-500'"):
        opened.tokenize("x", "bpe-50")
    with pytest.raises(TokirError, match="no passage 'nowhere'"):
        opened.passage("nowhere")


def test_search_prints_pieces_passages_and_what_is_missing(run, capsys):
    tokir("search", run, "history of anarchism", "--top", "2")
    printed = capsys.readouterr().out
    assert "bpe-500: h" in printed and "tokens)" in printed
    assert "Anarchism" in printed.split("\nbm25")[1]
    assert "unavailable:" in printed.split("\ncanine")[1]


def test_nothing_is_written_when_the_data_changes_or_goes_and_the_folder_cannot_be_written(
    run, data, tmp_path, capsys
):
    copy, source = tmp_path / "run", tmp_path / "data"
    shutil.copytree(run, copy)
    shutil.copytree(data, source)
    about = json.loads((copy / "corpus/source.json").read_text())
    for file in about["files"]:
        file["path"] = str(source / Path(file["path"]).relative_to(data))
        file["mtime_ns"] = Path(file["path"]).stat().st_mtime_ns
    (copy / "corpus/source.json").write_text(json.dumps(about))
    RunFolder(copy).ensure(["corpus/source.json"], "moved", lambda: None)
    before = {path: file_digest(path) for path in copy.rglob("*") if path.is_file()}
    words = ["search", copy, "history of anarchism", "--system", STATIC, "--system", "bm25"]
    tokir(*words)
    first = capsys.readouterr()
    assert first.err == ""
    with (source / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "new", "text": "history of anarchism"}\n')
    tokir(*words)
    second = capsys.readouterr()
    assert second.out == first.out and "corpus.jsonl has changed" in second.err
    shutil.rmtree(source)
    tokir(*words)
    third = capsys.readouterr()
    assert third.out == first.out and "corpus.jsonl is gone" in third.err
    assert {path: file_digest(path) for path in copy.rglob("*") if path.is_file()} == before


def test_a_static_system_answers_without_torch(run):
    code = (
        "import sys, tokir; run = tokir.open_run(sys.argv[1]); "
        "print(len(run.search('history of anarchism', systems=[sys.argv[2]])[sys.argv[2]].hits), "
        "*(name for name in ('torch', 'pydantic', 'pandas', 'scipy', 'bm25s') if name in sys.modules))"
    )
    words = [sys.executable, "-c", code, str(run), STATIC]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.split() == ["10"]


def test_what_is_not_ready_or_damaged_is_refused_in_a_sentence(run, tmp_path, capsys):
    with pytest.raises(TokirError, match="is not a run folder"):
        open_run(tmp_path)
    shutil.copytree(run, tmp_path / "run")
    systems = tmp_path / "run/systems.json"
    systems.write_text(systems.read_text()[:-20])
    with pytest.raises(TokirError, match=r"systems\.json: damaged \(its bytes are not those that were written\)"):
        open_run(tmp_path / "run")
    systems.unlink()
    with pytest.raises(TokirError, match="is not ready to be searched"):
        open_run(tmp_path / "run")


USED = [
    "corpus/passages.arrow", "corpus/passages.json", "corpus/id_order.npy", "tokenizers/bpe-500/tokenizer.json",
    f"embeddings/{STATIC}/table.npy",
    *(f"indexes/{system}/{part}.npy" for system in (STATIC, LSTM) for part in (
        "vectors", "codes", "inverse_lengths", "error",
    )),
    "models/bpe-500.lstm.lm.s0/config.json",
    "models/bpe-500.lstm.lm.s0/best.safetensors", f"embeddings/{LSTM}/whitening.safetensors",
    *(f"indexes/bm25/{part}.index.{kind}" for part, kind in (
        ("data.csc", "npy"), ("indices.csc", "npy"), ("indptr.csc", "npy"), ("params", "json"), ("vocab", "json"),
    )),
]  # fmt: skip


@pytest.fixture(scope="module")
def linked(run, tmp_path_factory) -> Path:
    """The run once more, without a copy of its bytes; files in it are replaced, never written to."""
    folder = tmp_path_factory.mktemp("linked") / "run"
    shutil.copytree(run, folder, copy_function=os.link)
    return folder


@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
@pytest.mark.parametrize("name", USED)
def test_a_file_that_was_cut_is_named_and_nothing_is_answered(linked, name, damage):
    file, kept = linked / name, linked / "kept"
    file.rename(kept)
    try:
        if damage != "gone":
            file.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2] if damage == "cut" else b"")
        with pytest.raises(TokirError) as refused:
            open_run(linked).search("history of anarchism", systems=[STATIC, LSTM, "bm25"])
        message = str(refused.value)
        assert "\n" not in message and str(linked) in message
        assert any(part in message for part in (file.name, "passages.arrow", "indexes/bm25"))
    finally:
        file.unlink(missing_ok=True)
        kept.rename(file)


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
@pytest.mark.parametrize("name", ["results.json", "examples.json", "explorer.json", "manifest.jsonl"])
def test_a_report_is_made_of_no_damaged_file(linked, name, damage, capsys):
    file, kept = linked / name, linked / "kept"
    file.rename(kept)
    try:
        data = kept.read_bytes()
        place = max(0, len(data) - 9)  # of the manifest in the line of a file that a report replaces
        flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        if damage != "gone":
            file.write_bytes(flipped if damage == "flipped" else data[: len(data) // 2])
        tokir("report", linked, code=0 if (name, damage) == ("manifest.jsonl", "flipped") else 2)
        error = capsys.readouterr().err
        assert name in error and "Traceback" not in error
    finally:
        file.unlink(missing_ok=True)
        kept.rename(file)
        capsys.readouterr()


def test_a_search_reads_no_settings_and_they_are_never_taken_by_halves(linked, capsys):
    settings, kept = linked / "study.yaml", linked / "kept"
    tokir("search", linked, "history of anarchism", "--system", "bm25")
    right = capsys.readouterr().out
    settings.rename(kept)
    try:
        text = kept.read_text()
        settings.write_text(half := text[: text.index("training:")])  # YAML still
        tokir("search", linked, "history of anarchism", "--system", "bm25")
        assert capsys.readouterr().out == right
        for command in ("embed", "evaluate"):
            tokir(command, linked, code=2)
            assert "study.yaml: damaged (its bytes are not those that were written)" in capsys.readouterr().err
        assert settings.read_text() == half
    finally:
        settings.unlink()
        kept.rename(settings)


def test_every_file_that_systems_answer_from_is_among_those_that_are_cut(run):
    made = json.loads((run / "systems.json").read_text())["files"]
    inside = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    for system in (STATIC, LSTM, "bm25"):
        values = made[system] | made[system].get("encoder", {}) | {"vectors": None}  # for passages that are added
        for value in (value for value in values.values() if isinstance(value, str) and (run / value).exists()):
            files = {name for name in inside if name == value or name.startswith(f"{value}/")}
            assert files - set(USED) <= {f"{value}/final.safetensors", f"{value}/history.jsonl"}


def test_a_query_that_is_not_valid_unicode_is_refused_and_a_terminal_shows_what_it_can(opened, run, capsys):
    tokir("search", run, "caf\udcff", code=2)
    captured = capsys.readouterr()
    assert captured.out == "" and "character 4 of a text is a lone surrogate (U+DCFF)" in captured.err
    for use in (lambda: opened.search("caf\udcff", systems=["bm25"]), lambda: opened.encode(["\udcff"], STATIC)):
        with pytest.raises(TokirError, match="lone surrogate"):
            use()
    for encoding in ("latin-1", "ascii"):
        shown = subprocess.run(
            [sys.executable, "-m", "tokir", "search", str(run), "naïve 東京", "--system", "bm25"],
            env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
        )  # fmt: skip
        assert (shown.returncode, shown.stderr) == (0, b"") and b"tokens)" in shown.stdout
        # typer writes UTF-8 to a terminal that says it knows ASCII alone
        assert rb"\u" in shown.stdout or encoding == "ascii"


def test_a_fusion_says_which_of_its_members_is_unavailable(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    systems = tmp_path / "run/systems.json"
    made = json.loads(systems.read_text())
    made["files"][FUSION]["members"] = ["bm25", "minilm"]
    encoder = {"kind": "pretrained", "name": "byt5", "folder": None, "checksum": "x"}
    made["files"]["minilm"] = {
        "kind": "dense",
        "encoder": encoder,
        "index_kind": "exact",
        "index": f"indexes/{STATIC}",
    }
    systems.write_text(json.dumps(made))
    RunFolder(tmp_path / "run").ensure(["systems.json"], "by hand", lambda: None)
    answer = open_run(tmp_path / "run").search("anarchism", systems=[FUSION])[FUSION]
    assert answer.unavailable.startswith("its member minilm is unavailable: ") and answer.hits == ()


def test_what_a_vector_depends_on_holds_the_weights_of_a_network(run, tmp_path):
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    files = read_systems(RunFolder(folder)).files[LSTM]
    before = encoder_contents(files, RunFolder(folder)), contents(files, RunFolder(folder))
    manifest = folder / "manifest.jsonl"
    weights = file_digest(folder / "models/bpe-500.lstm.lm.s0/best.safetensors")
    manifest.write_text(manifest.read_text().replace(weights, "0" * 64))
    after = encoder_contents(files, RunFolder(folder)), contents(files, RunFolder(folder))
    assert before[0] != after[0] and before[1] != after[1]
