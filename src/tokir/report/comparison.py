"""``tokenizers.json``, ``.csv``, ``.md`` and ``.html``: tokenizers side by side, without any model."""

from __future__ import annotations

import csv
import io
from importlib.resources import files
from pathlib import Path
from typing import Any

from tokir.artifacts import write_json, write_text
from tokir.report.svg import COLOURS, canvas, finish, heading, style
from tokir.report.tokenizers import CAPTION, MEASURES

COST = {
    "megabytes_per_second": ("MB/s encoded", ".1f"),
    "seconds": ("s to train", ".1f"),
    "peak_memory": ("MB of memory, peak so far", ",.0f"),
}
COLUMNS = {"vocabulary_size": ("entries", ",d"), **MEASURES, **COST}
DRAWN = (
    "fertility",
    "bytes_per_token",
    "whole_words",
    "renyi_efficiency",
    "vocabulary_use",
    "megabytes_per_second",
)


def write_comparison(folder: Path, comparison: dict[str, Any]) -> None:
    """Write the four files into ``folder``."""
    texts = {
        "tokenizers.csv": _csv(comparison),
        "tokenizers.md": _markdown(comparison),
        "tokenizers.html": _html(comparison),
    }
    write_json(folder / "tokenizers.json", comparison)
    for name, text in texts.items():
        write_text(folder / name, text)


def table(comparison: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and lines, written."""
    lines = [
        [row["id"], *(format(_value(row, name), form) for name, (_, form) in COLUMNS.items())]
        for row in comparison["tokenizers"]
    ]
    return ["tokenizer", *(words for words, _ in COLUMNS.values())], lines


def _value(row: dict[str, Any], name: str) -> Any:
    return row[name] / 1e6 if name == "peak_memory" else row[name]


def _csv(comparison: dict[str, Any]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = ["id", "type", *COLUMNS]
    writer.writerow(names)
    writer.writerows([[row[name] for name in names] for row in comparison["tokenizers"]])
    return file.getvalue()


def _markdown(comparison: dict[str, Any]) -> str:
    from tokir.report.markdown import safe

    headings, rows = table(comparison)
    lines = [f"# Tokenizers on {safe(comparison['dataset'])}", "", f"| {' | '.join(headings)} |"]
    lines += [f"|---|{'---:|' * (len(headings) - 1)}", *(f"| {' | '.join(map(safe, row))} |" for row in rows)]
    lines += ["", CAPTION, "", "## Cuts", ""]
    names = [row["id"] for row in comparison["tokenizers"]]
    lines += [f"| text | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for cut in comparison["cuts"]:
        pieces = [safe("·".join(cut["pieces"][name])) for name in names]
        lines.append(f"| {safe(cut['text'])} ({cut['kind']}) | {' | '.join(pieces)} |")
    return "\n".join(lines) + "\n"


def _html(comparison: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from tokir.report.page import visible

    environment = Environment(
        loader=PackageLoader("tokir", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "thousands": lambda number: f"{number:,}"}
    headings, rows = table(comparison)
    with style():
        figures = [Markup(_figure(comparison, name)) for name in DRAWN]
    return environment.get_template("comparison.html.jinja").render(
        comparison=comparison,
        css=Markup(files("tokir").joinpath("report", "page.css").read_text("utf-8")),
        headings=headings,
        rows=rows,
        caption=CAPTION,
        figures=figures,
    )


def _figure(comparison: dict[str, Any], name: str) -> str:
    """A measure of every tokenizer, one bar each."""
    words, form = COLUMNS[name]
    rows = comparison["tokenizers"]
    figure, axes = canvas(24.0 * len(rows) + 46, left=150, right=46, top=4, bottom=42)
    values = [float(_value(row, name)) for row in rows]
    axes.barh(range(len(rows)), values, height=0.62, color=COLOURS["blue"])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, max(values) * 1.02 or 1)
    axes.set_yticks(range(len(rows)), [row["id"] for row in rows])
    for place, value in enumerate(values):
        axes.annotate(
            format(value, form),
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS["ink"],
        )
    heading(axes, words)
    return finish(figure, name, f"{words} of {len(rows)} tokenizers")
