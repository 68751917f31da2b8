"""Learning curves: bits per character and loss over the epochs, each line named at its end."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.report.labels import extent, spread
from tokir.report.marks import Drawing, colours_of
from tokir.report.rows import model_key
from tokir.report.svg import COLOURS, WIDTH, canvas, finish, heading
from tokir.results.configurations import ALIKE, same_text
from tokir.results.records import Results, System
from tokir.results.systems import LanguageModel
from tokir.results.wording import joined


@dataclass(frozen=True)
class _Curve:
    label: str
    colour: str
    points: list[tuple[float, float]]
    dashed: bool = False


def _models(results: Results) -> list[tuple[str, str, System, LanguageModel]]:
    """Each trained model once, whatever its poolings: name, colour, row and language model."""
    first: dict[tuple[str, str, str, str, int], tuple[System, LanguageModel]] = {}
    for row in results.systems:
        if row.language_model and row.language_model.history:
            first.setdefault(model_key(row), (row, row.language_model))
    tokenizers, seeds = {key[0] for key in first}, {key[4] for key in first}
    colours = colours_of(results.systems)
    found = []
    for (tokenizer, architecture, _, _, seed), (row, model) in first.items():
        name = row.architecture_label or architecture
        name += f", {tokenizer}" if len(tokenizers) > 1 else ""
        name += f", seed {seed}" if len(seeds) > 1 else ""
        found.append((name, colours[row.id], row, model))
    return found


def bits_per_character(results: Results) -> Drawing | None:
    """Held-out bits per character over the epochs."""
    models = _models(results)
    if not models:
        return None
    curves = [
        _Curve(name, colour, [(line.epoch, line.bits_per_character) for line in model.history])
        for name, colour, _, model in models
    ]
    name, _, _, best = min(models, key=lambda entry: entry[3].bits_per_character)
    same = same_text(results.systems)
    does = "models text best" if same else "needs the fewest bits for the text that it sees"
    message = f"{name} {does}, {best.bits_per_character:.2f} bits per character"
    caption = (
        "On held-out documents, while training; lower is better. Comparable across tokenizers"
        f"{'' if same else ', ' + ALIKE}: the bits that restore what a tokenizer loses are included."
    )
    return Drawing(_curves(curves, "bits per character, held-out", "bits"), message, caption)


def losses(results: Results) -> Drawing | None:
    """Training and held-out loss over the epochs."""
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
        message = f"Held-out loss still falls at the end for {joined(falling)}"
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
    axes.grid(axis="y", color=COLOURS["rule"], linewidth=0.8)
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
    for curve, end, height_of in zip(curves, ends, moved, strict=True):
        axes.annotate(
            curve.label,
            curve.points[-1],
            (9, height_of - end),
            textcoords="offset points",
            va="center_baseline",
            color=curve.colour,
            annotation_clip=False,
        )
    heading(axes, "epoch", up)
    return finish(figure, name, f"{up} while training")
