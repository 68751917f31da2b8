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

from tokir.data import Document, beir, load, tables
from tokir.data.qrels import read as read_qrels
from tokir.errors import TokirError

from .conftest import DOCUMENTS, QUERIES, jsonl, write_folder


def zipped(folder: Path, top: str) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, f"{top}{file.relative_to(folder).as_posix()}")
        archive.writestr(f"__MACOSX/{top}._corpus.jsonl", "resource fork")
        archive.writestr(f"{top}.", "a name of no file")
    return path


def test_folder(tmp_path, open_):
    dataset = open_(write_folder(tmp_path / "pets"))
    assert dataset.name == "pets"
    assert [tuple(record) for record in dataset.corpus.records()] == DOCUMENTS
    assert dataset.corpus.passages(0, 9) == ["Cats They purr.", "Dogs bark.", "Fish Silent, “mostly”."]
    assert dataset.corpus.characters == sum(len(text) for _, _, text in DOCUMENTS)
    assert dataset.queries == QUERIES
    assert dataset.notes == ("1 of 2 judged queries of test has no relevant passage and is left out.",)
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
            with (folder / f"{name}.{suffix.upper()}").open("w", encoding="utf-8-sig", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]), delimiter="," if suffix == "csv" else "\t")
                writer.writeheader()
                writer.writerows(rows)
    assert open_(folder).checksum == expected


def test_blank_lines_and_headers_in_other_spellings_are_passed_over(tmp_path, open_):
    (tmp_path / "corpus.csv").write_text("_id,title,text\n   \nd1,,one\n\nd2,,two\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "one"}\n')
    (tmp_path / "qrels").mkdir()
    for header in (
        "query-id\tcorpus-id\tscore",
        '\n"Query-ID"\t"Corpus-ID"\t"Score"',
        "query_id\tcorpus_id\tscore",
    ):
        (tmp_path / "qrels/test.tsv").write_text(f"{header}\nq1\td1\t1\n")
        dataset = open_(tmp_path)
        assert list(dataset.corpus.ids) == ["d1", "d2"] and dataset.qrels == {"test": {"q1": {"d1": 1}}}


def test_documents_alone(tmp_path, open_):
    path = tmp_path / "notes.csv"
    path.write_text('id,text\n7,"two\nlines"\n8,one\n', encoding="utf-8")
    dataset = open_(path)
    assert dataset.name == "notes"
    assert dataset.corpus.passages(0, 2) == ["two\nlines", "one"]
    splits = dataset.evaluation_splits()
    assert (splits.train, splits.validation) == (None, None)
    with pytest.raises(TokirError, match=r"no judged queries: add queries\.jsonl"):
        splits.scored()


HEADER = "query-id\tcorpus-id\tscore\n"
GOOD = {"_id": "d1", "title": "", "text": "x"}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"corpus": None}, r"holds no corpus\.jsonl"),
        ({"corpus": ""}, r"corpus\.jsonl holds no documents"),
        ({"corpus": jsonl([GOOD]) + "{oops\n"}, r"corpus\.jsonl:2 is not JSON"),
        ({"corpus": "[1]\n"}, r"corpus\.jsonl:1 is not a JSON object"),
        (
            {"corpus": jsonl([GOOD, {"_id": "d2"}])},
            r"jsonl:2 lacks the field `text`; the fields found are `_id`$",
        ),
        (
            {"corpus": jsonl([GOOD, {"text": "x"}])},
            r"jsonl:2 lacks the field `_id` .* the fields found are `text`$",
        ),
        (
            {"corpus": jsonl([{"_id": 1.5, "text": "x"}])},
            r"jsonl:1: the field `_id` is a number \(1\.5\), not a string",
        ),
        ({"corpus": jsonl([{"id": None, "text": "x"}])}, r"jsonl:1: the field `id` is null, not a string"),
        (
            {"corpus": jsonl([{"_id": "d1", "text": ["x"] * 99}])},
            r"the field `text` is a list \(\['x', .*\.\.\.\]\), not",
        ),
        ({"corpus": jsonl([GOOD, {**GOOD, "_id": "d 2"}])}, r"jsonl:2: the id 'd 2' holds white space"),
        ({"corpus": jsonl([{**GOOD, "_id": "d\0"}])}, r"jsonl:1: the id 'd\\x00' holds a control character"),
        ({"queries": jsonl([{**GOOD, "_id": "q\x7f"}])}, r"queries\.jsonl:1: the id .* holds a control character"),
        ({"queries": jsonl([{**GOOD, "_id": ""}])}, r"queries\.jsonl:1: an id is empty"),
        ({"test": HEADER + "q1\td 1\t1\n"}, r"qrels/test\.tsv:2: the id 'd 1' holds white space"),
        ({"test": HEADER + "q1\td\x001\t1\n"}, r"qrels/test\.tsv:2: the id .* holds a control character"),
        (
            {"test": HEADER + "q1\td1\t3000000000\n"},
            r"test\.tsv:2: the score '3000000000' is not an integer from .* to",
        ),
        ({"test": HEADER + "q1\td1\t1_0\n"}, r"test\.tsv:2: the score '1_0' is not an integer"),
        (
            {"corpus": jsonl([GOOD, {**GOOD, "title": 3}])},
            r"corpus\.jsonl:2: the field `title` is a number \(3\), not a string",
        ),
        ({"corpus": '{"_id": "d1", "text": "\\ud800"}\n'}, r"corpus\.jsonl:1: half of a surrogate pair"),
        ({"corpus": jsonl([GOOD]) + "\n" + jsonl([GOOD])}, r"jsonl:3: id 'd1' is already that of .*jsonl:1:"),
        ({"queries": jsonl([GOOD, GOOD])}, r"queries\.jsonl:2: id 'd1' is already that of .*jsonl:1:"),
        ({"queries": None}, r"there is no queries\.jsonl"),
        ({"queries": ""}, r"queries\.jsonl holds no queries$"),
        (
            {"test": "query-id\tscore\tcorpus-id\nq1\t1\td1\n"},
            r"test\.tsv:1: the columns are not .*: reorder them",
        ),
        ({"test": HEADER + "q1\td1\n"}, r"qrels/test\.tsv:2 is not `query-id<tab>corpus-id<tab>score`"),
        ({"test": HEADER + "q1\td1\tyes\n"}, r"qrels/test\.tsv:2: the score 'yes' is not an integer"),
        ({"test": HEADER + "q1\td1\t1\nq1\td1\t0\n"}, r"test\.tsv:3 judges .* again, differently"),
        ({"test": HEADER + "q1\td1\t0\n"}, r"qrels/test\.tsv names no relevant passage"),
        ({"test": HEADER + "q1\td8\t1\nq1\td9\t1\n"}, r"test\.tsv names 2 \(d8, d9\) unknown passages"),
        ({"test": HEADER + "q9\td1\t1\n"}, r"test\.tsv names 1 \(q9\) unknown queries"),
        ({"dev": HEADER + "q1\td1\t1\n", "val": HEADER + "q1\td1\t1\n"}, r"both hold dev"),
    ],
)
def test_errors_are_sentences_with_a_location(tmp_path, open_, files, sentence):
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
    with pytest.raises(TokirError, match=r"bad\.parquet is not a readable Parquet file"):
        open_(tmp_path / "bad.parquet")
    with pytest.raises(TokirError, match=r"no data set and no file 'wikki' \(did you mean 'wiki'\?\)"):
        open_("wikki")


