"""The figures of the report, in its order."""

from __future__ import annotations

from tokir.report import curves, dots, scatter
from tokir.report.marks import Drawing
from tokir.report.svg import style
from tokir.results.records import Results

FIGURES = (
    dots.forest,
    dots.differences,
    scatter.against_minutes,
    scatter.against_latency,
    scatter.against_parameters,
    curves.bits_per_character,
    curves.losses,
)


def drawings(results: Results) -> list[Drawing]:
    """Every figure that ``results`` has numbers for."""
    with style():
        found = [draw(results) for draw in FIGURES]
    return [drawing for drawing in found if drawing is not None]
