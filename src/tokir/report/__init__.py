"""The report of a run: one HTML page, Markdown and CSV, made from the result files alone."""

from __future__ import annotations

from pathlib import Path

from tokir.artifacts import RunFolder, write_text
from tokir.report.terminal import terminal_table

__all__ = ["terminal_table", "write_report"]


def write_report(folder: RunFolder) -> Path:
    """Write ``results.csv``, ``report.md`` and ``report.html``; returns the path of the page.

    The same results give the same bytes.

    Raises:
        TokirError: the results are missing, damaged, or of another version of tokir.
    """
    from tokir.report.markdown import to_markdown
    from tokir.report.page import to_html
    from tokir.report.tables import to_csv
    from tokir.results.reading import read_examples, read_explorer, read_results

    results, examples = read_results(folder.path), read_examples(folder.path)
    page = folder.path / "report.html"
    texts = {
        folder.path / "results.csv": to_csv(results.systems),
        folder.path / "report.md": to_markdown(results, examples),
        page: to_html(results, examples, read_explorer(folder.path)),
    }
    for path, text in texts.items():  # all are made before any is written
        write_text(path, text)
    return page
