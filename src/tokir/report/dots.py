"""Dots with intervals, one line per system: recall@10, and the difference from the best."""

from __future__ import annotations

from typing import Any

from tokir.report.marks import SHAPES, Drawing, colours_of, interval_of, marker
from tokir.report.rows import Headline
from tokir.report.svg import COLOURS, canvas, finish, heading
from tokir.results.configurations import ranked
from tokir.results.names import short_names
from tokir.results.pairs import Pair, comparisons_of
from tokir.results.records import Comparison, Results, System
from tokir.results.wording import difference, recall


def forest(results: Results) -> Drawing | None:
    """Recall@10 of every system, best first."""
    order = ranked(results.systems)
    if not order:
        return None
    rows = [(row, row.score() or 0.0, *interval_of(row)) for row in order]
    written = [recall(row) for row in order]
    limit = min(1.0, 1.08 * max(high for *_, high in rows)) or 1.0
    label = f"recall@10 of {len(rows)} systems with 95% intervals"
    svg = _dots(results, rows, written, (0.0, limit), "recall@10", "forest", label)
    best = Headline.of(results).best
    name = short_names(results.systems)
    message = (
        f"{name[best.id]} has the best recall@10, {best.score():.3f}"
        if best
        else "No system finds a relevant passage"
    )
    caption = f"Recall@10 and its 95% interval, best first. {SHAPES}"
    return Drawing(svg, message, caption)


def differences(results: Results) -> Drawing | None:
    """Every system against the best, over the same queries."""
    order, pairs = ranked(results.systems), comparisons_of(results)
    if not order:
        return None
    best = order[0]
    found = [(row, pair) for row in order[1:] if (pair := pairs.find(row.id, best.id))]
    if not found:
        return None
    rows = [(row, pair.difference, *pair.interval) for row, pair in found]
    written = [difference(pair.difference, pair.interval) for _, pair in found]
    lowest, highest = min(low for *_, low, _ in rows), max(high for *_, high in rows)
    margin = 0.04 * (max(highest, 0) - lowest or 1.0)
    name = short_names(results.systems)[best.id]
    label = f"difference in recall@10 of {len(rows)} systems from {name} with 95% intervals"
    limits = (lowest - margin, max(highest, 0.0) + margin)
    svg = _dots(results, rows, written, limits, f"recall@10 minus that of {name}", "differences", label)
    caption = (
        "Differences over the same queries, which say more than comparing the intervals of the figure before. Where "
        "the interval includes zero, the difference is not significant; where it does not, it may still not be "
        "significant after correction for all pairs."
    )
    return Drawing(svg, _message(found, best, name), caption)


def _message(found: list[tuple[System, Pair[Comparison]]], best: System, name: str) -> str:
    """How many differ significantly from the best; of those that could read the corpus."""
    read = [pair for row, pair in found if row.could_read] if best.could_read else []
    level = sum(not pair.significant for pair in read)
    if not read:
        return f"Differences from {name}"
    if not level:
        able = " that could read the passages" if len(read) < len(found) else ""
        others = f"All others{able} are" if len(read) > 1 else f"The other one{able} is"
        return f"{others} significantly behind {name}"
    verb = "does" if level == 1 else "do"
    return f"{level} of {len(read)} {verb} not differ significantly from {name}"


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
    colours, short = colours_of(results.systems), short_names(results.systems)
    axes.set_xlim(*limits)
    axes.set_ylim(len(rows) - 0.45, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", color=COLOURS["rule"], linewidth=0.8)
    if limits[0] < 0:
        axes.axvline(0, color=COLOURS["muted"], linewidth=1)
    for number, ((row, value, low, high), numbers) in enumerate(zip(rows, written, strict=True)):
        colour = colours[row.id]
        line = number + 0.16
        axes.plot([low, high], [line] * 2, color=colour, linewidth=2, solid_capstyle="butt", clip_on=False)
        axes.plot([value], [line], color=colour, clip_on=False, **marker(row))
        over: dict[str, Any] = {"va": "center", "transform": axes.get_yaxis_transform()}
        over["bbox"] = {"facecolor": COLOURS["paper"], "linewidth": 0, "pad": 1.2}  # keeps grid lines off the text
        axes.text(0, number - 0.2, short[row.id], color=COLOURS["ink"], **over)
        axes.text(1, number - 0.2, numbers, color=COLOURS["muted"], ha="right", **over)
    heading(axes, across)
    return finish(figure, name, label)
