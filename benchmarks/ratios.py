"""What a benchmark says in the end: one line for each path, tokir beside a named peer; as JSON where that is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """One line; above 1 the ratio says that tokir is faster."""

    path: str
    peer: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    limit: float | None = None  # share of the machine's rate of matrix products


def of_times(path: str, peer: str, ours: float, theirs: float, unit: str) -> Ratio:
    """Of two times of the same work."""
    return Ratio(path, peer, ours, theirs, unit, theirs / ours)


def of_speeds(path: str, peer: str, ours: float, theirs: float, unit: str, limit: float | None = None) -> Ratio:
    """Of two amounts of work in the same time."""
    return Ratio(path, peer, ours, theirs, unit, ours / theirs, limit)


def seconds(work: Callable[[], Any]) -> float:
    """Of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show(ratios: Sequence[Ratio]) -> None:
    """Print the table."""
    rows = [("path", "peer", "ours", "theirs", "unit", "ratio", "of limit")]
    for one in ratios:
        share = "–" if one.limit is None else f"{one.limit:.0%}"
        rows.append(
            (one.path, one.peer, f"{one.ours:,.4g}", f"{one.theirs:,.4g}", one.unit, f"{one.ratio:.2f}x", share)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = {2, 3, 5, 6}
    for row in rows:
        cells = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def report(ratios: Sequence[Ratio], file: Path | None) -> None:
    """Print the table, and write it into ``file`` if there is one."""
    show(ratios)
    if file:
        file.write_text(json.dumps([asdict(one) for one in ratios], indent=2) + "\n", "utf-8")
