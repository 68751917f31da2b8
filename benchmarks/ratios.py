"""What a benchmark says in the end: one line for each path, tokir beside a named peer; as JSON where that is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ratio:
    """One line; above 1 the ratio says that tokir is faster."""

    path: str
    peer: str
    ours: float
    theirs: float
    unit: str
    ratio: float


def of_times(path: str, peer: str, ours: float, theirs: float, unit: str) -> Ratio:
    """Of two times of the same work."""
    return Ratio(path, peer, ours, theirs, unit, theirs / ours)


def report(ratios: Sequence[Ratio], file: Path | None) -> None:
    """Print the table, and write it into ``file`` if there is one."""
    wide, peers = (max(len(getattr(one, name)) for one in ratios) for name in ("path", "peer"))
    print(f"{'path':{wide}}  {'peer':{peers}}  {'ours':>10} {'theirs':>10} {'unit':8} {'ratio':>8}")
    for one in ratios:
        figures = f"{one.ours:10,.3f} {one.theirs:10,.3f} {one.unit:8} {one.ratio:7,.2f}x"
        print(f"{one.path:{wide}}  {one.peer:{peers}}  {figures}")
    if file:
        file.write_text(json.dumps([asdict(one) for one in ratios], indent=2) + "\n", "utf-8")
