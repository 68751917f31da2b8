"""``report.md``: the headline, the findings and the tables, for a README or an issue."""

from __future__ import annotations

import re
from typing import Any

from tokir.report import captions
from tokir.report.evidence import describe
from tokir.report.rows import groups, in_words
from tokir.report.schema import Results
from tokir.report.tables import COST, RETRIEVAL, Column, cells


def to_markdown(raw: dict[str, Any], results: Results) -> str:
    """The report without figures and examples.

    Args:
        raw: ``results.json`` as it lies in the run folder, for evidence paths.
        results: the same, checked.
    """
    lines = [f"# {_safe(results.study)} on {_safe(results.dataset.name)}", ""]
    lines += [captions.QUESTION, "", _safe(" ".join(captions.answer(results))), ""]
    lines += [" · ".join(f"{name}: {_safe(value)}" for name, value in captions.facts(results)), ""]
    lines += ["## Findings", ""]
    for finding in results.findings:
        lines += [f"### {_safe(finding.question)}", "", f"**{finding.answer}**: {_safe(finding.claim)}", ""]
        lines += [_safe(finding.text), ""]
        lines += [f"- `{path}`: {_safe(describe(path, raw))}" for path in dict.fromkeys(finding.evidence)]
        lines += [""] if finding.evidence else []
    lines += ["## Results", "", *_table(RETRIEVAL, results), "", _safe(captions.retrieval_caption(results)), ""]
    lines += [*_table(COST, results), "", _safe(captions.cost_caption(results)), ""]
    lines += ["## Systems", ""]
    for _, rows in groups(results.systems):
        for row in rows:
            words = in_words(row) if row.ok else f"unavailable: {row.reason}"
            lines.append(f"- `{row.id}`: {_safe(row.title)}. {_safe(words)}")
    return "\n".join(lines).rstrip() + "\n"


def _table(columns: tuple[Column, ...], results: Results) -> list[str]:
    """A pipe table of the evaluated systems; the best of a column in bold."""
    written = cells(columns, results.systems)
    headings = [_heading(column) for column in columns]
    lines = [f"| system | {' | '.join(headings)} |", f"|---|{'---:|' * len(columns)}"]
    for _, rows in groups(results.systems):
        for row in rows:
            if row.ok:
                texts = [f"**{cell.text}**" if cell.best else cell.text for cell in written[row.id]]
            else:
                texts = ["unavailable"] + [""] * (len(columns) - 1)
            lines.append(f"| `{row.id}` | {' | '.join(texts)} |")
    return lines


def _heading(column: Column) -> str:
    joint = "" if column.heading.startswith("@") else " "
    return f"{column.group.split(',')[0]}{joint}{column.heading}"


def _safe(text: str) -> str:
    """Text that Markdown and HTML read as text."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\*_`|\[\]#])", r"\\\1", text)
