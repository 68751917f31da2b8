"""Dots with intervals, one line per system: recall@10, and the difference from the best."""

from __future__ import annotations

from typing import Any

from tokir.report.marks import SHAPES, Drawing, colours_of, interval_of, marker
from tokir.report.rows import Headline, compared, names, ranked, told_apart
from tokir.report.schema import Results, System
from tokir.report.svg import COLOURS, canvas, finish, heading


def forest(results: Results) -> Drawing | None:
    """Recall@10 of every system, best first."""
    order = ranked(results.systems)
    if not order:
        return None
    rows = [(row, row.score() or 0.0, *interval_of(row)) for row in order]
    written = [f"{score:.3f} [{low:.3f}, {high:.3f}]" for _, score, low, high in rows]
    limit = min(1.0, 1.08 * max(high for *_, high in rows)) or 1.0
    label = f"recall@10 of {len(rows)} systems with 95% intervals"
    svg = _dots(results, rows, written, (0.0, limit), "recall@10", "forest", label)
    best = Headline.of(results).best
    name = names(results.systems)
    message = (
        f"{name[best.id]} has the best recall@10, {best.score():.3f}"
        if best
        else "No system finds a relevant passage"
    )
    caption = f"Recall@10 and its 95% interval, best first. {SHAPES}"
    return Drawing(svg, message, caption)


def differences(results: Results) -> Drawing | None:
    """Every system against the best, over the same queries."""
    order = ranked(results.systems)
    best, rows = (order[0] if order else None), []
    for row in order[1:]:
        difference = compared(results, row.id, order[0].id)
        if difference is not None:
            rows.append((row, *difference))
    if best is None or not rows:
        return None
    written = [f"{value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−") for _, value, low, high in rows]
    lowest, highest = min(low for *_, low, _ in rows), max(high for *_, high in rows)
    margin = 0.04 * (max(highest, 0) - lowest or 1.0)
    name = names(results.systems)[best.id]
    label = f"difference in recall@10 of {len(rows)} systems from {name} with 95% intervals"
    limits = (lowest - margin, max(highest, 0.0) + margin)
    svg = _dots(results, rows, written, limits, f"recall@10 minus that of {name}", "differences", label)
    level = sum(not told_apart(results, row.id, best.id) for row, *_ in rows)
    message = f"{level} of {len(rows)} cannot be told from {name}" if level else f"All others are behind {name}"
    caption = (
        "Paired over the same queries, which tells more than comparing intervals in the figure before: where the "
        "interval reaches zero, these queries do not separate the two systems; where it does not, correction for all "
        "pairs may still find that it may be chance."
    )
    return Drawing(svg, message, caption)


def _dots(
    results: Results,
    rows: list[tuple[System, float, float, float]],
    written: list[str],
    limits: tuple[float, float],
    across: str,
    name: str,
    label: str,
) -> str:
    """One line per system: its name and numbers, and under them a dot with its interval."""
    row_height = 35.0
    figure, axes = canvas(row_height * len(rows) + 44, left=8, right=8, top=2, bottom=42)
    colours, short = colours_of(results.systems), names(results.systems)
    axes.set_xlim(*limits)
    axes.set_ylim(len(rows) - 0.45, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", color=COLOURS["rule"], linewidth=0.8)
    if limits[0] < 0:
        axes.axvline(0, color=COLOURS["muted"], linewidth=1)
    for place, ((row, value, low, high), numbers) in enumerate(zip(rows, written, strict=True)):
        colour = colours[row.id]
        line = place + 0.16
        axes.plot([low, high], [line] * 2, color=colour, linewidth=2, solid_capstyle="butt", clip_on=False)
        axes.plot([value], [line], color=colour, clip_on=False, **marker(row))
        over: dict[str, Any] = {"va": "center", "transform": axes.get_yaxis_transform()}
        over["bbox"] = {"facecolor": COLOURS["paper"], "linewidth": 0, "pad": 1.2}  # keeps grid lines off the text
        axes.text(0, place - 0.2, short[row.id], color=COLOURS["ink"], **over)
        axes.text(1, place - 0.2, numbers, color=COLOURS["muted"], ha="right", **over)
    heading(axes, across)
    return finish(figure, name, label)
