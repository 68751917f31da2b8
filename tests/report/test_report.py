from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from tokir.errors import TokirError
from tokir.evaluation.registry import MEASURES, Measure
from tokir.report import terminal_table, write_report
from tokir.report.captions import answer, facts, retrieval_caption
from tokir.report.figures import drawings
from tokir.results.records import Results

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
    rows[4]["title"] = "my$x_{$m"  # which is no mathematics either
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


def test_what_was_not_measured_is_listed_after_the_findings(rows, write: Write) -> None:
    results = study(rows)
    open_ = {"question": "Does it <fly>?", "claim": "It flies.", "answer": "cannot tell", "evidence": []}
    results["findings"].append(open_ | {"text": "Nothing was thrown."})
    folder = write(results, examples(rows))
    page = Page(write_report(folder).read_text("utf-8"))
    words = " ".join(" ".join(page.words).split())
    assert "Not measured in this study: Does it <fly>? Nothing was thrown." in words and "It flies." not in words
    markdown = (folder.path / "report.md").read_text("utf-8")
    assert "- Does it &lt;fly>? Nothing was thrown." in markdown and "It flies." not in markdown


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
        row["scores"] = row["intervals"] = {}
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
        trained("lstm", "mean", 0.1 + number / 100, tokenizer="unigram-" + "long-" * 40 + str(number))
        for number in range(3)
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
    Console(width=100, file=io.StringIO()).print(terminal_table(Results.model_validate(results)))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda results: results.pop("schema"), "schema"),
        (lambda results: results["comparisons"][0].pop("p_holm"), "comparisons.0.p_holm"),
        (lambda results: results.pop("comparisons"), "comparisons"),
        (lambda results: results["systems"][0].pop("title"), "systems.0.title"),
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


@pytest.mark.parametrize(("results", "shown"), [('{"schema": 2', None), ("[]", None), (None, {"text": "no list"})])
def test_files_that_are_not_results(results, shown, rows, write: Write) -> None:
    folder = write(results or study(rows), shown)
    with pytest.raises(TokirError, match="tokir evaluate"):
        write_report(folder)


def test_the_terminal_table_fits_a_hundred_columns(rows) -> None:
    rows[0]["id"] = "bpe-2k.[red]lstm.lm." + "x" * 80
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(terminal_table(Results.model_validate(study(rows))))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 100
    assert any("byt5" in line and "unavailable" in line for line in lines)
    assert any("bm25" in line and "0.610 [0.550, 0.660]" in line for line in lines)
    assert any("[red]" in line for line in lines)


def test_a_training_that_several_systems_share_counts_once(rows) -> None:
    rows[1]["stages"] |= {"bpe-2k.static.contrastive.s0": 8.5}
    for row in rows[:2]:
        row["teacher_files"] = {"teachers/minilm/crops.npy": 30.0}
    shown = dict(facts(Results.model_validate(study(rows))))
    assert shown["Training"] == "132 s (2 min)"  # 61.5 of the LSTM, 61.5 of the Transformer, 8.5
    assert shown["Vectors of the teacher"] == "30 s"


def test_each_note_on_the_data_is_visible_near_the_results(rows, write: Write) -> None:
    folder = write(study(rows))
    text = write_report(folder).read_text("utf-8")
    results = text[text.index('<section id="results">') :]
    visible = re.sub(r"<details.*?</details>", "", results[: results.index("<table")], flags=re.DOTALL)
    markdown = (folder.path / "report.md").read_text("utf-8")
    for note in study(rows)["dataset"]["notes"]:
        assert f"<li>{note}</li>" in visible and f"\n- {note}\n" in markdown


def test_nothing_is_claimed_against_a_baseline_that_could_not_read(rows) -> None:
    level = "It does not differ significantly from MiniLM."
    lost = "MiniLM could not read 63% of the tokens of these passages, so nothing is claimed against it."
    for rate, said, unsaid in ((0.1, level, lost), (0.63, lost, level)):
        minilm = system("minilm", "pretrained", "MiniLM", 0.58, unknown_rate=rate)
        results = Results.model_validate(study([*rows, minilm]))
        assert said in answer(results) and unsaid not in answer(results)
        messages = {drawing.message for drawing in drawings(results)}
        assert ("1 of 4 does not differ significantly from BM25" in messages) == (rate == 0.1)
        behind = "All others that could read the passages are significantly behind BM25"
        assert (behind in messages) == (rate == 0.63)
        assert (lost in retrieval_caption(results)) == (rate == 0.63)


