"""The figures of the report, each with the caption that says what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokir.report.labels import Box, Mark, extent, label_marks, spread
from tokir.report.rows import ARCHITECTURES, Headline, compared, count, model_key, names, ranked
from tokir.report.schema import LanguageModel, Results, System
from tokir.report.svg import COLOURS, WIDTH, canvas, finish, heading, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINED = ("blue", "vermillion", "purple")  # by architecture, in order of appearance


@dataclass(frozen=True)
class Drawing:
    """A figure: its SVG element, what it says, and how to read it."""

    svg: str
    message: str
    caption: str


def drawings(results: Results) -> list[Drawing]:
    """Every figure that ``results`` has numbers for."""
    made = (_forest, _differences, _against_latency, _against_parameters, _bits_per_character, _losses)
    with style():
        found = [draw(results) for draw in made]
    return [drawing for drawing in found if drawing is not None]


def _colours(systems: Iterable[System]) -> dict[str, str]:
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


def _marker(row: System) -> dict[str, object]:
    """Circles are trained here (hollow: pooled raw), squares pretrained, diamonds neither."""
    shape = {"trained": "o", "pretrained": "s"}.get(row.kind, "D")
    hollow = row.kind == "trained" and row.pooling == "mean"
    size = 5.5 if shape == "D" else 6.5
    return {"marker": shape, "markersize": size, "markeredgewidth": 1.5} | (
        {"markerfacecolor": COLOURS["paper"]} if hollow else {}
    )


_SHAPES = "Circles are trained here (hollow: raw mean), squares pretrained, diamonds lexical."


def _interval(row: System) -> tuple[float, float]:
    score = row.score() or 0.0
    return row.interval() or (score, score)


def _grid(axes: Axes, axis: str) -> None:
    axes.grid(axis=axis, color=COLOURS["rule"], linewidth=0.8)


# -- recall of every system -------------------------------------------------------------------------------


def _forest(results: Results) -> Drawing | None:
    order = ranked(results.systems)
    if not order:
        return None
    rows = [(row, row.score() or 0.0, *_interval(row)) for row in order]
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
    caption = f"Recall@10 and its 95% interval, best first. {_SHAPES}"
    return Drawing(svg, message, caption)


def _differences(results: Results) -> Drawing | None:
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
    level = sum(high >= 0 for *_, high in rows)
    message = f"{level} of {len(rows)} cannot be told from {name}" if level else f"All others are behind {name}"
    caption = (
        "Paired over the same queries, which tells more than comparing intervals in the figure before: where the "
        "interval reaches zero, these queries do not separate the two systems."
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
    colours, short = _colours(results.systems), names(results.systems)
    axes.set_xlim(*limits)
    axes.set_ylim(len(rows) - 0.45, -0.5)
    axes.set_yticks([])
    _grid(axes, "x")
    if limits[0] < 0:
        axes.axvline(0, color=COLOURS["muted"], linewidth=1)
    for place, ((row, value, low, high), numbers) in enumerate(zip(rows, written, strict=True)):
        colour = colours[row.id]
        line = place + 0.16
        axes.plot([low, high], [line] * 2, color=colour, linewidth=2, solid_capstyle="butt", clip_on=False)
        axes.plot([value], [line], color=colour, clip_on=False, **_marker(row))
        over = {"va": "center", "transform": axes.get_yaxis_transform()}
        over["bbox"] = {"facecolor": COLOURS["paper"], "linewidth": 0, "pad": 1.2}  # keeps grid lines off the text
        axes.text(0, place - 0.2, short[row.id], color=COLOURS["ink"], **over)
        axes.text(1, place - 0.2, numbers, color=COLOURS["muted"], ha="right", **over)
    heading(axes, across)
    return finish(figure, name, label)


# -- recall against cost ----------------------------------------------------------------------------------


def _against_latency(results: Results) -> Drawing | None:
    def cost(row: System) -> float | None:
        times = row.latency()
        return times.p50 if times else None

    timed = [row for row in ranked(results.systems) if cost(row)]
    if not timed:
        return None
    drawn = _scatter(results, cost, "median latency of a query, ms (log scale)", "latency", lambda x: f"{x:g}")
    fastest, name = min(timed, key=lambda row: cost(row) or 0.0), names(results.systems)
    message = f"{name[fastest.id]} is fastest, {cost(fastest):.2f} ms a query" if drawn else ""
    caption = f"Recall@10 with its 95% interval against the median total latency. Up and left is better. {_SHAPES}"
    return drawn and Drawing(drawn[0], message, caption + drawn[1])


def _against_parameters(results: Results) -> Drawing | None:
    drawn = _scatter(
        results, lambda row: row.parameters, "parameters (log scale)", "parameters", lambda x: count(int(x))
    )
    if drawn is None:
        return None
    sized = [row for row in ranked(results.systems) if row.parameters]
    best, name = sized[0], names(results.systems)
    message = f"Best of the models: {name[best.id]}, {count(best.parameters)} parameters"
    lines = [name[row.id] for row in ranked(results.systems) if not row.parameters]
    caption = "Recall@10 with its 95% interval against the number of parameters."
    if lines:
        caption += f" Level lines: {', '.join(lines)}, which {'have' if len(lines) > 1 else 'has'} none."
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
    colours, short = _colours(results.systems), names(results.systems)
    _log_axis(axes, list(costs.values()), write)
    limit = min(1.0, 1.12 * max(_interval(row)[1] for row in order)) or 1.0
    axes.set_ylim(-0.02 * limit, limit * 1.02)
    _grid(axes, "y")
    marks, lines = [], []
    for row in order:
        (low, high), score = _interval(row), row.score() or 0.0
        if row.id not in costs:
            if name == "parameters":  # a latency that was not measured says nothing, no parameters means none
                axes.axhspan(low, high, color=colours[row.id], alpha=0.12, linewidth=0)
                axes.axhline(score, color=colours[row.id], linewidth=1.2, linestyle=(0, (5, 3)))
                lines.append((row, score, low, high))
            continue
        x = costs[row.id]
        axes.plot([x, x], [low, high], color=colours[row.id], linewidth=1.5, solid_capstyle="butt", clip_on=False)
        axes.plot([x], [score], color=colours[row.id], clip_on=False, **_marker(row))
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
    note = f" No room for the labels of {', '.join(left_out)}." if left_out else ""
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


# -- training ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Curve:
    label: str
    colour: str
    points: list[tuple[float, float]]
    dashed: bool = False


def _models(results: Results) -> list[tuple[str, str, System, LanguageModel]]:
    """Each trained model once, whatever its poolings: name, colour, row and language model."""
    first: dict[tuple[str, str, str, int], tuple[System, LanguageModel]] = {}
    for row in results.systems:
        if row.language_model and row.language_model.history:
            first.setdefault(model_key(row), (row, row.language_model))
    tokenizers, seeds = {key[0] for key in first}, {key[3] for key in first}
    colours = _colours(results.systems)
    found = []
    for (tokenizer, architecture, _, seed), (row, model) in first.items():
        name = ARCHITECTURES.get(architecture, architecture)
        name += f", {tokenizer}" if len(tokenizers) > 1 else ""
        name += f", seed {seed}" if len(seeds) > 1 else ""
        found.append((name, colours[row.id], row, model))
    return found


def _bits_per_character(results: Results) -> Drawing | None:
    models = _models(results)
    if not models:
        return None
    curves = [
        _Curve(name, colour, [(line.epoch, line.bits_per_character) for line in model.history])
        for name, colour, _, model in models
    ]
    name, _, _, best = min(models, key=lambda entry: entry[3].bits_per_character)
    message = f"{name} models text best, {best.bits_per_character:.2f} bits per character"
    caption = "Bits per character on held-out documents while training; lower is better, and comparable across tokenizers."
    return Drawing(_curves(curves, "bits per character, held-out", "bits"), message, caption)


def _losses(results: Results) -> Drawing | None:
    models = _models(results)
    curves = []
    for name, colour, _, model in models:
        training = [(line.epoch, line.training_loss) for line in model.history if line.training_loss is not None]
        if training:
            curves.append(_Curve(f"{name}, training", colour, training))
        curves.append(
            _Curve(f"{name}, held-out", colour, [(line.epoch, line.loss) for line in model.history], True)
        )
    if not curves:
        return None
    falling = [
        name
        for name, _, _, model in models
        if len(model.history) > 1 and model.history[-1].loss <= min(line.loss for line in model.history[:-1])
    ]
    if len(falling) == len(models):
        message = "Held-out loss still falls at the end of training"
    elif falling:
        message = f"Held-out loss still falls at the end for {', '.join(falling)}"
    else:
        message = "Held-out loss has stopped falling by the end of training"
    caption = (
        "Cross-entropy in nats per token; solid on training batches, with dropout, dashed on held-out documents, "
        "without. Comparable within one tokenizer only."
    )
    return Drawing(_curves(curves, "loss, nats per token", "losses"), message, caption)


def _curves(curves: list[_Curve], up: str, name: str) -> str:
    """Lines over epochs, each named at its end."""
    from matplotlib.ticker import MaxNLocator

    apart = 13.0
    height = max(260.0, apart * len(curves) + 80)
    _, probe = canvas(height)
    margin = min(WIDTH * 0.5, max(extent(probe, curve.label)[0] for curve in curves) + 16)
    figure, axes = canvas(height, right=margin)
    values = [y for curve in curves for _, y in curve.points]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - pad, high + pad)
    last = max(x for curve in curves for x, _ in curve.points)
    axes.set_xlim(0, last * 1.02 or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=last >= 4))
    _grid(axes, "y")
    for curve in curves:
        xs, ys = zip(*curve.points, strict=True)
        axes.plot(
            xs,
            ys,
            color=curve.colour,
            linewidth=1.6,
            linestyle=(0, (4, 2.5)) if curve.dashed else "-",
            marker="o",
            markersize=3,
            clip_on=False,
        )
    ends = [float(axes.transData.transform(curve.points[-1])[1]) for curve in curves]
    moved = spread(ends, apart, axes.bbox.y0 + 4, axes.bbox.y1)
    for curve, end, place in zip(curves, ends, moved, strict=True):
        axes.annotate(
            curve.label,
            curve.points[-1],
            (9, place - end),
            textcoords="offset points",
            va="center_baseline",
            color=curve.colour,
            annotation_clip=False,
        )
    heading(axes, "epoch", up)
    return finish(figure, name, f"{up} while training")