def test_unknown_documents_are_dropped_on_request(tmp_path, open_):
    judged = HEADER + "q1\td1\t1\nq1\td9\t1\nq2\td9\t1\nq9\td1\t1\n"
    dataset = open_(write_folder(tmp_path / "pets", test=judged), unknown_documents="drop")
    assert dataset.qrels["test"] == {"q1": {"d1": 1}}
    assert dataset.notes[0].startswith("3 judgements of ")


def test_judgements_in_other_files_are_named(tmp_path, open_):
    folder = write_folder(tmp_path / "pets")
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "test.TSV")  # the case does not matter
    (folder / "qrels" / "README.md").write_text("About these judgements.")
    (folder / "qrels.csv").write_text("q1,d1,1")
    for hidden in ("qrels/.DS_Store", "qrels/._test.tsv", "qrels/.ipynb_checkpoints/test-checkpoint.tsv"):
        (folder / hidden).parent.mkdir(exist_ok=True)
        (folder / hidden).write_text("not judgements")
    for source in (folder, zipped(folder, "pets/")):
        dataset = open_(source)
        assert dataset.evaluation_splits().scored().name == "test"
        notes = [note for note in dataset.notes if "is not read: judgements are read from qrels/*.tsv" in note]
        assert len(notes) == 2 and "qrels.csv" in notes[0] and "qrels/README.md" in notes[1]


@pytest.mark.parametrize("name", ["test.csv", "test.txt", "test.qrels", "test.tsv.gz", "old/test.tsv"])
def test_dev_is_not_scored_instead_of_a_test_that_was_not_read(tmp_path, open_, name):
    folder = write_folder(tmp_path / "pets", test=None, dev=HEADER + "q2\td2\t1\n")
    (folder / "qrels" / name).parent.mkdir(exist_ok=True)
    (folder / "qrels" / name).write_text("q1,d1,1")
    dataset = open_(folder)
    assert f"qrels/{name} is not read" in dataset.notes[0]
    with pytest.raises(TokirError, match=rf"qrels/{name} is not one of .* dev would be scored instead: convert"):
        dataset.evaluation_splits()
    with pytest.raises(TokirError, match=rf"no split 'test'.*; it has dev, train .*qrels/{name} .* was not read"):
        dataset.evaluation_splits("test")
    assert dataset.evaluation_splits("dev").scored().name == "dev"
    (folder / "qrels" / "dev.tsv").unlink()
    with pytest.raises(
        TokirError, match=rf"neither test nor dev queries but train .*qrels/{name} .* was not read"
    ):
        open_(folder).evaluation_splits().scored()


