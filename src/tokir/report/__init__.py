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
    from tokir.report.schema import read
    from tokir.report.tables import to_csv

    raw, results, examples, disputed = read(folder)
    page = folder.path / "report.html"
    texts = {
        folder.path / "results.csv": to_csv(results.systems),
        folder.path / "report.md": to_markdown(raw, results, examples),
        page: to_html(raw, results, examples, disputed),
    }
    for path, text in texts.items():  # all are made before any is written
        write_text(path, text)
    return page
