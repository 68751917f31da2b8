"""One study on the embedded data, end to end, through the command line's own functions."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from command import SMALL, tokir
from tokir import open_run
from tokir.artifacts import RunFolder, file_digest


def test_the_run_folder_holds_what_the_design_says(run):
    results = json.loads((run / "results.json").read_text())
    assert results["schema"] == 2
    assert results["dataset"]["passages"] == 800 and results["dataset"]["queries"] == 60
    rows = {row["id"]: row for row in results["systems"]}
    assert list(rows) == [
        "bpe-500.lstm.lm.mean.s0",
        "bpe-500.lstm.lm.mean-white.s0",
        "bpe-500.transformer.lm.mean.s0",
        "bpe-500.transformer.lm.mean-white.s0",
        "bpe-500.static.contrastive+queries.learned.s0",
        "bm25",
        "canine",
        "best+bm25.weighted",
    ]
    assert rows["canine"]["status"] == "unavailable" and "--download" in rows["canine"]["reason"]
    assert rows["canine"]["scores"] is None
    assert rows["bm25"]["scores"]["recall@10"] > 0.3
    for name, row in rows.items():
        if name == "canine":
            continue
        low, high = row["intervals"]["recall@10"]
        assert low <= row["scores"]["recall@10"] <= high
        assert row["latency_ms"]["total"]["p50"] > 0
    model = rows["bpe-500.lstm.lm.mean-white.s0"]["language_model"]
    assert 1 < model["perplexity"] < 500
    assert {"torch", "tokenizers", "numpy"} <= set(results["environment"]["versions"])
    static = rows["bpe-500.static.contrastive+queries.learned.s0"]
    assert static["retrieval_training"]["steps"] == 30 and static["language_model"] is None
    assert static["scores"]["recall@10"] > rows["bpe-500.lstm.lm.mean.s0"]["scores"]["recall@10"]
    fused = rows["best+bm25.weighted"]["fused"]["systems"]
    assert fused[0].endswith(".s0") and fused[1] == "bm25"
    assert len(results["findings"]) == 6
    for name in ("study.yaml", "queries.tsv", "results.csv", "report.md", "report.html", "manifest.jsonl"):
        assert (run / name).stat().st_size > 0
    with (run / "results.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == list(rows)


def test_any_tool_computes_the_same_scores_from_the_trec_files(run):
    import pytrec_eval

    with (run / "qrels.trec").open() as file:
        evaluator = pytrec_eval.RelevanceEvaluator(
            pytrec_eval.parse_qrel(file), {"recall.1,5,10,100", "P.1,5,10", "ndcg_cut.10"}
        )
    names = {"recall_": "recall@", "P_": "precision@", "ndcg_cut_": "ndcg@"}
    for row in json.loads((run / "results.json").read_text())["systems"]:
        if row["status"] != "ok":
            continue
        with (run / "rankings" / f"{row['id']}.trec").open() as file:
            scored = evaluator.evaluate(pytrec_eval.parse_run(file))
        assert len(scored) == 60
        for measure in next(iter(scored.values())):
            prefix = next(p for p in names if measure.startswith(p))
            ours = row["scores"][measure.replace(prefix, names[prefix])]
            assert ours == pytest.approx(sum(query[measure] for query in scored.values()) / 60), measure


@pytest.fixture
def copy(run, tmp_path) -> Path:
    """The finished study, to be changed."""
    shutil.copytree(run, tmp_path / "copy")
    return tmp_path / "copy"


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of every file."""
    return {
        path.relative_to(folder).as_posix(): (file_digest(path), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_second_run_writes_nothing_and_a_damaged_file_alone_is_made_again(run, copy, data, capsys):
    before = contents(copy)
    tokir("run", "quickstart", "--data", data, "--out", copy, "--quiet", *SMALL)
    assert contents(copy) == before and "recall@10" in capsys.readouterr().out
    weights = copy / "models/bpe-500.lstm.lm.s0/best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    tokir("run", "quickstart", "--data", data, "--out", copy, "--quiet", *SMALL)
    assert "best.safetensors: damaged" in capsys.readouterr().err
    after = contents(copy)
    changed = {name for name in before if before[name][0] != after[name][0]}
    assert changed <= {"manifest.jsonl", "results.json", "results.csv", "report.md", "report.html", *(
        name for name in before if "history" in name or "config.json" in name or "latency" in name
    )}  # fmt: skip
    one, two = (json.loads((folder / "results.json").read_text()) for folder in (run, copy))
    assert [row["scores"] for row in one["systems"]] == [row["scores"] for row in two["systems"]]


def test_a_run_of_other_data_or_settings_is_refused_by_the_difference(copy, data, tmp_path, capsys):
    words = ["run", "quickstart", "--out", copy, "--quiet", *SMALL]
    tokir(*words, "--data", data, "--set", "training.epochs=3", code=2)
    assert "training.epochs is 1 there and 3 here" in capsys.readouterr().err
    other = tmp_path / data.name
    shutil.copytree(data, other)
    with (other / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "new", "text": "one more passage"}\n')
    before = contents(copy)
    tokir(*words, "--data", other, code=2)
    said = capsys.readouterr().err
    assert f"holds a run of other data, {data} (" in said and contents(copy) == before
    (tmp_path / "thesis.tex").write_text("x")
    tokir("run", "quickstart", "--data", data, "--out", tmp_path, code=2)
    assert "is not a run folder and not empty" in capsys.readouterr().err


def test_a_run_that_lost_its_record_is_not_overwritten_by_other_settings(copy, data, capsys):
    before = contents(copy)
    for lost in ("emptied", "gone"):
        manifest = copy / "manifest.jsonl"
        manifest.write_text("") if lost == "emptied" else manifest.unlink()
        tokir("run", "quickstart", "--data", data, "--out", copy, "--quiet", *SMALL, "--set", "seeds=[7]", code=2)
        assert "holds a run of another configuration: seeds" in capsys.readouterr().err
    after = contents(copy)
    assert {name for name in before if before[name] != after.get(name)} == {"manifest.jsonl"}
    tokir("run", "quickstart", "--data", data, "--out", copy, "--quiet", *SMALL)
    assert "manifest.jsonl: gone, or empty: all that it named is made again" in capsys.readouterr().err
    lines = map(json.loads, (copy / "manifest.jsonl").read_text().splitlines())
    assert {"study.yaml", "omissions.json", "corpus/source.json"} < {line["path"] for line in lines}


def test_data_that_were_moved_are_named_once(copy, data, tmp_path, capsys):
    before = contents(copy)
    moved = tmp_path / "moved 😀"
    shutil.copytree(data, moved)
    tokir("run", "quickstart", "--data", moved, "--out", copy, "--quiet", *SMALL)
    after = contents(copy)
    assert {name for name in after if after[name] != before[name]} == {
        "study.yaml", "corpus/source.json", "manifest.jsonl"
    }  # fmt: skip
    (moved / "corpus.jsonl").touch()  # with the same bytes
    tokir("search", copy, "history", "--system", "bm25")
    assert "corpus.jsonl may have changed" in capsys.readouterr().err
    for _ in range(2):
        tokir("run", "quickstart", "--data", moved, "--out", copy, "--quiet", *SMALL)
        touched = contents(copy)
        assert {name for name in after if after[name] != touched[name]} == {"corpus/source.json", "manifest.jsonl"}
        capsys.readouterr()
        tokir("search", copy, "history", "--system", "bm25")
        assert "changed" not in capsys.readouterr().err
    shutil.rmtree(moved)
    capsys.readouterr()
    tokir("evaluate", copy, "--quiet", code=2)
    assert f"is a run of {moved}, which is gone" in capsys.readouterr().err


def test_report_and_evaluate_work_on_a_finished_run(copy, capsys):
    run = copy
    (run / "report.html").unlink()
    tokir("report", run)
    assert (run / "report.html").exists()
    before = json.loads((run / "results.json").read_text())
    tokir("evaluate", run, "--quiet")
    after = json.loads((run / "results.json").read_text())
    for one, two in zip(before["systems"], after["systems"], strict=True):
        assert (one["scores"], one["intervals"]) == (two["scores"], two["intervals"])
    assert before["comparisons"] == after["comparisons"]
    (run / "results.json").write_text("{")
    tokir("report", run, code=2)
    assert "results.json: damaged" in capsys.readouterr().err


WRONG = [
    (["run", "quikstart"], "did you mean 'quickstart'"),
    (["run", "--data", "nowhere"], "no data set and no file 'nowhere'"),
    (["run", "--set", "training.epoch=2"], "did you mean 'epochs'"),
    (["run", "--device", "gpu"], "--device gpu"),
    (["add", "runs/none", "new.jsonl", "--device", "gpu"], "--device gpu (did you mean"),
    (["data", "show", "~nobody-of-this-name/x"], "no data set and no file '~nobody-of-this-name/x'"),
    (["run", "--data", "~nobody-of-this-name/x"], "no data set and no file '~nobody-of-this-name/x'"),
    (["run", "--set", "tokenizers=[{type: file, file: ~nobody-of-this-name/t.json}]"], "t.json"),
    (["run", "--set", "retrieval.teacher=~nobody-of-this-name/m"], "retrieval.teacher"),
    (["run", "--split", "tset"], "no split 'tset' (did you mean 'test'"),
    (["run", "--set", "pretrained_folders={byt5: /nowhere}"], "pretrained_folders.byt5"),
    (["train", "--set", "tokenizers.0.vocabulary_size=900000"], "too small for a vocabulary of 900,000"),
    (
        ["run", "--set", "fusions=[{systems: [bpe-2k.lstm.lm.mean.s0, bm52]}]"],
        "'bm52' is not a system of this study",
    ),
    (["tokenizers", "compare", "--word", "a\udcff"], "character 2 of a text is a lone surrogate"),
    (["report", "."], "is not a run folder"),
    (["evaluate", "."], "is not a run folder"),
    (["embed", "nowhere"], "is not a run folder"),
    (["search", ".", "words"], "is not a run folder"),
    (["serch", "a"], "No such command 'serch'. Did you mean 'search', 'serve'? See `tokir --help`."),
    (["search"], "Missing argument 'RUN'. See `tokir search --help`."),
    (["run", "--queries", "few"], "Invalid value for '--queries'"),
    (["run", "--data", ""], "--data is empty"),
    (["run", "--data", "\udcff"], "is not a name in UTF-8"),
    (["run", "--out", "\udcff"], "is not a name in UTF-8"),
    (["run", "--set", "seeds=[true]"], "write a number"),
    (["serve", "runs/none", "--host", ""], "--host is empty"),
    (["data", "show", "wikki"], "did you mean 'wiki'"),
    (["data", "build", "nq"], "name nq-subset"),
    (["data", "build", "nq-subset", "--from", "missing.zip"], "missing.zip"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_a_mistake_gets_one_sentence_and_exit_code_2(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tokir(*arguments, code=2)
    said = capsys.readouterr()
    error = said.err.strip().splitlines()[-1]
    assert error.startswith("error: ") and words in error and "Usage" not in said.out + said.err


HOPELESS = [
    (["objectives.static=[contrastive+queries]", "retrieval.negatives=self"], "put one first"),
    (["objectives.static=[contrastive+queries]", "retrieval.documents=2"], "raise retrieval.documents"),
]


@pytest.mark.parametrize(("settings", "said"), HOPELESS)
def test_what_settings_and_data_show_is_said_before_anything_is_trained(settings, said, data, tmp_path, capsys):
    sets = [word for setting in settings for word in ("--set", setting)]
    tokir("run", "quickstart", "--data", data, "--out", tmp_path / "run", *SMALL, *sets, code=2)
    assert said in capsys.readouterr().err and not (tmp_path / "run/models").exists()


def test_a_data_set_without_queries_trains_but_is_not_evaluated(tmp_path, passages, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = (json.dumps({"_id": str(number), "text": text}) for number, text in enumerate(passages))
    Path("documents.jsonl").write_text("\n".join(lines))
    kinds = ", ".join(
        f"{{name: {kind}, retrieval: {{pairs: {kind}}}, objectives: [contrastive+queries]}}"
        for kind in ("cloze", "title")
    )
    words = [
        "--data",
        "documents.jsonl",
        "--set",
        "architectures=[static]",
        "--set",
        f"variants=[{kinds}, {{name: mined, retrieval: {{negatives: bm25}}, objectives: [contrastive+queries]}}]",
        *SMALL[:-2],
    ]
    tokir("run", "quickstart", *words)
    captured = capsys.readouterr()
    assert "queries is left out of the objectives: the data set has no train queries" in captured.err
    assert "the variant mined is left out: the data set has no train queries" in captured.err
    assert "nothing to score" in captured.out
    run = Path("runs/quickstart-documents")
    assert (run / "models/bpe-500.static.contrastive.s0/final.safetensors").exists()
    # A variant follows its objective, and one that these documents cannot give is left out.
    assert (run / "models/bpe-500.static.contrastive~cloze.s0/final.safetensors").exists()
    assert "contrastive~title.learned.s0: unavailable: no passage has what pairs" in captured.err
    tokir("search", run, "history of anarchism", "--system", "best+bm25.weighted", "--top", "1")
    assert "narchis" in capsys.readouterr().out
    tokir("evaluate", run, code=2)
    assert "no judged queries" in capsys.readouterr().err


def test_what_is_left_out_of_the_scores_is_said_in_the_report(duplicates_folder, tmp_path):
    tokir(
        "run", "quickstart", "--data", duplicates_folder, "--out", tmp_path / "run", "--quiet",
        "--set", "tokenizers=[{type: bpe, vocabulary_size: 300}]", "--set", "architectures=[static]",
        "--set", "models.static.steps=3", "--set", "baselines=[bm25]", "--set", "evaluation.bootstrap=100",
    )  # fmt: skip
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["systems"][-1]["id"] == "bm25" and results["systems"][-1]["scores"]["recall@1"] == 1.0
    assert not any(line.split()[0] == line.split()[2] for line in (tmp_path / "run/rankings/bm25.trec").open())
    for name in ("report.md", "report.html"):
        text = (tmp_path / "run" / name).read_text()
        assert "1 query of train is left out: the same query, by id or by text, is in test." in text
        assert "For 66 of 66 test queries the corpus holds a passage with the query" in text


def test_what_a_writer_could_not_remove_is_swept_from_a_finished_run_that_stays_as_it_is(copy, data):
    before = contents(copy)
    (copy / ".tokir-0123abcd-models").mkdir()
    tokir("run", "quickstart", "--data", data, "--out", copy, "--quiet", *SMALL)
    assert not list(copy.glob(".tokir-*")) and contents(copy) == before


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_finished_run_that_may_not_be_written_is_read(copy, data, capsys):
    inside = [copy, *copy.rglob("*")]
    for path in inside:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        if os.access(copy, os.W_OK):
            pytest.skip("this user may write anywhere")
        tokir("search", copy, "history of anarchism", "--system", "bm25")
        tokir("run", "quickstart", "--data", data, "--out", copy, "--quiet", *SMALL)
        assert capsys.readouterr().err == ""
        tokir("report", copy, code=2)
        assert "not allowed: Permission denied; choose another folder" in capsys.readouterr().err
    finally:
        for path in inside:
            path.chmod(path.stat().st_mode | 0o200)


def test_judgements_of_train_alone_train_and_compare_but_are_not_scored(tmp_path, data, monkeypatch, capsys):
    """And no two commands share their default folder."""
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    for split in ("dev", "test"):
        (folder / "qrels" / f"{split}.tsv").unlink()
    monkeypatch.chdir(tmp_path)
    settings = [
        "--data", folder, "--quiet", "--set", "tokenizers=[{type: bpe, vocabulary_size: 500}]",
        "--set", "architectures=[static]", "--set", "training.documents=100", "--set", "models.static.steps=3",
    ]  # fmt: skip
    tokir("run", "tokenizers", *settings, code=2)
    assert "neither test nor dev queries but train: say with --split" in capsys.readouterr().err
    assert not Path("runs/tokenizers-data/models").exists()
    tokir("train", "tokenizers", *settings)
    assert list(Path("runs/tokenizers-data/models").iterdir())
    tokir("tokenizers", "compare", *settings)
    file = "runs/tokenizers-compared-data/tokenizers/bpe-500/tokenizer.json"
    tokir("tokenizers", "compare", *settings, "--file", file)
    tokir("tokenizers", "compare", *settings)
    made = {path.parent.name for path in Path("runs").glob("*/tokenizers.json")}
    assert len(made) == 2 and "tokenizers-compared-data" in made and len(list(Path("runs").iterdir())) == 3


def test_a_vocabulary_that_is_too_large_is_mended_in_the_same_folder(tmp_path, data, capsys):
    words = ["train", "quickstart", "--data", data, "--out", tmp_path / "run", "--quiet"]
    words += [
        "--set",
        "architectures=[static]",
        "--set",
        "models.static.steps=2",
        "--set",
        "training.documents=100",
    ]
    kinds = [
        "--set",
        "tokenizers=[{type: bpe, vocabulary_size: 300}, {type: wordpiece-bpe, vocabulary_size: 90000}]",
    ]
    tokir(*words, *kinds, code=2)
    [number] = re.findall(r"\(--set tokenizers\.1\.vocabulary_size=(\d+)\)", capsys.readouterr().err)
    folder, noted = RunFolder(tmp_path / "run"), "embeddings/minilm/model.json"
    folder.file(noted).parent.mkdir(parents=True)
    folder.ensure([noted], {}, lambda: folder.file(noted).write_text("{}"))  # as of a model that was looked for
    tokir(*words, *kinds, "--set", f"tokenizers.1.vocabulary_size={number}")
    tokir(*words, *kinds, "--set", "tokenizers.1.vocabulary_size=500", code=2)  # now there are models
    assert f"tokenizers.1.vocabulary_size is {number} there and 500 here" in capsys.readouterr().err


def test_a_tokenizer_file_may_go_once_a_run_has_its_copy_and_may_not_change(tmp_path, data, run, capsys):
    file = tmp_path / "tokenizer.json"
    shutil.copy(run / "tokenizers/bpe-500/tokenizer.json", file)
    words = ["tokenizers", "compare", "--data", data, "--out", tmp_path / "run", "--quiet"]
    words += ["--set", f"tokenizers=[{{type: file, file: {file}}}]", "--set", "training.documents=50"]
    tokir(*words)
    whole = file.read_text()
    file.write_text(whole.replace("\n", " "))
    tokir(*words, code=2)
    assert f"holds a run with {file} before it changed" in capsys.readouterr().err
    file.unlink()
    tokir(*words)


def test_a_teacher_a_mined_negative_and_a_second_stage_make_one_model(tmp_path, data):
    """All that a retrieval objective can hold, on a small random teacher of a real model class."""
    from small_models import make_roberta

    make_roberta(tmp_path / "teacher")
    objective = "contrastive-then-queries+distillation"
    options = [
        "--data", data, "--out", tmp_path / "run", *SMALL, "--quiet",
        "--set", "architectures=[static, lstm]",
        "--set", f"objectives.static=[{objective}]", "--set", f"objectives.lstm=[lm-then-{objective}]",
        "--set", "retrieval.teacher=roberta", "--set", f"pretrained_folders.roberta={tmp_path / 'teacher'}",
        "--set", "retrieval.teacher_texts=1", "--set", "retrieval.negatives=self",
        "--set", "models.lstm.steps=3", "--set", "models.lstm.batch_size=16",
        "--set", "poolings=[learned, learned-white, maxsim]", "--set", "evaluation.examples=3",
        "--set", "fusions=[{systems: [best, bm25]}, {systems: [best, best-maxsim, bm25]}]",
        "--set", "variants=[{name: cloze, retrieval: {pairs: cloze}, architectures: [static]}, "
                 "{name: late, retrieval: {interaction: late}, architectures: [static]}]",
        "--set", "late_interaction.kept=0.5",
    ]  # fmt: skip
    tokir("run", "quickstart", *options)
    results = json.loads((tmp_path / "run/results.json").read_text())
    rows = {row["id"]: row for row in results["systems"]}
    static = f"bpe-500.static.{objective}.learned.s0"
    lstm = f"bpe-500.lstm.lm-then-{objective}.learned-white.s0"
    assert rows[static]["seconds"]["teacher"] > 0 and rows[static]["scores"]["recall@10"] > 0
    assert rows[lstm]["whitening_strength"] in (0, 0.25, 0.5, 0.75, 1)
    trainings = [
        f"bpe-500.lstm.lm-then-{objective}.s0",
        "bpe-500.lstm.lm-then-contrastive.s0",
        "bpe-500.lstm.lm.s0",
    ]
    assert set(trainings) <= set(rows[lstm]["stages"]) and len(rows[lstm]["teacher_files"]) == 3
    assert rows[lstm]["seconds"]["train"] == pytest.approx(sum(rows[lstm]["stages"].values()))
    models = {path.name for path in (tmp_path / "run/models").iterdir()}
    assert models == {
        "bpe-500.static.contrastive.s0",
        f"bpe-500.static.{objective}.s0",
        "bpe-500.static.contrastive~cloze.s0",
        f"bpe-500.static.{objective}~cloze.s0",
        "bpe-500.static.contrastive~late.s0",
        f"bpe-500.static.{objective}~late.s0",
        "bpe-500.lstm.lm.s0",
        "bpe-500.lstm.lm-then-contrastive.s0",
        f"bpe-500.lstm.lm-then-{objective}.s0",
    }
    late = static.replace(".learned", ".maxsim")
    assert (
        rows[late]["scores"]["recall@100"] > 0
        and len(rows["best+best-maxsim+bm25.weighted"]["fused"]["weights"]) == 3
    )
    pairs = [(entry["factor"], entry["before"], entry["after"]) for entry in results["ablations"]]
    assert ("variant", static, static.replace(".learned", "~cloze.learned")) in pairs
    assert ("pooling", lstm.replace("-white", ""), lstm) in pairs and ("pooling", static, late) in pairs
    trained_late = late.replace(".maxsim", "~late.maxsim")
    assert ("variant", late, trained_late) in pairs
    assert ("variant", late, trained_late.replace("~late", "~cloze")) not in pairs
    assert [rows[name]["retrieval_training"]["interaction"] for name in (late, trained_late)] == ["vector", "late"]
    index = json.loads((tmp_path / "run/systems.json").read_text())["files"][late]
    assert index["kept"] == 0.5 and (tmp_path / "run" / index["index"] / "positions.npy").exists()
    assert {(factor, before) for factor, before, after in pairs if after == "bm25"} == set()
    report = (tmp_path / "run/report.md").read_text()
    assert "## Ablations" in report and report.count("| system | first relevant at |") == 3


def test_tokenizers_are_compared_over_seeds_perturbations_and_a_fair_budget(tmp_path, data):
    options = [
        "--data", data, "--out", tmp_path / "run", "--quiet",
        *SMALL, "--set", "tokenizers=[{type: bpe, vocabulary_size: 500}, {type: byte}]",
        "--set", "architectures=[static, lstm]",
        "--set", "budget={equal: text, window: characters, match: total}",
        "--set", "seeds=[0, 1]", "--set", "fusions=[]", "--set", "training.documents=60",
        "--set", "evaluation.robustness=[typo-1, upper, strip-diacritics]",
    ]  # fmt: skip
    tokir("run", "tokenizers", *options)
    results = json.loads((tmp_path / "run/results.json").read_text())
    rows = {row["id"]: row for row in results["systems"]}
    bpe = rows["bpe-500.static.contrastive+queries.learned"]
    assert bpe["seeds"] == [0, 1] and rows["bpe-500.lstm.lm.mean-white.s0"]["seed"] == 0
    assert (tmp_path / f"run/rankings/{bpe['runs'][1]}.trec").exists()
    # As much text and as many parameters, though a byte holds less of the one and needs fewer of the other.
    for name in ("static.contrastive+queries.learned", "lstm.lm.mean-white.s0"):
        one, other = rows[f"bpe-500.{name}"], rows[f"byte.{name}"]
        assert other["seen"]["characters"] == pytest.approx(one["seen"]["characters"], rel=0.1)
        assert other["seen"]["tokens"] > 1.5 * one["seen"]["tokens"]
        assert other["parameters"] == pytest.approx(one["parameters"], rel=0.05)
    # No query has a diacritic: nothing is ranked, scored or compared without them.
    assert set(results["robustness"][bpe["id"]]) == {"typo-1", "upper"}
    assert {entry["perturbation"] for entry in results["perturbation_comparisons"]} == {"typo-1", "upper"}
    assert [entry["changed"] > 0 for entry in results["perturbations"]] == [True, True, False]
    assert {path.name for path in (tmp_path / "run/rankings").iterdir() if path.is_dir()} >= {"typo-1", "upper"}
    assert not (tmp_path / "run/rankings/strip-diacritics").exists()
    assert "Use the tokenizer" in results["verdict"][0]["text"] and results["groups"]
    explorer = json.loads((tmp_path / "run/explorer.json").read_text())
    assert all(len(entry["query_pieces"]) == 2 and entry["ranks"][0] <= 10 for entry in explorer) and explorer
    page = (tmp_path / "run/report.html").read_text()
    assert "<h2>Verdict</h2>" in page and "Perturbed queries" in page and "Found with one tokenizer" in page


def test_a_budget_of_seconds_is_measured_once_and_must_hold_a_step(tmp_path, data, capsys):
    words = [
        "--data", data, "--out", tmp_path, *SMALL[:-2], "--quiet", "--set", "architectures=[static]",
        "--set", "fusions=[]", "--set", "budget={equal: seconds, seconds: 0.2}",
    ]  # fmt: skip
    tokir("train", "quickstart", *words)
    model = tmp_path / "models/bpe-500.static.contrastive+queries.s0"
    steps = json.loads((model / "budget.json").read_text())["steps"]
    assert json.loads((model / "config.json").read_text())["steps"] == steps
    (model / "final.safetensors").unlink()
    tokir("train", "quickstart", *words)
    assert json.loads((model / "config.json").read_text())["steps"] == steps
    for architecture, budget, said in (
        ("static", "{equal: seconds, seconds: 0.000001}", "one step takes"),
        ("lstm", "{equal: tokens, characters_per_token: 1000000}", "fewer than one step"),
    ):
        words = [word if word != "architectures=[static]" else f"architectures=[{architecture}]" for word in words]
        words[3], words[-1] = tmp_path / architecture, f"budget={budget}"
        tokir("train", "quickstart", *words, code=2)
        assert said in capsys.readouterr().err


def test_tokenizers_alone_are_compared_without_a_model(tmp_path, data, tokenizer, capsys):
    tokenizer.save(tmp_path / "tokenizer.json")
    tokir(
        "tokenizers", "compare", "--data", data, "--out", tmp_path / "run", "--file", tmp_path / "tokenizer.json",
        "--set", "tokenizers=[{type: bpe, vocabulary_size: 500}, {type: word, vocabulary_size: 900}]",
        "--set", "training.documents=200", "--word", "<b>café</b> 1984",
    )  # fmt: skip
    assert "bpe-500" in capsys.readouterr().out
    made = json.loads((tmp_path / "run/tokenizers.json").read_text())
    assert [row["type"] for row in made["tokenizers"]] == ["bpe", "word", "file"]
    assert {"frequent word", "rare name", "number", "chosen"} == {cut["kind"] for cut in made["cuts"]}
    with (tmp_path / "run/tokenizers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["unknown_rate"]) > 0 == float(rows[0]["unknown_rate"])
    assert "&lt;b&gt;café" in (tmp_path / "run/tokenizers.html").read_text()
    assert "| bpe-500 |" in (tmp_path / "run/tokenizers.md").read_text()


def test_a_missing_teacher_is_reported_or_left_out_when_it_is_optional(tmp_path, data, capsys):
    words = [
        "--data", data, *SMALL, "--set", "architectures=[static]", "--set", "retrieval.teacher=byt5",
        "--set", "objectives.static=[contrastive+distillation]", "--set", "fusions=[]",
        "--set", "baselines=[bm25]",
    ]  # fmt: skip
    tokir("run", "quickstart", *words, "--out", tmp_path / "a")
    rows = json.loads((tmp_path / "a/results.json").read_text())["systems"]
    assert [row["status"] for row in rows] == ["unavailable", "ok"] and "byt5" in rows[0]["reason"]
    tokir("run", "quickstart", *words, "--out", tmp_path / "b", "--set", "retrieval.teacher_optional=true")
    rows = json.loads((tmp_path / "b/results.json").read_text())["systems"]
    assert [(row["id"], row["status"]) for row in rows] == [
        ("bpe-500.static.contrastive.learned.s0", "ok"),
        ("bm25", "ok"),
    ]
    assert "distillation is left out of the objectives: no teacher" in capsys.readouterr().err


def test_a_full_disk_is_reported_in_one_sentence(tmp_path, monkeypatch, capsys):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/x/study.yaml")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    tokir("run", "--out", "x", code=2)
    assert "the disk is full" in capsys.readouterr().err


def test_data_commands_and_doctor(capsys):
    tokir("data", "list")
    tokir("data", "show", "wiki")
    tokir("doctor")
    printed = capsys.readouterr().out
    assert "5,627" in printed and printed.count("  query    ") == 3 and "bpe" not in printed
    assert "canine" in printed and "pretrained_folders.canine=FOLDER" in printed


def test_queries_alone_are_trained_into_the_space_of_a_teacher(tmp_path, data):
    from small_models import make_roberta

    make_roberta(tmp_path / "teacher")
    options = [
        "--data", data, "--out", tmp_path / "run", *SMALL, "--quiet",
        "--set", "architectures=[static, lstm]",
        "--set", "tokenizers=[{vocabulary_size: 500}, {type: ngram, vocabulary_size: 500}]",
        "--set", "objectives.static=[query-distillation+queries, contrastive]",
        "--set", "objectives.lstm=[query-distillation+queries]",
        "--set", "models.lstm.steps=3", "--set", "models.lstm.batch_size=16",
        "--set", "retrieval.teacher=roberta", "--set", f"pretrained_folders.roberta={tmp_path / 'teacher'}",
        "--set", "retrieval.teacher_texts=1", "--set", "poolings=[learned, maxsim]",
        "--set", "baselines=[bm25, roberta]", "--set", "evaluation.examples=3",
        "--set", "variants=[{name: misspelt, retrieval: {perturbed_share: 0.5}, "
        "objectives: [query-distillation+queries], architectures: [static]}, {name: rate, retrieval: "
        "{token_learning_rate: 0.5}, objectives: [query-distillation+queries], architectures: [static]}]",
        "--set", "fusions=[{systems: [best, best-own, bm25]}, {systems: [best-own, best-maxsim, bm25]}]",
    ]  # fmt: skip
    tokir("run", "quickstart", *options)
    results = json.loads((tmp_path / "run/results.json").read_text())
    rows, asked = {row["id"]: row for row in results["systems"]}, "static.query-distillation+queries"
    # They begin with the vectors that the teacher gives, which move at another rate.
    said = [note for note in results["dataset"]["notes"] if "the same weights" in note]
    assert said == [
        f"{name}-500.{asked}~rate has the same weights as {name}-500.{asked}: it changes nothing"
        for name in ("bpe", "ngram")
    ]
    names = [
        f"bpe-500.{asked}.learned.s0", f"bpe-500.{asked}~misspelt.learned.s0", f"ngram-500.{asked}.learned.s0",
        "bpe-500.lstm.query-distillation+queries.learned.s0",
    ]  # fmt: skip
    assert all(rows[name]["status"] == "ok" and rows[name]["dimensions"] == 32 for name in names)
    assert rows[names[0]]["parameters"] == 500 * 32 + 500 + 1
    assert rows[names[0]]["needs"] == {"query": ["table"], "passage": ["roberta"]}
    assert "contrastive" in rows["best-own+best-maxsim+bm25.weighted"]["fused"]["systems"][0]
    assert rows["best-own+best-maxsim+bm25.weighted"]["needs"]["passage"] == ["table", "terms"]
    both = rows["best+best-own+bm25.weighted"]["fused"]["systems"]  # two systems, whichever of them is better
    assert len(set(both)) == 3 and "contrastive" in both[1]
    assert rows["bm25"]["needs"] == {"query": ["terms"], "passage": ["terms"]}
    assert f"bpe-500.{asked}.maxsim.s0" not in rows and "bpe-500.static.contrastive.maxsim.s0" in rows
    # Crops of n-grams hold as much text as those of other tokenizers.
    read = [
        rows[f"{name}.static.contrastive.learned.s0"]["seen"]["characters"] for name in ("bpe-500", "ngram-500")
    ]
    assert 0.5 < read[0] / read[1] < 2
    # One index of the teacher's vectors serves all of them.
    assert {path.name for path in (tmp_path / "run/indexes").iterdir() if "query" in path.name} == set()
    shutil.rmtree(tmp_path / "teacher")
    found = open_run(tmp_path / "run").search("anarchism", 3)
    assert all(found[name].unavailable is None and found[name].hits for name in names)
    assert "roberta" in (found["roberta"].unavailable or "")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_full_memory_is_one_sentence(copy, monkeypatch, capsys, error):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("tokir.report.write_report", fail)
    tokir("report", copy, code=2)
    assert capsys.readouterr().err.startswith("error: the memory is full: choose --device cpu")


def test_a_run_begun_without_a_teacher_says_when_there_is_one(tmp_path, data, capsys, monkeypatch):
    from tokir.encoders import named

    words = [
        "run", "quickstart", "--data", data, *SMALL, "--set", "architectures=[static]", "--quiet",
        "--set", "retrieval.teacher=byt5", "--set", "objectives.static=[contrastive+distillation]",
        "--set", "fusions=[]", "--set", "baselines=[bm25]", "--set", "retrieval.teacher_optional=true",
        "--out", tmp_path / "run",
    ]  # fmt: skip
    tokir(*words)
    assert "which could be had now" not in capsys.readouterr().err
    monkeypatch.setattr(named, "find", lambda *_: tmp_path)
    tokir(*words)
    assert (
        "run was begun without distillation, which could be had now: choose another folder"
        in capsys.readouterr().err
    )
