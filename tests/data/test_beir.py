"""Folders, zips and document files, and the sentences that say what is wrong with them."""

from __future__ import annotations

import csv
import shutil
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.data import Document, beir, load
from tokir.data.qrels import read as read_qrels
from tokir.errors import TokirError

from .conftest import DOCUMENTS, QUERIES, jsonl, write_folder


def zipped(folder: Path, top: str) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, f"{top}{file.relative_to(folder).as_posix()}")
        archive.writestr(f"__MACOSX/{top}._corpus.jsonl", "resource fork")
    return path


def test_folder(tmp_path, open_):
    dataset = open_(write_folder(tmp_path / "pets"))
    assert dataset.name == "pets"
    assert [tuple(record) for record in dataset.corpus.records()] == DOCUMENTS
    assert dataset.corpus.passages(0, 9) == ["Cats They purr.", "Dogs bark.", "Fish Silent, “mostly”."]
    assert dataset.corpus.characters == sum(len(text) for _, _, text in DOCUMENTS)
    assert dataset.queries == QUERIES
    test = dataset.split("test")
    assert test.queries == {"q2": "what barks"}  # q3 is judged, but nothing is relevant to it
    assert test.qrels == {"q2": {"d2": 2, "d1": 0}}


@pytest.mark.parametrize("top", ["", "pets/"])
def test_zip_equals_folder(tmp_path, open_, top):
    folder = write_folder(tmp_path / "pets")
    first, second = open_(folder), open_(zipped(folder, top))
    assert (second.name, second.checksum, second.qrels) == ("pets", first.checksum, first.qrels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "pets", "pets.zip"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_other_tables_hold_the_same_data(tmp_path, open_, suffix):
    expected = open_(write_folder(tmp_path / "jsonl")).checksum
    folder = write_folder(tmp_path / "other", corpus=None, queries=None)
    documents = [dict(zip(("doc_id", "title", "text"), row, strict=True)) for row in DOCUMENTS]
    queries = [{"query_id": id, "text": text} for id, text in QUERIES.items()]
    for name, rows in (("corpus", documents), ("queries", queries)):
        if suffix == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
        else:
            with (folder / f"{name}.{suffix}").open("w", encoding="utf-8-sig", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]), delimiter="," if suffix == "csv" else "\t")
                writer.writeheader()
                writer.writerows(rows)
    assert open_(folder).checksum == expected


def test_documents_alone(tmp_path, open_):
    path = tmp_path / "notes.csv"
    path.write_text('id,text\n7,"two\nlines"\n8,one\n', encoding="utf-8")
    dataset = open_(path)
    assert dataset.name == "notes"
    assert dataset.corpus.passages(0, 2) == ["two\nlines", "one"]
    with pytest.raises(TokirError, match=r"no judged queries: add queries\.jsonl"):
        dataset.evaluation_splits()


HEADER = "query-id\tcorpus-id\tscore\n"
GOOD = {"_id": "d1", "title": "", "text": "x"}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"corpus": None}, r"holds no corpus\.jsonl"),
        ({"corpus": ""}, r"corpus\.jsonl holds no documents"),
        ({"corpus": jsonl([GOOD]) + "{oops\n"}, r"corpus\.jsonl:2 is no JSON"),
        ({"corpus": "[1]\n"}, r"corpus\.jsonl:1 is no JSON object"),
        ({"corpus": jsonl([GOOD, {"_id": "d2"}])}, r"corpus\.jsonl:2 lacks the field `text`"),
        ({"corpus": jsonl([GOOD, {"text": "x"}])}, r"corpus\.jsonl:2 lacks the field `_id`"),
        ({"corpus": jsonl([GOOD, {**GOOD, "title": 3}])}, r"corpus\.jsonl:2: field `title` is no string"),
        ({"corpus": '{"_id": "d1", "text": "\\ud800"}\n'}, r"corpus\.jsonl:1: half of a surrogate pair"),
        ({"corpus": jsonl([GOOD]) + "\n" + jsonl([GOOD])}, r"jsonl:3: id 'd1' is already that of .*jsonl:1:"),
        ({"queries": jsonl([GOOD, GOOD])}, r"queries\.jsonl:2: id 'd1' is already that of .*jsonl:1:"),
        ({"queries": None}, r"there is no queries\.jsonl"),
        ({"test": HEADER + "q1\td1\n"}, r"qrels/test\.tsv:2 is not `query-id<tab>corpus-id<tab>score`"),
        ({"test": HEADER + "q1\td1\tyes\n"}, r"qrels/test\.tsv:2: the score 'yes' is no integer"),
        ({"test": HEADER + "q1\td1\t1\nq1\td1\t0\n"}, r"test\.tsv:3 judges .* again, differently"),
        ({"test": HEADER + "q1\td1\t0\n"}, r"qrels/test\.tsv names no relevant passage"),
        ({"test": HEADER + "q1\td8\t1\nq1\td9\t1\n"}, r"test\.tsv names 2 \(d8, d9\) unknown passages"),
        ({"test": HEADER + "q9\td1\t1\n"}, r"test\.tsv names 1 \(q9\) unknown queries"),
        ({"dev": HEADER + "q1\td1\t1\n", "val": HEADER + "q1\td1\t1\n"}, r"both hold dev"),
    ],
)
def test_errors_are_sentences_with_a_place(tmp_path, open_, files, sentence):
    with pytest.raises(TokirError, match=sentence) as caught:
        open_(write_folder(tmp_path / "pets", **files))
    assert "\n" not in str(caught.value)


