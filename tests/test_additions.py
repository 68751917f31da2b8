"""Passages added to a finished run, replaced and deleted, with the models as they are."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

from command import SMALL, tokir
from small_models import make_sentence_encoder
from tokir import add_passages, delete_passages, open_run
from tokir.artifacts import RunFolder, durable, file_digest, read_sealed, write_array, write_sealed
from tokir.config import load_config
from tokir.data import beir
from tokir.data.corpus import Document
from tokir.errors import TokirError, Unavailable
from tokir.models.whitening import Whitening
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.growth import Growth
from tokir.retrieval.registry import INDEXES
from tokir.study import Study
from tokir.study.searchers import Searchers

PATIENCE = 180  # seconds, for a busy machine
STATIC = "bpe-400.static.contrastive.learned.s0"
QUERIES = ["history of anarchism", "Aristotle on the soul", "a quince in the zephyr", "the of", ""]
SYSTEMS = {
    "architectures": ["static", "lstm", "transformer"],
    "objectives": {"static": ["contrastive", "query-distillation"], "lstm": ["lm", "contrastive"]},
    "poolings": ["mean-white", "learned", "learned-white", "maxsim"],
    "lexical": True,
    "fusions": [{"method": method, "systems": [STATIC, "bm25"]} for method in ("weighted", "rrf")],
}


def study_of(data, out, teacher=None, **settings):
    """A study of documents without queries: it trains little, and can be searched."""
    values = {
        "data.source": str(data), "tokenizers": [{"type": "bpe", "vocabulary_size": 400}], "training.documents": 40,
        "training.epochs": 1, "embedding_precision": "fp32",  # in which new passages are embedded
        "models": {name: {"steps": 3, "batch_size": 16} for name in ("static", "lstm")},
        "retrieval.teacher_texts": 1, "baselines": ["bm25", *([str(teacher)] if teacher else [])],
        **({"retrieval.teacher": str(teacher)} if teacher else {}), **settings,
    }  # fmt: skip
    return Study(load_config("quickstart", [f"{key}={json.dumps(value)}" for key, value in values.items()]), out)


def write(path, documents):
    path.mkdir()
    beir.write_documents(path, documents)
    return path / "corpus.jsonl"


@pytest.fixture(scope="module")
def documents(wiki):
    return [document._replace(text=document.text[:200]) for document in wiki.corpus.records(0, 240)]


@pytest.fixture(scope="module")
def base(tmp_path_factory, documents):
    """A run over 160 passages with systems of every kind, and the teacher that reads passages for some of them."""
    folder = tmp_path_factory.mktemp("base")
    make_sentence_encoder(folder / "tiny", {"query": "query: ", "document": "passage: "})
    study_of(write(folder / "data", documents[:160]), folder / "run", folder / "tiny", **SYSTEMS).run()
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory, documents):
    """As ``base``, of a static model and of BM25 alone."""
    folder = tmp_path_factory.mktemp("small")
    data = write(folder / "data", documents[:60])  # few, since one test adds to it some fifty times
    study_of(data, folder / "run", architectures=["static"], objectives={"static": ["contrastive"]}).run()
    return folder / "run"


@pytest.fixture
def every(base, tmp_path):
    return linked(base / "run", tmp_path / "run")


@pytest.fixture
def light(small, tmp_path):
    return linked(small, tmp_path / "run")


def linked(folder, copy):
    """A run once more, without a copy of its bytes: its files are replaced, never written to."""
    return Path(shutil.copytree(folder, copy, copy_function=os.link))


def as_from_the_start(base, documents, out, **settings):
    """The study that these passages and the models of another run make: nothing but the models is taken over."""
    run = base / "run"
    for part in ("tokenizers", "models"):
        shutil.copytree(run / part, out / part)
    ensure = RunFolder.ensure

    def or_taken_over(self, names, inputs, make):
        there = all(name.startswith(("tokenizers/", "models/")) for name in names)
        ensure(self, names, inputs, (lambda: None) if there else make)

    def fitted(self, system, encoder, vectors):
        return Whitening.load(run / f"embeddings/{system.id}/whitening.safetensors")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tokir.study.study.begin", _begin_among_models)
        patch.setattr(RunFolder, "ensure", or_taken_over)
        patch.setattr(Searchers, "_choose_whitening", fitted)
        data = write(out.parent / f"{out.name}-data", documents)
        study_of(data, out, base / "tiny" if (base / "tiny").exists() else None, **settings).embed()
    return open_run(out)


def _begin_among_models(path, *arguments):
    from tokir.study import folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "_refuse_foreign", lambda path: None)
        return folder.begin(path, *arguments)


def assert_same_answers(one, other, tolerance=3e-4):
    assert one.systems == other.systems
    for query in QUERIES[:-1]:
        found, expected = one.search(query, top=20), other.search(query, top=300)
        for system, answer in found.items():
            assert answer.unavailable is None and expected[system].unavailable is None
            scores = {hit.id: (hit.score, hit.title, hit.text) for hit in expected[system].hits}
            best = [hit.score for hit in expected[system].hits[:20]]
            assert [hit.score for hit in answer.hits] == pytest.approx(best, abs=tolerance), (system, query)
            for hit in answer.hits:
                assert (hit.title, hit.text) == scores[hit.id][1:]
                assert hit.score == pytest.approx(scores[hit.id][0], abs=tolerance), (system, query, hit.id)


def changed(documents):
    """What is added in two parts, what is deleted, and all that is there in the end, in another order."""
    replaced = [documents[3]._replace(text="a quince in the zephyr"), documents[170]._replace(title="Zephyr")]
    first, second = documents[160:200], [*documents[200:], *replaced, Document("empty-title", "", "quince jam")]
    deleted = [documents[5].id, documents[165].id, documents[210].id]
    final = {document.id: document for document in (*documents[:160], *first, *second)}
    return first, second, deleted, [final[id] for id in sorted(final) if id not in deleted]


def test_every_system_answers_as_if_it_had_had_these_passages_from_the_start(every, base, documents, tmp_path):
    first, second, deleted, final = changed(documents)
    before = {path: file_digest(path) for path in every.rglob("*") if path.is_file()}
    add_passages(every, write(tmp_path / "first", first))
    tokir("add", every, write(tmp_path / "second", second), "--quiet")
    tokir("delete", every, *deleted, "--quiet")
    opened = open_run(every)
    assert opened.additions.passages == len(opened.passages) == len(final)
    assert (opened.additions.added, opened.additions.replaced, opened.additions.deleted) == (79, 1, 1)
    assert opened.passage("empty-title").text == "quince jam"
    with pytest.raises(TokirError, match="no passage"):
        opened.passage(deleted[0])
    assert_same_answers(opened, as_from_the_start(base, final, tmp_path / "whole", **SYSTEMS))
    assert {path: file_digest(path) for path in before} == before  # what the study made is as it was


def test_a_pruned_index_too(tmp_path, documents):
    settings = {"architectures": ["static"], "objectives": {"static": ["contrastive"]}, "poolings": ["maxsim"]}
    settings["late_interaction.kept"] = 0.2
    study_of(write(tmp_path / "data", documents[:160]), tmp_path / "run", **settings).run()
    first, second, deleted, final = changed(documents)
    add_passages(tmp_path / "run", write(tmp_path / "new", [*first, *second[:-3]]))
    add_passages(tmp_path / "run", write(tmp_path / "second", second))
    delete_passages(tmp_path / "run", deleted)
    assert_same_answers(
        open_run(tmp_path / "run"), as_from_the_start(tmp_path, final, tmp_path / "whole", **settings)
    )


class Killed(BaseException):
    """The process is gone: nothing that it would do is done any more."""


def killed_at(number):
    """From the step ``number`` on nothing reaches the disk."""
    taken = []

    def dying(step):
        if step.path.name.endswith(".holder"):  # the lock of a process that is gone is free, that of a test is not
            return step.do()
        taken.append(step)
        if len(taken) > number:
            raise Killed
        return step.do()

    return durable.watched(dying)


def answers(run):
    opened = open_run(run)
    return opened.additions and opened.additions.sentence, opened.search("quince zephyr", top=4)


def test_a_kill_at_any_step_leaves_the_run_as_before_or_as_after_and_the_same_command_ends_it(
    light, documents, tmp_path
):
    delete_passages(light, [documents[0].id])
    new = write(tmp_path / "new", [documents[1]._replace(text="quince zephyr"), *documents[70:75]])
    before = answers(light)
    whole = linked(light, tmp_path / "whole")
    add_passages(whole, new)
    after, seen = answers(whole), []
    number = 0
    while True:
        copy = linked(light, tmp_path / f"killed-{number}")
        try:
            with killed_at(number):
                add_passages(copy, new)
        except Killed:
            found = answers(copy)
            assert found in (before, after)
            seen.append(found == after)
            if number % 5 == 0:
                gc.collect()  # the run that has answered, which Python 3.13 keeps until then
                add_passages(copy, new)
                assert answers(copy) == after
                current = str(open_run(copy).additions.generation)
                assert [path.name for path in (copy / "additions").iterdir()] == [current]
                assert not list(copy.rglob(".tokir-*"))
        else:
            break
        shutil.rmtree(copy)
        number += 1
    assert number > 20 and seen == sorted(seen) and {*seen} == {False, True}


def test_an_opened_run_answers_from_what_it_opened_until_it_is_closed(light, documents, tmp_path):
    untouched = open_run(light)
    add_passages(light, write(tmp_path / "one", [Document("n1", "", "quince zephyr")]))
    opened = open_run(light)  # it opens its indexes only when it is asked
    add_passages(light, write(tmp_path / "two", [Document("n2", "", "quince zephyr")]))
    delete_passages(light, ["n1"])
    for one, ids in ((untouched, set()), (opened, {"n1"}), (open_run(light), {"n2"})):
        found = one.search("quince zephyr", top=2)
        assert {hit.id for hit in found["bm25"].hits} == ids
        assert {hit.id for hit in found[STATIC].hits} & {"n1", "n2"} == ids
    assert {path.name for path in (light / "additions").iterdir()} >= {"1", "3"}
    del opened, one
    gc.collect()
    delete_passages(light, ["n2"])
    assert open_run(light).additions.changed == "no net change"
    if os.name != "nt":  # where no file that is open can be removed, nothing is
        assert [path.name for path in (light / "additions").iterdir()] == ["4"]


def test_two_at_once_are_both_there_in_the_end(light, tmp_path):
    commands = []
    for name in ("n1", "n2"):
        file = write(tmp_path / name, [Document(name, "", f"quince {name}")])
        commands.append([sys.executable, "-m", "tokir", "add", str(light), str(file), "--quiet"])
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    assert [(process.communicate(timeout=120)[1], process.returncode) for process in processes] == [("", 0)] * 2
    assert {hit.id for hit in open_run(light).search("quince")["bm25"].hits} == {"n1", "n2"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"_id": "a", "text": "x"}', '{"_id": "a", "text": "y"}'], "new.jsonl:2: id 'a' is already that of "),
        (
            ['{"_id": "a", "text": "x"}', '{"_id": "b", "text": " "}'],
            "new.jsonl:2: the field `text` of document 'b'",
        ),
        (['{"_id": "a b", "text": "x"}'], "new.jsonl:1: the id 'a b' holds white space"),
        (['{"_id": "a", "text": ["x"]}'], "new.jsonl:1: the field `text` is a list"),
        (['{"text": "x"}'], "new.jsonl:1 lacks the field `_id`"),
        (['{"_id": "a", "text": "x"'], "new.jsonl:1 is not JSON"),
        ([], "new.jsonl holds no documents"),
        (None, "new.jsonl: there is no such file"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_and_nothing_is_changed(light, tmp_path, capsys, lines, said):
    file = tmp_path / "new.jsonl"
    if lines is not None:
        file.write_text("\n".join(lines))
    tokir("add", light, file, code=2)
    error = capsys.readouterr().err.strip()
    assert said in error and "\n" not in error and open_run(light).additions is None
    assert not (light / "additions").exists()


def test_unknown_ids_and_a_run_without_passages_are_refused(light, small, documents, capsys):
    tokir("delete", light, documents[0].id, "nowhere", code=2)
    assert "has no passage 'nowhere': nothing was deleted" in capsys.readouterr().err
    tokir("delete", light, *(document.id for document in documents[:60]), code=2)
    assert "no passage would be left" in capsys.readouterr().err
    tokir("add", light, code=2)
    assert "nothing was ever added" in capsys.readouterr().err
    for ids, said in ((documents[0].id, "ids are a list"), ([], "no passage is named")):
        with pytest.raises(TokirError, match=said):
            delete_passages(light, ids)
    assert open_run(light).additions is None and not (light / "additions").exists()


def test_without_the_model_that_embeds_passages_nothing_is_changed_unless_it_may_be_partial(
    every, base, documents, tmp_path, capsys
):
    new = write(tmp_path / "new", documents[160:170])
    (base / "tiny").rename(base / "away")
    try:
        tokir("add", every, new, "--quiet", code=2)
        error = capsys.readouterr().err.strip()
        assert "nothing was changed" in error and "tiny" in error and "--partial" in error and "\n" not in error
        assert not (every / "additions").exists()
        tokir("add", every, new, "--quiet", "--partial")
        partial = open_run(every)
        lacking = {name for name, answer in partial.search("history").items() if answer.unavailable}
        assert (
            "tiny" in lacking and any("query-distillation" in name for name in lacking) and STATIC not in lacking
        )
        assert len(partial.search("history", systems=[STATIC], top=300)[STATIC].hits) == 170
        # Systems that do not follow are what they were; only their answers are missing, and their models can leave.
        taught = next(
            name for name in sorted(lacking) if "query-distillation" in name and name in partial.embedders
        )
        assert "tiny" in partial.embedders and partial.tokenizers_of(taught)
        with pytest.raises(Unavailable, match="does not follow passages that were added or deleted"):
            partial.encode(["history"], taught)
        partial.export(taught, "onnx", tmp_path / "exported")
        tokir("delete", every, documents[160].id, "--quiet")  # nothing has to be embedded for that
    finally:
        (base / "away").rename(base / "tiny")
    add_passages(every)
    whole = as_from_the_start(base, [*documents[:160], *documents[161:170]], tmp_path / "whole", **SYSTEMS)
    assert_same_answers(open_run(every), whole)


def test_an_index_without_its_library_is_noticed_before_anything_is_encoded(
    light, documents, tmp_path, monkeypatch
):
    class Missing(ExactIndex):
        @classmethod
        def check(cls):
            raise Unavailable("index: exact needs a library")

    monkeypatch.setitem(INDEXES._entries, "exact", Missing)
    monkeypatch.setattr(Growth, "_embed", lambda *_: pytest.fail("encoded in vain"))
    new = write(tmp_path / "new", documents[70:75])
    with pytest.raises(
        TokirError, match=r"nothing was changed.*cannot follow the change: index: exact needs a library"
    ):
        add_passages(light, new)
    with pytest.raises(TokirError, match=r"nothing was changed.*with --partial"):
        delete_passages(light, [documents[0].id])
    made = delete_passages(light, [documents[0].id], partial=True)
    assert STATIC in made.unavailable


def test_what_the_study_makes_again_is_not_searched_beside_what_was_added_before(light, documents, tmp_path):
    add_passages(light, write(tmp_path / "new", documents[70:75]))
    folder = RunFolder(light)
    table = np.load(light / f"embeddings/{STATIC}/table.npy")
    folder.ensure(
        [f"embeddings/{STATIC}/table.npy"], "other",
        lambda: write_array(light / f"embeddings/{STATIC}/table.npy", table * 2),
    )  # fmt: skip
    found = open_run(light).search("history")
    assert f"`tokir add {light}` brings it up to date" in found[STATIC].unavailable and found["bm25"].hits
    add_passages(light)
    assert open_run(light).search("history", top=100)[STATIC].unavailable is None
    (light / "additions.json").write_text("{")
    with pytest.raises(TokirError, match=r"additions\.json: damaged.*delete it"):
        open_run(light)


def test_additions_of_another_run_are_refused_and_lost_ones_are_missed(light, small, documents, tmp_path, caplog):
    other = linked(small, tmp_path / "other")
    for run, added in ((light, documents[70:75]), (other, documents[80:85])):
        add_passages(run, write(tmp_path / f"{run.name}-new", added))
    state, lease = light / "additions.json", light / "additions/1/in_use"
    right = state.read_text()
    made = read_sealed(state)
    state.unlink()
    write_sealed(state, {**made, "corpus": "that of a run which this one was copied over"})
    for ask in (lambda: open_run(light), lambda: add_passages(light, None)):
        with pytest.raises(
            TokirError, match=r"additions\.json is of a run over other passages: delete it and additions/"
        ):
            ask()
    state.unlink()
    state.write_text((other / "additions.json").read_text())
    with pytest.raises(TokirError, match=r"additions\.json: damaged \(additions/1/in_use is not of the passages"):
        open_run(light)
    state.write_text(right)
    assert open_run(light).additions.added == 5
    reader = open_run(light)
    state.unlink()
    with pytest.raises(TokirError, match="there is no such file"):
        add_passages(light, tmp_path / "nothing.jsonl")
    assert reader.search("history")[STATIC].hits
    assert open_run(light).additions is None
    assert "additions.json: missing, so that the passages in additions/ are not searched" in caplog.text
    state.write_text(right)
    lease.unlink()
    with pytest.raises(TokirError, match="additions/1/in_use is gone"):
        open_run(light)


def test_results_stay_and_are_said_to_be_of_the_passages_before(run, data, tmp_path, capsys):
    copy = linked(run, tmp_path / "run")
    words = ["run", "quickstart", "--data", data, "--out", copy, *SMALL]
    tokir("add", copy, write(tmp_path / "new", [Document("n1", "Quince", "quince zephyr")]))
    said = "the models were trained on 800 passages; since then 1 added (last on "
    assert said in capsys.readouterr().out
    tokir("search", copy, "quince zephyr", "--system", "bm25", "--top", "1")
    shown = capsys.readouterr()
    assert f"note: {said}" in shown.err and "scores in results.json and the report are of the 800" in shown.err
    assert "  1. " in shown.out and "Quince" in shown.out
    before = {path: file_digest(path) for path in copy.rglob("*") if path.is_file()}
    tokir(*words)
    assert said in capsys.readouterr().err
    assert {path: file_digest(path) for path in copy.rglob("*") if path.is_file()} == before
    tokir("report", copy)
    assert said in (copy / "report.md").read_text() and said in (copy / "report.html").read_text()
    before = {path: file_digest(path) for path in copy.rglob("*") if path.is_file()}
    tokir(*words)
    assert {path: file_digest(path) for path in copy.rglob("*") if path.is_file()} == before
    assert open_run(copy).search("quince")["bm25"].hits[0].id == "n1"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_server_that_is_killed_and_started_again_has_every_addition_that_was_acknowledged(light, tmp_path):
    """Both are killed with SIGKILL, `add` at four moments of its work; exit code 0 is the acknowledgement."""
    rng, acknowledged, took = np.random.default_rng(3), set(), 0.0
    for number, fraction in enumerate((None, *rng.uniform(0.2, 1.0, 4), None)):
        name = f"n{number}"
        file = write(tmp_path / name, [Document(name, "", f"quince {name}")])
        command = [sys.executable, "-m", "tokir", "add", str(light), str(file), "--quiet"]
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if fraction is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(fraction * took)
            process.kill()
        if process.wait(PATIENCE) == 0:
            acknowledged.add(name)
            took = took or time.monotonic() - start
        found = {hit.id for hit in open_run(light).search("quince", 20)["bm25"].hits}
        assert acknowledged <= found <= acknowledged | {name}, (number, found)
        acknowledged = found  # what is there is there for good, whether it was acknowledged or not
        with served(light) as address:
            assert {hit["id"] for hit in asked(address, "quince")} == found
    assert {"n0", "n5"} <= acknowledged


@contextmanager
def served(folder):
    """The address of a server, which is killed in the end."""
    words = [sys.executable, "-m", "tokir", "serve", str(folder), "--port", "0"]
    server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        lines = iter(server.stderr.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    finally:
        server.kill()
        server.communicate()


def asked(address, query):
    body = json.dumps({"query": query, "system": "bm25", "top": 20}).encode()
    with urlopen(Request(f"{address}/search", body), timeout=PATIENCE) as answer:
        return json.load(answer)["results"][0]["hits"]
