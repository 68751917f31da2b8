"""Recall@10 against what it costs: latency, minutes of training, and parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tokir.report.labels import Box, Mark, extent, label_marks
from tokir.report.marks import SHAPES, Drawing, colours_of, interval_of, marker
from tokir.report.svg import COLOURS, canvas, finish, heading
from tokir.results.configurations import ranked
from tokir.results.names import short_names
from tokir.results.records import Results, System
from tokir.results.wording import count, joined, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def against_latency(results: Results) -> Drawing | None:
    """Recall@10 against the median latency."""

    def cost(row: System) -> float | None:
        times = row.latency()
        return times.p50 if times else None

    timed = [row for row in ranked(results.systems) if cost(row)]
    if not timed:
        return None
    drawn = _scatter(results, cost, "median latency of a query, ms (log scale)", "latency", lambda x: f"{x:g}")
    fastest, name = min(timed, key=lambda row: cost(row) or 0.0), short_names(results.systems)
    message = f"{name[fastest.id]} is fastest, {cost(fastest):.2f} ms a query" if drawn else ""
    caption = f"Recall@10 with its 95% interval against the median total latency. Up and left is better. {SHAPES}"
    return drawn and Drawing(drawn[0], message, caption + drawn[1])


def against_minutes(results: Results) -> Drawing | None:
    """Recall@10 against the minutes a model was trained for."""
    drawn = _scatter(
        results, lambda row: row.minutes, "minutes of training (log scale)", "minutes", lambda x: f"{x:g}"
    )
    trained = [row for row in ranked(results.systems) if row.minutes]
    if drawn is None or len({row.objective for row in trained}) < 2:
        return None
    best, name = trained[0], short_names(results.systems)
    took = _minutes(best.minutes or 0)
    message = f"{name[best.id]} takes {took} minutes and has the best recall@10 of those trained here"
    caption = (
        "Recall@10 with its 95% interval against the minutes a model took: every stage of its training and the vectors "
        "of its teacher, counted in full for each model even where several share them. Up and left is better."
    )
    return Drawing(drawn[0], message, caption + drawn[1])


def _minutes(number: float) -> str:
    return f"{number:.1f}" if number >= 1 else f"{number:.1g}"


def against_parameters(results: Results) -> Drawing | None:
    """Recall@10 against the number of parameters."""
    drawn = _scatter(
        results, lambda row: row.parameters, "parameters (log scale)", "parameters", lambda x: count(int(x))
    )
    if drawn is None:
        return None
    sized = [row for row in ranked(results.systems) if row.parameters]
    best, name = sized[0], short_names(results.systems)
    message = f"Best of the models: {name[best.id]}, {count(best.parameters)} parameters"
    lines = [name[row.id] for row in ranked(results.systems) if not row.parameters]
    caption = "Recall@10 with its 95% interval against the number of parameters."
    if lines:
        caption += f" Level lines: {joined(lines)}, whose number is not recorded."
    return Drawing(drawn[0], message, caption + drawn[1])


def _scatter(
    results: Results,
    cost: Callable[[System], float | None],
    across: str,
    name: str,
    write: Callable[[float], str],
) -> tuple[str, str] | None:
    """Recall@10 against a cost; systems without the cost are level lines. SVG, and a note on left-out labels."""
    order = ranked(results.systems)
    costs = {row.id: value for row in order if (value := cost(row))}
    if not costs:
        return None
    figure, axes = canvas(290)
    colours, short = colours_of(results.systems), short_names(results.systems)
    _log_axis(axes, list(costs.values()), write)
    limit = min(1.0, 1.12 * max(interval_of(row)[1] for row in order)) or 1.0
    axes.set_ylim(-0.02 * limit, limit * 1.02)
    axes.grid(axis="y", color=COLOURS["rule"], linewidth=0.8)
    marks, lines = [], []
    for row in order:
        (low, high), score = interval_of(row), row.score() or 0.0
        if row.id not in costs:
            if name == "parameters":  # a latency that was not measured says nothing, no parameters means none
                axes.axhspan(low, high, color=colours[row.id], alpha=0.12, linewidth=0)
                axes.axhline(score, color=colours[row.id], linewidth=1.2, linestyle=(0, (5, 3)))
                lines.append((row, score, low, high))
            continue
        x = costs[row.id]
        axes.plot([x, x], [low, high], color=colours[row.id], linewidth=1.5, solid_capstyle="butt", clip_on=False)
        axes.plot([x], [score], color=colours[row.id], clip_on=False, **marker(row))
        marks.append(Mark(x, score, low, high, short[row.id], colours[row.id]))
    boxes = []
    for row, score, low, high in lines:
        y, bottom, top = (float(axes.transData.transform((1, value))[1]) for value in (score, low, high))
        wide, tall = extent(axes, short[row.id])
        up = bottom - tall / 2 - 3 if bottom - tall - 6 > axes.bbox.y0 else top + tall / 2 + 3
        axes.annotate(
            short[row.id],
            (0, score),
            (2, up - y),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=colours[row.id],
            va="center_baseline",
        )
        boxes += [Box(axes.bbox.x0, up - tall / 2, axes.bbox.x0 + wide + 4, up + tall / 2)]
        boxes += [Box(axes.bbox.x0, y - 1, axes.bbox.x1, y + 1)]
    heading(axes, across, "recall@10")
    left_out = label_marks(axes, marks, tuple(boxes))
    note = ""
    if left_out:
        many = f"{plural(len(left_out), 'system')}, which the tables list"
        note = f" No room for the labels of {many if len(left_out) > 3 else joined(left_out)}."
    return finish(figure, name, f"recall@10 against {across}"), note


def _log_axis(axes: Axes, values: list[float], write: Callable[[float], str]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = min(values) / 1.6, max(values) * 1.9
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    wide = high / low > 300
    ticks = [
        step * 10.0**power
        for power in range(-6, 14)
        for step in ((1,) if wide else (1, 2, 5))
        if low <= step * 10.0**power <= high
    ]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: write(x)))