def test_other_errors(tmp_path, open_):
    folder = write_folder(tmp_path / "pets")
    whole = zipped(folder, "").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TokirError, match=r"cut\.zip is a broken or encrypted zip"):
        open_(tmp_path / "cut.zip")
    with zipfile.ZipFile(folder.with_suffix(".zip")) as archive:
        at = archive.getinfo("corpus.jsonl").header_offset + 60
    (tmp_path / "bad.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    with pytest.raises(TokirError, match=r"bad\.zip is a broken or encrypted zip"):
        open_(tmp_path / "bad.zip")
    (folder / "corpus.jsonl").write_bytes(jsonl([GOOD]).encode() + b'{"_id": "d2", "text": "\xe9"}\n')
    with pytest.raises(TokirError, match=r"corpus\.jsonl:2 is not UTF-8"):
        open_(folder)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(TokirError, match=r"bad\.parquet is no readable Parquet"):
        open_(tmp_path / "bad.parquet")
    (tmp_path / "bad.csv").write_text("id,text\n1,a,b\n", encoding="utf-8")
    with pytest.raises(TokirError, match=r"bad\.csv:2 has 3 fields, the header 2"):
        open_(tmp_path / "bad.csv")
    with pytest.raises(TokirError, match=r"no data set and no file 'wikki' \(did you mean 'wiki'\?\)"):
        open_("wikki")


def test_unknown_documents_are_dropped_on_request(tmp_path, open_):
    judged = HEADER + "q1\td1\t1\nq1\td9\t1\nq2\td9\t1\nq9\td1\t1\n"
    dataset = open_(write_folder(tmp_path / "pets", test=judged), unknown_documents="drop")
    assert dataset.qrels["test"] == {"q1": {"d1": 1}}
    assert dataset.notes[0].startswith("3 judgements of ")


def test_damaged_cache_is_built_again(tmp_path, open_, caplog):
    folder = write_folder(tmp_path / "pets")
    expected = open_(folder).checksum
    (stored,) = (tmp_path / "cache" / "corpora").glob("*.arrow")
    whole = stored.read_bytes()
    for damage in (whole[:100], b"", whole[:300] + b"?" + whole[301:]):
        stored.unlink()  # a file mapped by an earlier corpus must not change under it
        stored.write_bytes(damage)
        assert open_(folder).checksum == expected
        assert "is damaged" in caplog.text
        caplog.clear()
    stored.with_suffix(".json").unlink()
    assert open_(folder).corpus.record(2).id == "d3"
    assert "is damaged" in caplog.text


def test_positions_across_batches(tmp_path, open_, monkeypatch):
    monkeypatch.setattr("tokir.data.corpus.ROWS_PER_BATCH", 4)
    rows = [{"_id": f"d{i}", "title": "", "text": f"text {i}"} for i in range(11)]
    (tmp_path / "many.jsonl").write_text(jsonl(rows), encoding="utf-8")
    corpus = open_(tmp_path / "many.jsonl").corpus
    assert corpus.passages(3, 9) == [f"text {i}" for i in range(3, 9)]
    assert corpus.select([10, 0, 4, 10]) == ["text 10", "text 0", "text 4", "text 10"]
    corpus.release()  # takes nothing away
    assert (corpus.select([]), corpus.passages(11, 20), corpus.record(8).id) == ([], [], "d8")
    for outside in (-1, 11):
        with pytest.raises(IndexError):
            corpus.select([outside])


ids = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), min_size=1, max_size=8).filter(
    lambda id: id.split() == [id] and id not in ("query-id", "query_id", "qid")
)
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=50, deadline=None)
@given(
    documents=st.dictionaries(ids, st.tuples(texts, texts), min_size=1, max_size=6),
    queries=st.dictionaries(ids, texts, min_size=1, max_size=4),
    scores=st.lists(st.integers(0, 3), min_size=1, max_size=24),
)
def test_what_is_written_is_read_back(documents, queries, scores):
    rows = [Document(id, *content) for id, content in documents.items()]
    pairs = [(query, document) for query in queries for document in documents]
    qrels: dict[str, dict[str, int]] = {}
    for (query, document), score in zip(pairs, [1, *scores], strict=False):
        qrels.setdefault(query, {})[document] = score
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "set").mkdir()
        beir.write(folder / "set", rows, queries, {"test": qrels})
        dataset = load(str(folder / "set"), cache=folder / "cache")
        assert list(dataset.corpus.records()) == rows
        assert (dataset.queries, dataset.qrels) == (queries, {"test": qrels})
        assert read_qrels(beir.Folder(folder / "set"), "qrels/test.tsv") == qrels
    finally:
        shutil.rmtree(folder)
