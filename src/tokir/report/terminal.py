"""The result table on a terminal of a hundred columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.report.rows import groups
from tokir.report.tables import NONE
from tokir.results.records import Results
from tokir.results.wording import count, recall
from tokir.untrusted import printable

if TYPE_CHECKING:
    from rich.table import Table


def terminal_table(results: Results) -> Table:
    """The headline columns; unavailable systems dimmed."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("System", overflow="fold", max_width=38)
    for heading in ("Parameters", "recall@10 [95%]", "recall@100", "MRR@10", "p50 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, rows in groups(results.systems):
        for row in rows:
            if not row.ok:
                table.add_row(Text(printable(row.id)), "", "unavailable", "", "", "", style="dim")
                continue
            latency = row.latency()
            table.add_row(
                Text(printable(row.id)),  # not markup, whatever brackets an id may hold
                count(row.parameters),
                Text(recall(row)),
                *(
                    NONE if (score := row.score(name)) is None else f"{score:.3f}"
                    for name in ("recall@100", "mrr@10")
                ),
                NONE if latency is None else f"{latency.p50:.2f}",
            )
    return table
