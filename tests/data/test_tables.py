"""What the formats of rows mean, and how a row that is not in its format is refused."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.data.files import Folder
from tokir.data.tables import Table, documents
from tokir.errors import TokirError


def rows_of(name: str, content: str) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_text(content, encoding="utf-8", newline="")
        return [tuple(document) for _, document in documents(Table(Folder(Path(folder)), name))]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.text(
    '",\r\n\t a', max_size=8
)
contents = st.lists(st.tuples(texts, texts), min_size=1, max_size=5)


def numbered(rows):
    return [(f"d{number}", *row) for number, row in enumerate(rows)]


@settings(max_examples=60)
@given(contents, st.sampled_from(["\r\n", "\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_csv_writes_is_read_back(rows, end, quoting):
    out = io.StringIO()
    # A lone carriage return needs quotes too, and not every Python's writer gives it some where lines end in \n.
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if end == "\n" else quoting)
    writer.writerows([("_id", "title", "text"), *numbered(rows)])
    assert rows_of("x.csv", out.getvalue()) == numbered(rows)


@settings(max_examples=60)
@given(contents)
def test_a_quote_in_tsv_is_a_character(rows):
    rows = [tuple("".join(c for c in text if c not in "\t\r\n") for text in row) for row in rows]
    lines = ["\t".join(row) + "\n" for row in [("_id", "title", "text"), *numbered(rows)]]
    assert rows_of("x.tsv", "".join(lines)) == numbered(rows)


plain = st.lists(st.text("abc é\t;'", max_size=8), min_size=1, max_size=6)


@settings(max_examples=60)
@given(plain, st.data())
def test_a_quote_that_is_not_closed_is_an_error_with_its_line(rows, data):
    at = data.draw(st.integers(0, len(rows) - 1))
    lines = [f"{number},{text}\n" for number, text in enumerate(rows)]
    lines[at] = f'{at},"{rows[at]}\n'
    with pytest.raises(TokirError, match=rf"x\.csv:{at + 2} starts a row with a quoted text that is not closed"):
        rows_of("x.csv", "".join(["id,text\n", *lines]))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "x.csv",
            'id,text\n1,a\n2,"b\n3,c\n4,"d\n',
            r"x\.csv:3 starts a row with a quoted text that is not closed",
        ),
        ("x.csv", 'id,text\n1,"a"b\n', r"x\.csv:2 starts a row with a quoted text that is not closed"),
        ("x.csv", 'id,text\n1,"a\nb,c",d\n', r"x\.csv:2 has 3 fields, the header 2: quote texts"),
        ("x.csv", "id,text\n1,a,b\n", r"x\.csv:2 has 3 fields, the header 2: quote texts that hold a comma"),
        ("x.csv", "id;text\n1;a\n", r"lacks the field `_id` .* found are `id;text`: .* separated by commas"),
        ("x.csv", "id,text,text\n1,a,b\n", r"x\.csv:1 names the column `text` twice"),
        ("x.tsv", "d1\tcats purr\nd2\tdogs bark\n", r"found are `d1`, `cats purr`: the first line .* by tabs"),
        ("x.tsv", 'id\ttext\n1\t"a\tb"\n', r"x\.tsv:2 has 3 fields, the header 2: a text cannot hold a tab"),
        ("x.csv", "id,title\n1,a\n", r"x\.csv:2 lacks the field `text`; the columns found are `id`, `title`"),
    ],
)
def test_rows_that_are_not_in_their_format(name, content, sentence):
    with pytest.raises(TokirError, match=sentence):
        rows_of(name, content)


def test_columns_of_parquet_are_named(tmp_path):
    pq.write_table(pa.Table.from_pylist([{"_id": "d1", "body": "x"}]), tmp_path / "x.parquet")
    with pytest.raises(TokirError, match=r"lacks the field `text`; the columns found are `_id`, `body`"):
        list(documents(Table(Folder(tmp_path), "x.parquet")))


def test_a_column_of_parquet_that_is_there_twice_is_refused(tmp_path):
    ids, texts = pa.array(["d1"]), pa.array(["x"])
    pq.write_table(pa.Table.from_arrays([ids, texts, texts], ["_id", "text", "text"]), tmp_path / "x.parquet")
    with pytest.raises(TokirError, match=r"x\.parquet names the column `text` twice: rename one"):
        list(documents(Table(Folder(tmp_path), "x.parquet")))


def test_a_field_of_a_json_object_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"_id": "a", "text": "the \\"_id\\" of \\"text\\""}\n{"_id": "a", "_id": "b", "text": "x"}\n'
    )
    rows = documents(Table(Folder(tmp_path), "x.jsonl"))
    assert next(rows)[1].id == "a"
    with pytest.raises(TokirError, match=r"x\.jsonl:2 names the field `_id` twice: rename one"):
        next(rows)
