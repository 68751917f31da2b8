"""The subset, on a small zip in exactly BEIR's form, and the download's check."""

from __future__ import annotations

import hashlib
import zipfile

import pytest

from tokir.artifacts.own_folder import require_free
from tokir.data import build, names, natural_questions
from tokir.errors import TokirError, Unavailable

from .conftest import jsonl


@pytest.fixture
def source(tmp_path):
    """Ten titles of three passages; query i is answered by passage i, query 0 also by the last passage."""
    corpus = [{"_id": f"doc{i}", "title": f"T{i // 3}", "text": f"text {i}", "metadata": {}} for i in range(30)]
    queries = [{"_id": f"test{i}", "text": f"query {i}", "metadata": {}} for i in range(30)]
    pairs = [(0, 29), *((i, i) for i in range(30))]
    path = tmp_path / "downloads" / "nq.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nq/", "")
        archive.writestr("nq/corpus.jsonl", jsonl(corpus))
        archive.writestr("nq/queries.jsonl", jsonl(queries))
        judged = "".join(f"test{q}\tdoc{d}\t1\n" for q, d in pairs)
        archive.writestr("nq/qrels/test.tsv", f"query-id\tcorpus-id\tscore\n{judged}")
    return path


def test_subset(tmp_path, open_, source):
    with pytest.raises(Unavailable, match="tokir data build nq-subset"):
        open_("nq-subset")
    out = natural_questions.build_subset(source, tmp_path / "cache" / "nq-subset", passages=10, queries=9)
    dataset = open_("nq-subset")
    assert dataset.corpus.ids == [f"doc{i}" for i in range(10)]
    # doc0 is kept, but not the other answer to query 0
    assert dataset.split("test").queries == {f"test{i}": f"query {i}" for i in range(1, 10)}
    assert sorted(path.name for path in out.parent.iterdir()) == ["corpora", "nq-subset"]
    drawn = [
        natural_questions.build_subset(source, tmp_path / name, passages=10, queries=4, seed=seed)
        / "queries.jsonl"
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    first, same, other = (path.read_text(encoding="utf-8") for path in drawn)
    assert first == same != other


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [((31, 1), "has only 30 of the 31 passages"), ((10, 10), "only 9 of the 10 queries asked for")],
)
def test_subset_that_cannot_be_made_leaves_nothing(tmp_path, source, sizes, sentence):
    with pytest.raises(TokirError, match=sentence):
        natural_questions.build_subset(source, tmp_path / "out" / "set", *sizes)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_with_other_files_is_not_replaced(tmp_path, source):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("x")
    with zipfile.ZipFile(source) as archive:
        archive.extractall(tmp_path / "mine")
    [mine] = (tmp_path / "mine").glob("**/corpus.jsonl")
    for folder in (tmp_path / "papers", mine.parent):
        with pytest.raises(TokirError, match="which is not of an earlier build"):
            build("nq-subset", str(source), folder, passages=10, queries=1)
    assert mine.exists()
    for _ in range(2):  # what was built before is replaced
        build("nq-subset", str(source), tmp_path / "set", passages=10, queries=1)
    with pytest.raises(TokirError, match="which is not of an earlier export"):
        require_free(tmp_path / "set", "export")
    assert (tmp_path / "papers" / "thesis.tex").exists()


def test_nq_is_read_from_the_cache_or_fetched(tmp_path, open_, source, monkeypatch):
    def available():
        return {builtin.name: builtin.available for builtin in names(tmp_path / "cache")}

    with pytest.raises(Unavailable, match=r"'nq' is not on this machine: put nq\.zip"):
        open_("nq")
    assert available() == {"wiki": True, "nq": False, "nq-subset": False}
    fetched = tmp_path / "cache" / "nq.zip"
    with pytest.raises(Unavailable, match="other bytes than published"):
        natural_questions.fetch(fetched, source.as_uri())
    with pytest.raises(Unavailable, match="cannot be fetched"):
        natural_questions.fetch(fetched, (tmp_path / "missing").as_uri())
    assert [file.name for file in fetched.parent.iterdir()] == [".nq.zip.lock"]
    natural_questions.fetch(fetched, source.as_uri(), hashlib.md5(source.read_bytes()).hexdigest())
    assert len(open_("nq").split("test").queries) == 30
    assert available()["nq"]
