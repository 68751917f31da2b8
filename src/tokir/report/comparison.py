"""``tokenizers.json``, ``.csv``, ``.md`` and ``.html``: tokenizers side by side, without any model."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from tokir.artifacts import Names, write_text
from tokir.report.svg import COLOURS, canvas, finish, heading, style
from tokir.report.tables import NONE
from tokir.report.templates import render
from tokir.report.tokenizers import CAPTION
from tokir.results.reading import write_records
from tokir.results.records import ComparedTokenizer, TokenizerComparison
from tokir.results.wording import plural
from tokir.tokenizers.measures import INTRINSIC

COST = {
    "megabytes_per_second": ("MB/s encoded", ".1f"),
    "seconds": ("seconds to train", ".1f"),
    "peak_memory": ("MB of memory, peak so far", ",.0f"),
}
COLUMNS = {"vocabulary_size": ("entries", ",d"), **INTRINSIC, **COST}
DRAWN = (
    "fertility",
    "bytes_per_token",
    "whole_words",
    "renyi_efficiency",
    "vocabulary_use",
    "megabytes_per_second",
)


def write_comparison(folder: Path, comparison: TokenizerComparison) -> None:
    """Write the four files into ``folder``."""
    texts = {
        "tokenizers.csv": _csv(comparison),
        "tokenizers.md": _markdown(comparison),
        "tokenizers.html": _html(comparison),
    }
    write_records(folder / Names.COMPARISON, comparison)
    for name, text in texts.items():
        write_text(folder / name, text)


def table(comparison: TokenizerComparison) -> tuple[list[str], list[list[str]]]:
    """Headings and lines, written."""
    lines = [[row.id, *(_written(row, name) for name in COLUMNS)] for row in comparison.tokenizers]
    return ["tokenizer", *(words for words, _ in COLUMNS.values())], lines


def _value(row: ComparedTokenizer, name: str) -> float | None:
    value: float | None = getattr(row, name)
    return value / 1e6 if name == "peak_memory" and value is not None else value


def _written(row: ComparedTokenizer, name: str) -> str:
    value = _value(row, name)
    return NONE if value is None else format(value, COLUMNS[name][1])


def _csv(comparison: TokenizerComparison) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = ["id", "type", *COLUMNS]
    writer.writerow(names)
    writer.writerows([[getattr(row, name) for name in names] for row in comparison.tokenizers])
    return file.getvalue()


def _markdown(comparison: TokenizerComparison) -> str:
    from tokir.report.markdown import safe

    headings, rows = table(comparison)
    lines = [f"# Tokenizers on {safe(comparison.dataset)}", "", f"| {' | '.join(headings)} |"]
    lines += [f"|---|{'---:|' * (len(headings) - 1)}", *(f"| {' | '.join(map(safe, row))} |" for row in rows)]
    lines += ["", CAPTION, "", "## Cuts", ""]
    names = [row.id for row in comparison.tokenizers]
    lines += [f"| text | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for cut in comparison.cuts:
        pieces = [safe("·".join(cut.pieces[name])) for name in names]
        lines.append(f"| {safe(cut.text)} ({cut.kind}) | {' | '.join(pieces)} |")
    return "\n".join(lines) + "\n"


def _html(comparison: TokenizerComparison) -> str:
    from markupsafe import Markup

    headings, rows = table(comparison)
    with style():
        drawn = [name for name in DRAWN if any(_value(row, name) is not None for row in comparison.tokenizers)]
        figures = [Markup(_figure(comparison, name)) for name in drawn]
    return render(
        "comparison.html.jinja",
        comparison=comparison,
        headings=headings,
        rows=rows,
        caption=CAPTION,
        figures=figures,
    )


def _figure(comparison: TokenizerComparison, name: str) -> str:
    """A measure of every tokenizer, one bar each."""
    words, form = COLUMNS[name]
    rows = comparison.tokenizers
    figure, axes = canvas(24.0 * len(rows) + 46, left=150, right=46, top=4, bottom=42)
    values = [_value(row, name) or 0.0 for row in rows]
    axes.barh(range(len(rows)), values, height=0.62, color=COLOURS["blue"])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, max(values) * 1.02 or 1)
    axes.set_yticks(range(len(rows)), [row.id for row in rows])
    for line, (row, value) in enumerate(zip(rows, values, strict=True)):
        axes.annotate(
            NONE if _value(row, name) is None else format(value, form),
            (value, line),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS["ink"],
        )
    heading(axes, words)
    return finish(figure, name, f"{words} of {plural(len(rows), 'tokenizer')}")
