"""How a system looks in every figure: its colour, its marker, its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tokir.report.svg import COLOURS
from tokir.results.records import System

TRAINED = ("blue", "vermillion", "purple")  # by architecture, in order of appearance
SHAPES = "Circles are trained here (hollow: raw mean), squares pretrained, diamonds lexical or fused."


@dataclass(frozen=True)
class Drawing:
    """A figure: its SVG element, what it says, and how to read it."""

    svg: str
    message: str
    caption: str


def colours_of(systems: Iterable[System]) -> dict[str, str]:
    """Colour of each system: trained ones by architecture, pretrained green, the others grey."""
    rows = list(systems)
    architectures = list(dict.fromkeys(row.architecture for row in rows if row.kind == "trained"))
    chosen = {}
    for row in rows:
        if row.kind == "trained":
            name = TRAINED[architectures.index(row.architecture) % len(TRAINED)]
        else:
            name = "green" if row.kind == "pretrained" else "grey"
        chosen[row.id] = COLOURS[name]
    return chosen


def marker(row: System) -> dict[str, Any]:
    """Circles are trained here (hollow: pooled raw), squares pretrained, diamonds neither."""
    shape = {"trained": "o", "pretrained": "s"}.get(row.kind, "D")
    hollow = row.kind == "trained" and row.pooling == "mean"
    size = 5.5 if shape == "D" else 6.5
    return {"marker": shape, "markersize": size, "markeredgewidth": 1.5} | (
        {"markerfacecolor": COLOURS["paper"]} if hollow else {}
    )


def interval_of(row: System) -> tuple[float, float]:
    """The interval of its recall@10; the score itself where there is none."""
    score = row.score() or 0.0
    return row.interval() or (score, score)
