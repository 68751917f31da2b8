from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from tokir.errors import TokirError
from tokir.report import terminal_table, write_report
from tokir.report.tables import MEASURES

from .conftest import REMEDY, Write, examples, study, system, trained

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """What a page loads, its text, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "data", "action"}:
                self.loads.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style"}:
            self.words.append(data)


def test_the_page_needs_nothing_but_itself(rows, write: Write) -> None:
    text = write_report(write(study(rows), examples(rows))).read_text("utf-8")
    page = Page(text)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert all(target.startswith("#") for target in page.loads)
    assert all(target[1:] in page.ids for target in page.loads)
    assert len(page.ids) == len(set(page.ids))
    assert "@import" not in text
    assert set(re.findall(r"url\(.", text)) <= {"url(#"}


def test_text_from_the_data_is_text_on_the_page(rows, write: Write) -> None:
    rows[3]["title"] = "<i>BM25</i>"
    folder = write(study(rows), examples(rows))
    text = write_report(folder).read_text("utf-8")
    assert "<script" not in text and "<b>bold" not in text and "<i>BM25" not in text
    assert "who wrote &lt;script&gt;" in text
    assert "<i>" not in (folder.path / "report.md").read_text("utf-8")
    words = "".join(Page(text).words)
    assert "␣wrote" in words and "⏎" in words
    assert "✓ relevant" in words


def test_every_system_and_every_remedy_is_in_every_file(rows, write: Write) -> None:
    folder = write(study(rows), examples(rows))
    write_report(folder)
    for name in ("report.html", "report.md", "results.csv"):
        text = (folder.path / name).read_text("utf-8")
        assert all(row["id"] in text for row in rows), name
        assert REMEDY in text, name


def test_csv_holds_the_numbers_in_full(rows, write: Write) -> None:
    folder = write(study(rows))
    write_report(folder)
    with (folder.path / "results.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    for row, line in zip(rows, lines, strict=True):
        assert line["status"] == row["status"]
        for measure in MEASURES:
            if row["scores"] is None:
                assert line[measure] == line[f"{measure}_low"] == ""
            else:
                assert float(line[measure]) == row["scores"][measure]
                assert float(line[f"{measure}_high"]) == row["intervals"][measure][1]
        if row["latency_ms"]:
            assert float(line["total_ms_p50"]) == row["latency_ms"]["total"]["p50"]
    assert float(lines[0]["bits_per_byte"]) == 1.89


def test_the_best_of_a_column_is_bold_and_ties_share_it(rows, write: Write) -> None:
    rows[1]["scores"]["recall@1"] = rows[3]["scores"]["recall@1"]
    text = write_report(write(study(rows))).read_text("utf-8")
    assert text.count("<strong>0.610</strong>") == 3  # recall@1 twice, recall@10 once
    assert "<strong>1.900</strong>" not in text  # bits per character: all the same, so none is best


def test_evidence_shows_what_lies_at_its_path(rows, write: Write) -> None:
    words = "".join(Page(write_report(write(study(rows))).read_text("utf-8")).words)
    assert 'systems[0].scores["recall@10"]0.05' in re.sub(r"\s*\n\s*", "", words)
    assert "difference -0.26" in words
    assert "not in this file" in words


def test_the_same_results_give_the_same_bytes(rows, write: Write) -> None:
    folder = write(study(rows), examples(rows))
    first = {}
    for _ in range(2):
        write_report(folder)
        for name in ("report.html", "report.md", "results.csv"):
            content = (folder.path / name).read_bytes()
            assert first.setdefault(name, content) == content


def _no_model(results: dict[str, Any]) -> None:
    results["systems"] = [system("bm25", "lexical", "BM25", 0.6)]
    results["comparisons"] = []


def _nothing_found(results: dict[str, Any]) -> None:
    for row in results["systems"]:
        if row["scores"]:
            row["scores"] = dict.fromkeys(row["scores"], 0.0)
            row["intervals"] = {key: [0.0, 0.0] for key in row["intervals"]}
    for entry in results["comparisons"]:
        entry.update(difference=0.0, interval=[0.0, 0.0])


def _no_scores(results: dict[str, Any]) -> None:
    for row in results["systems"]:
        row["scores"] = row["scores"] and dict.fromkeys(row["scores"])
        row["intervals"] = {}
    results["comparisons"] = []


def _nothing_available(results: dict[str, Any]) -> None:
    results["systems"] = [
        system("byt5", "pretrained", "ByT5", None),
        system("canine", "pretrained", "CANINE", None),
    ]
    results.update(comparisons=[], findings=[])


def _no_systems(results: dict[str, Any]) -> None:
    results.update(systems=[], comparisons=[], findings=[])


def _long_ids(results: dict[str, Any]) -> None:
    results["systems"] = [
        trained("lstm", "mean", 0.1 + place / 100, tokenizer="unigram-" + "long-" * 40 + str(place))
        for place in range(3)
    ]
    results["comparisons"] = []


def _no_history(results: dict[str, Any]) -> None:
    for row in results["systems"]:
        if row["language_model"]:
            row["language_model"]["history"] = []


@pytest.mark.parametrize(
    "change", [_no_model, _nothing_found, _no_scores, _nothing_available, _no_systems, _long_ids, _no_history]
)
def test_studies_with_little_to_show(change, rows, write: Write) -> None:
    results = study(rows)
    change(results)
    folder = write(results)
    text = write_report(folder).read_text("utf-8")
    words = " ".join(Page(text).words) + (folder.path / "report.md").read_text("utf-8")
    assert not re.search(r"\b(None|nan|inf)\b", words)
    assert all(row["id"] in text for row in results["systems"])
    Console(width=100, file=io.StringIO()).print(terminal_table(results))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda results: results.update(schema=2), "schema 2"),
        (lambda results: results.pop("schema"), "schema"),
        (lambda results: results.pop("comparisons"), "comparisons"),
        (lambda results: results["systems"][0].pop("scores"), "systems.0.scores"),
        (lambda results: results["systems"][0]["scores"].update({"mrr@10": float("nan")}), "mrr@10"),
    ],
)
def test_a_file_of_another_shape_is_named_with_its_remedy(damage, words, rows, write: Write) -> None:
    results = study(rows)
    damage(results)
    folder = write(results)
    with pytest.raises(TokirError, match=re.escape(words)) as error:
        write_report(folder)
    assert str(folder.path / "results.json") in str(error.value)
    assert f"tokir evaluate {folder.path}" in str(error.value)
    assert not (folder.path / "report.html").exists()


@pytest.mark.parametrize(("results", "shown"), [('{"schema": 1', None), ("[]", None), (None, {"text": "no list"})])
def test_files_that_are_no_results(results, shown, rows, write: Write) -> None:
    folder = write(results or study(rows), shown)
    with pytest.raises(TokirError, match="tokir evaluate"):
        write_report(folder)


def test_the_terminal_table_fits_a_hundred_columns(rows) -> None:
    rows[0]["id"] = "bpe-2k.[red]lstm.lm." + "x" * 80
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(terminal_table(json.loads(json.dumps(study(rows)))))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 100
    assert any("byt5" in line and "unavailable" in line for line in lines)
    assert any("bm25" in line and "0.610 [0.550, 0.660]" in line for line in lines)
    assert any("[red]" in line for line in lines)