def test_files_that_were_read_are_known_by_size_and_time(tmp_path, open_):
    folder = write_folder(tmp_path / "pets")
    files = open_(folder).files
    assert [Path(file.path).name for file in files] == ["corpus.jsonl", "queries.jsonl", "test.tsv", "train.tsv"]
    (folder / "queries.jsonl").write_text("")
    (folder / "qrels" / "train.tsv").unlink()
    assert [file.has_changed() for file in files] == [False, True, False, True]
    write_folder(folder)
    archive = zipped(folder, "")
    assert [file.path for file in open_(archive).files] == [str(archive)]


def test_passages_with_a_querys_own_id(tmp_path, open_):
    """As in ArguAna, where the queries are passages; one that is judged relevant is an answer like any other."""
    queries = jsonl([{"_id": id, "text": f"about {id}"} for id in ("d1", "d2", "q3")])
    judged = HEADER + "d1\td2\t1\nd1\td1\t0\nd2\td2\t1\nq3\td3\t1\n"
    dataset = open_(write_folder(tmp_path / "pets", queries=queries, test=judged, train=None))
    splits = dataset.evaluation_splits()
    assert splits.scored().own_passages == ("d1",)
    assert splits.scored().only(["d2"]).own_passages == ()
    [note] = splits.notes
    assert note.startswith("For 1 of 3 test queries the corpus holds a passage with the query's own id")


def test_a_cache_that_cannot_be_written_to_is_named_with_the_remedy(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(TokirError, match=r"cache.*: Not a directory: data sets are built in .*TOKIR_CACHE"):
        load(str(write_folder(tmp_path / "pets")), cache=tmp_path / "cache")


def test_judgements_of_nothing_that_is_there_are_not_called_judgements_without_relevant_passages(tmp_path, open_):
    swapped = write_folder(tmp_path / "pets", test=HEADER + "d1\tq1\t1\nd2\tq2\t1\n", train=None)
    with pytest.raises(TokirError, match=r"all of its 2 judgements name unknown passages or queries"):
        open_(swapped, unknown_documents="drop")
    one = write_folder(tmp_path / "more", test=HEADER + "q1\td1\t1\nq2\td2\t1\nnew\td1\t1\n", train=None)
    [note] = open_(one, unknown_documents="drop").notes
    assert note.startswith("1 judgement of ") and note.endswith(
        " names an unknown passage or query and was dropped."
    )


def test_line_ends_of_old_macs_are_named(tmp_path, open_):
    (tmp_path / "old.jsonl").write_bytes(b'{"_id": "a", "text": "x"}\r{"_id": "b", "text": "y"}\r')
    with pytest.raises(TokirError, match=r"old\.jsonl ends its lines with CR alone"):
        open_(tmp_path / "old.jsonl")


def test_what_changes_while_it_is_read_is_not_kept(tmp_path, open_, monkeypatch):
    folder = write_folder(tmp_path / "pets")
    corpus, before = folder / "corpus.jsonl", (folder / "corpus.jsonl").read_text()
    read = tables.documents

    def meanwhile(table):
        corpus.write_text(before.replace("purr", "bark loudly"))
        return read(table)

    monkeypatch.setattr(tables, "documents", meanwhile)
    with pytest.raises(TokirError, match="changed while it was read"):
        open_(folder)
    monkeypatch.undo()
    corpus.write_text(before)
    assert open_(folder).corpus.record(0).text == "They purr."


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


ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=8).filter(
    lambda id: id not in ("query-id", "query_id", "qid")
)
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=25)
@given(
    documents=st.dictionaries(ids, st.tuples(texts, texts), min_size=1, max_size=6),
    queries=st.dictionaries(ids, texts, min_size=1, max_size=4),
    scores=st.lists(st.integers(-2, 3), min_size=1, max_size=24),
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


def test_judgements_that_cannot_be_reached_are_not_passed_over(tmp_path, open_):
    folder = write_folder(tmp_path / "set")
    (folder / "qrels/test.tsv").rename(folder / "test.tsv")
    assert any("test.tsv is not read" in note for note in open_(folder).notes)
    (folder / "qrels/test.tsv").symlink_to(tmp_path / "gone.tsv")
    with pytest.raises(
        TokirError, match=r"test\.tsv is a link to .*gone\.tsv, which is not there: get it, or remove"
    ):
        open_(folder)
