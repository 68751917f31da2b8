"""The conversions, on local data sets behind the libraries' own interfaces."""

from __future__ import annotations

from typing import NamedTuple

import datasets
import ir_datasets
import pytest

from tokir.errors import TokirError, Unavailable


class TitledDoc(NamedTuple):
    doc_id: str
    title: str
    text: str

    def default_text(self) -> str:
        return f"{self.title} {self.text}"


def test_ir_datasets(tmp_path, open_):
    made = ir_datasets.create_dataset(
        docs_tsv=_file(tmp_path / "docs.tsv", "d1\tcats purr\nd2\tdogs bark\n"),
        queries_tsv=_file(tmp_path / "queries.tsv", "q1\twho barks\n"),
        qrels_trec=_file(tmp_path / "qrels.trec", "q1 0 d2 1\nq1 0 d1 0\n"),
    )
    ir_datasets.registry.register("tokir-pets/dev", made)
    ir_datasets.registry.register("tokir-pets", ir_datasets.Dataset(made.docs_handler()))
    for id in ("tokir-pets", "tokir-pets/dev"):  # the parent finds its splits
        dataset = open_(f"ir_datasets:{id}")
        assert dataset.corpus.passages(0, 2) == ["cats purr", "dogs bark"]
        assert dataset.split("dev").queries == {"q1": "who barks"}
        assert dataset.qrels == {"dev": {"q1": {"d2": 1, "d1": 0}}}
    with pytest.raises(TokirError, match="ir_datasets has no data set 'no-such-set'"):
        open_("ir_datasets:no-such-set")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"docs_tsv": "d\x001\tcats\n"}, r"ir_datasets:tokir-bad/test, document 1: .* holds a control character"),
        ({"queries_tsv": "q 1\tcats\n"}, r"query 1 of test: the id 'q 1' holds white space"),
        ({"qrels_trec": "q1 0 d1 3000000000\n"}, r"judgement 1 of test: the score 3000000000 is not an integer"),
    ],
)
def test_ids_and_grades_of_ir_datasets_are_checked(tmp_path, open_, files, sentence):
    files = {"docs_tsv": "d1\tcats\n", "queries_tsv": "q1\tcats\n", "qrels_trec": "q1 0 d1 1\n"} | files
    made = ir_datasets.create_dataset(**{n: _file(tmp_path / n.replace("_", "."), t) for n, t in files.items()})
    ir_datasets.registry._registered.pop("tokir-bad/test", None)
    ir_datasets.registry.register("tokir-bad/test", made)
    with pytest.raises(TokirError, match=sentence):
        open_("ir_datasets:tokir-bad/test")


def _file(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_hugging_face(open_, monkeypatch):
    rows = datasets.Dataset.from_list
    sets = {
        ("pets", "corpus"): {"corpus": rows([{"_id": "d1", "title": "Cats", "text": "purr"}])},
        ("pets", "queries"): {"queries": rows([{"_id": "q1", "text": "who purrs"}])},
        ("pets-qrels", None): {"validation": rows([{"query-id": "q1", "corpus-id": "d1", "score": 1}])},
    }
    asked = []

    def load_dataset(id, name=None):
        asked.append(id)
        return datasets.DatasetDict(sets[id, name])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for _ in range(2):  # the second time from the cache
        dataset = open_("hf:pets")
        assert dataset.corpus.passages(0, 1) == ["Cats purr"]
        assert dataset.qrels == {"dev": {"q1": {"d1": 1}}}
        assert len(asked) == 3
    sets = {**sets, ("other", "corpus"): {"train": rows([{"docid": "d1"}])}}
    sets |= {("other", "queries"): sets["pets", "queries"], ("other-qrels", None): sets["pets-qrels", None]}
    with pytest.raises(
        TokirError,
        match=r"hf:other, corpus, row 1 lacks the field `_id`.* columns found are `docid`, and expected",
    ):
        open_("hf:other")


@pytest.mark.parametrize(
    ("corpus", "score", "sentence"),
    [
        ({"_id": "d 1", "text": "purr"}, 1, r"hf:pets, corpus, row 1: the id 'd 1' holds white space"),
        ({"_id": "d1", "text": None}, 1, r"hf:pets, corpus, row 1: the field `text` is null, not a string"),
        ({"_id": "d1", "text": "purr"}, 0.5, r"hf:pets-qrels, test, row 1: the score 0\.5 is not an integer"),
    ],
)
def test_rows_of_hugging_face_are_checked(open_, monkeypatch, corpus, score, sentence):
    sets = {
        ("pets", "corpus"): [corpus],
        ("pets", "queries"): [{"_id": "q1", "text": "who purrs"}],
        ("pets-qrels", None): [{"query-id": "q1", "corpus-id": "d1", "score": score}],
    }
    monkeypatch.setattr(datasets, "load_dataset", lambda id, name=None: {"test": sets[id, name]})
    with pytest.raises(TokirError, match=sentence):
        open_("hf:pets")


def test_a_failing_network_is_one_sentence(open_, monkeypatch):
    def load_dataset(*_):
        raise ConnectionError("no route to host\nwith a long trace")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(Unavailable, match=r"'hf:pets' cannot be fetched \(no route to host\): check") as caught:
        open_("hf:pets")
    assert "\n" not in str(caught.value)