def test_a_measure_of_ones_own_has_a_column_everywhere(rows, write: Write, monkeypatch) -> None:
    for known in (True, False):  # the run may have been made with a measure that its reader does not know
        if known:
            monkeypatch.setattr(MEASURES, "_entries", {**MEASURES._entries})
            MEASURES.add("success@5", Measure("Success@5", "Success", "within 5"))
        for row in rows:
            if row["scores"]:
                row["scores"]["success@5"], row["intervals"]["success@5"] = 0.8125, [0.7, 0.9]
        folder = write(study(rows))
        page = write_report(folder).read_text("utf-8")
        heading = "within 5" if known else "@5"
        assert "0.812" in page and f">{heading}</th>" in page
        with (folder.path / "results.csv").open(encoding="utf-8", newline="") as file:
            assert next(csv.DictReader(file))["success@5"] == "0.8125"
        assert ("Success within 5" if known else "success@5") in (folder.path / "report.md").read_text("utf-8")
        monkeypatch.undo()


def test_perturbations_correlations_and_the_verdict_are_shown(rows, write: Write) -> None:
    results = study(rows)
    best, other = rows[1]["id"], rows[2]["id"]
    score = {"recall@10": 0.21, "change": -0.0001, "interval": [-0.01, 0.01], "p_holm": 1.0}
    pair = {"a": best, "b": other, "difference": 0.03, "interval": [0.01, 0.05], "p": 0.001, "p_holm": 0.002}
    correlation = {"configuration": "LSTM", "measure": "whole_words", "outcome": "recall@10", "tokenizers": 6}
    results |= {
        "perturbations": [
            {"name": "swap", "words": "two letters swapped", "changed": 1, "examples": [["ab", "ba"]]}
        ],
        "robustness": {
            best: {"swap": score},
            other: {"swap": score | {"change": -0.2, "interval": [-0.3, -0.1], "p_holm": 0.001}},
        },
        "perturbation_comparisons": [pair | {"perturbation": "swap", "outcome": "change"}],
        "correlations": [
            correlation | {"rho": 0.5, "p": 0.3, "interval": [-0.2, 0.9]},
            correlation,
        ],
        "verdict": [{"text": "Use the tokenizer bpe-2k.", "evidence": [f'robustness["{best}"].swap']}],
    }
    folder = write(results)
    words = " ".join("".join(Page(write_report(folder).read_text("utf-8")).words).split())
    markdown = (folder.path / "report.md").read_text("utf-8")
    for text in (words, markdown):
        assert "Perturbed queries" in text and "two letters swapped" in text and "ab → ba" in text
        assert "share of words in one token" in text and "no variation" in text
        assert "Use the tokenizer bpe-2k." in text and "+0.030" in text and "−0.200" in text
        assert not re.search(r"−0\.000|\+0\.000|1 epochs|slip|recipe|told apart|foretell|contender", text)
    assert "1 query changed. ab → ba" in markdown and "recall@10 0.21, change -0.0001" in words


def test_a_perturbation_that_changes_no_query_is_said_not_to_apply(rows, write: Write) -> None:
    results = study(rows)
    best, other = rows[1]["id"], rows[2]["id"]
    score = {"recall@10": 0.21, "change": -0.2, "interval": [-0.3, -0.1], "p_holm": 0.001}
    pair = {"a": best, "b": other, "difference": 0.03, "interval": [0.01, 0.05], "p": 0.001, "p_holm": 0.002}
    upper = {"name": "upper", "words": "capitals only", "changed": 0, "examples": []}
    drop = {
        "name": "drop",
        "words": "one letter left out",
        "changed": results["dataset"]["queries"],
        "examples": [],
    }
    few = {"name": "swap", "words": "two letters swapped", "changed": 1, "examples": [["ab", "ba"]]}
    results |= {
        "perturbations": [upper, few, drop],
        "robustness": {name: {"swap": score, "drop": score} for name in (best, other)},
        "perturbation_comparisons": [
            pair | {"perturbation": name, "outcome": "change"} for name in ("swap", "drop")
        ],
    }
    folder = write(results)
    page, markdown = write_report(folder).read_text("utf-8"), (folder.path / "report.md").read_text("utf-8")
    share = f"{1 / results['dataset']['queries']:.0%}"
    assert f"| queries changed | | 0% | {share} | 100% |" in markdown
    assert len(re.findall(r"\| does not apply \| \*\*−0.200\*\* \| \*\*−0.200\*\* \|", markdown)) == 2
    assert "| does not apply | **+0.030** | **+0.030** |" in markdown
    assert "- upper: capitals only; does not apply." in markdown and page.count("<td>does not apply</td>") == 3
    results |= {"perturbations": [upper], "robustness": {}, "perturbation_comparisons": []}
    folder = write(results)  # nothing to show but that
    assert "does not apply" in write_report(folder).read_text("utf-8")
