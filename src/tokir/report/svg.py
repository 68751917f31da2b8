"""Inline SVG out of matplotlib: one look for all figures, and colours that the page's style sheet sets.

Text stays text, so that it is drawn in the page's font and can be read aloud and searched; each colour becomes a
variable of the page, so that a figure is as legible on dark paper as on white.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 364.0  # points; a figure keeps readable text down to a phone's width
FONT = 10.0

# Series colours after Okabe and Ito (2008), which differ for any colour vision. No black: SVG leaves it out.
COLOURS = {
    "paper": "#fefefe",
    "ink": "#1c2129",
    "muted": "#5b636f",
    "rule": "#dfe2e7",
    "blue": "#0072b2",
    "vermillion": "#d55e00",
    "green": "#008f6b",
    "purple": "#a8588f",
    "grey": "#6e747d",
}
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tokir",  # the same figure has the same bytes
    "font.family": "DejaVu Sans",  # comes with matplotlib; wider than most, so what fits in it fits
    "font.size": FONT,
    "path.simplify": False,
    "text.parse_math": False,  # names may hold dollars
}


@contextmanager
def style() -> Iterator[None]:
    """Settings under which a figure is made and drawn."""
    # Figures go to files; a name that is not known would stop the report.
    asked = os.environ.pop("MPLBACKEND", None)
    try:
        from matplotlib import rc_context
    finally:
        if asked is not None:
            os.environ["MPLBACKEND"] = asked

    with rc_context(_SETTINGS):
        yield


def canvas(
    height: float, left: float = 34, right: float = 12, top: float = 26, bottom: float = 40
) -> tuple[Figure, Axes]:
    """A figure of ``WIDTH`` by ``height`` points with one plot, and margins in points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, facecolor="none")
    FigureCanvasAgg(figure)  # measures text
    axes = figure.add_axes(
        (left / WIDTH, bottom / height, (WIDTH - left - right) / WIDTH, (height - top - bottom) / height),
        facecolor="none",
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["muted"])
    axes.tick_params(colors=COLOURS["muted"], which="both", length=3, width=0.8)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    return figure, axes


def heading(axes: Axes, across: str, up: str = "") -> None:
    """Name the axes; the vertical one in a level line over the plot, where it is read without turning the head."""
    axes.set_xlabel(across, color=COLOURS["muted"], labelpad=6)
    if up:
        height = axes.bbox.height
        axes.text(
            -axes.bbox.x0 / axes.bbox.width, 1 + 12 / height, up, transform=axes.transAxes, color=COLOURS["muted"]
        )


def finish(figure: Figure, name: str, label: str) -> str:
    """The SVG element of ``figure``, without what belongs to a file of its own.

    Args:
        figure: the drawing.
        name: unique on the page; goes before every id.
        label: read out to whoever cannot see the figure.
    """
    file = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing, transparent=True)
    text = file.getvalue()
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    text = re.sub(r"font: (?:(\w+) )?([\d.]+)px [^;\"]*", r"font-size: \2px", text)
    for colour, code in COLOURS.items():
        text = text.replace(code, f"var(--{colour})")
    head = (
        f'<svg viewBox="0 0 {WIDTH:g} {figure.get_figheight() * 72:g}" role="img" aria-label="{_escaped(label)}">'
    )
    return head + text[text.index(">") + 1 :]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
