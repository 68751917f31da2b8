"""The report of a run: one HTML page, Markdown and CSV, made from the result files alone."""

from __future__ import annotations

from pathlib import Path

from tokir.artifacts import Names, RunFolder, write_text
from tokir.report.terminal import terminal_table
from tokir.untrusted import expanded

__all__ = ["report_inputs", "terminal_table", "write_report"]


def write_report(folder: str | Path | RunFolder) -> Path:
    """Write ``results.csv``, ``report.md`` and ``report.html``; returns the path of the page.

    The same results give the same bytes. Where passages were added or deleted since, a note says so.

    Args:
        folder: of a run; where it is opened already, the caller holds its lock.

    Raises:
        TokirError: there is no run, another process holds it, or its results are missing, damaged, or of another
            version of tokir.
    """
    if not isinstance(folder, RunFolder):
        opened = RunFolder.open(expanded(folder))
        with opened.locked():
            return write_report(opened)
    folder.forget(Names.REPORT)
    folder.ensure(Names.REPORT, report_inputs(folder), lambda: _write(folder))
    return folder.file("report.html")


def report_inputs(folder: RunFolder) -> list[str]:
    """What a report is made from: the hashes of the result files, as far as they are on record."""
    names = (Names.RESULTS, Names.EXAMPLES, Names.EXPLORER)
    return [folder.key(name) for name in names if folder.recorded(name)]


def _write(folder: RunFolder) -> None:
    from tokir.additions.state import read_additions
    from tokir.report.markdown import to_markdown
    from tokir.report.page import to_html
    from tokir.report.tables import to_csv
    from tokir.results.reading import read_examples, read_explorer, read_results

    results, examples = read_results(folder), read_examples(folder)
    if additions := read_additions(folder.path):
        notes = (*results.dataset.notes, f"Passages have changed since these results: {additions.sentence}.")
        results = results.model_copy(update={"dataset": results.dataset.model_copy(update={"notes": notes})})
    texts = (
        to_csv(results.systems),
        to_markdown(results, examples),
        to_html(results, examples, read_explorer(folder)),
    )
    for name, text in zip(Names.REPORT, texts, strict=True):  # all are made before any is written
        write_text(folder.file(name), text)
