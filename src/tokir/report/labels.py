"""Labels beside what they name, without overlaps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From a point: to the right, the left, above and below, then farther off, in points.
_NEAR = [(8, 0, "left"), (-8, 0, "right"), (7, 9, "left"), (7, -9, "left"), (-7, 9, "right"), (-7, -9, "right")]
_NEAR += [(0, 11, "center"), (0, -11, "center")]
_FAR = [
    (x * far, y * far, side)
    for far in (22, 36, 50, 66, 84, 104)
    for x, y, side in (
        *((0.4, 0.9, "left"), (-0.4, 0.9, "right"), (0.0, 0.9, "center")),
        *((0.4, -0.9, "left"), (-0.4, -0.9, "right"), (0.0, -0.9, "center")),
        *((0.9, 0.4, "left"), (-0.9, 0.4, "right")),
    )
]


@dataclass(frozen=True)
class Mark:
    """A point with its label, and the vertical bar through it, in data coordinates."""

    x: float
    y: float
    low: float
    high: float
    label: str
    colour: str


Box = tuple[float, float, float, float]  # left, bottom, right, top, in points


def label_marks(axes: Axes, marks: list[Mark], lines: tuple[Box, ...] = ()) -> list[str]:
    """Write each mark's label where it covers nothing; returns the labels for which there was no room.

    Args:
        axes: with its limits set.
        marks: the more important first.
        lines: further boxes to keep clear.
    """
    taken = list(lines)
    for mark in marks:
        (x, y), low, high = (
            _at(axes, mark.x, mark.y),
            _at(axes, mark.x, mark.low)[1],
            _at(axes, mark.x, mark.high)[1],
        )
        taken += [(x - 5, y - 5, x + 5, y + 5), (x - 2, low, x + 2, high)]
    left_out = []
    for mark in marks:
        boxes = _label(axes, mark, taken)
        if not boxes:
            left_out.append(mark.label)
        taken += boxes
    return left_out


def _label(axes: Axes, mark: Mark, taken: list[Box]) -> list[Box]:
    """Write one label at the first place that is free; the boxes it takes with its leader, none without a place."""
    x, y = _at(axes, mark.x, mark.y)
    wide, high = extent(axes, mark.label)
    frame = axes.bbox
    for number, (right, up, side) in enumerate(_NEAR + _FAR):
        start = x + right - {"left": 0.0, "center": wide / 2, "right": wide}[side]
        box = (start, y + up - high / 2, start + wide, y + up + high / 2)
        inside = box[0] > 2 and box[2] < axes.get_figure().bbox.width - 2
        inside &= box[1] > frame.y0 + 1 and box[3] < frame.y1 + 8
        near = number < len(_NEAR)
        end = (min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))  # of the leader: the box's nearest point
        boxes = [box] if near else [box, *_along((x, y), end)]
        if inside and not any(_overlap(one, other) for one in boxes for other in taken):
            leader = {"arrowstyle": "-", "color": mark.colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 5}
            leader["relpos"] = ((end[0] - box[0]) / wide, (end[1] - box[1]) / high)
            axes.annotate(
                mark.label,
                (mark.x, mark.y),
                (right, up),
                textcoords="offset points",
                ha=side,
                va="center_baseline",
                color=mark.colour,
                arrowprops=None if near else leader,
                annotation_clip=False,
            )
            return boxes
    return []


def _along(start: tuple[float, float], end: tuple[float, float]) -> list[Box]:
    """Small boxes along a leader, past the mark it starts from."""
    length = math.dist(start, end)
    steps = range(7, max(8, int(length)), 2)
    spots = [
        (start[0] + (end[0] - start[0]) * step / length, start[1] + (end[1] - start[1]) * step / length)
        for step in steps
    ]
    return [(x - 0.5, y - 0.5, x + 0.5, y + 0.5) for x, y in spots]


def _at(axes: Axes, x: float, y: float) -> tuple[float, float]:
    point = axes.transData.transform((x, y))
    return float(point[0]), float(point[1])


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def extent(axes: Axes, text: str, **how: Any) -> tuple[float, float]:
    """Width and height of ``text`` in points."""
    written = axes.text(0, 0, text, **how)
    box = written.get_window_extent(axes.get_figure().canvas.get_renderer())
    written.remove()
    return float(box.width), float(box.height)


def spread(places: list[float], apart: float, low: float, high: float) -> list[float]:
    """Move ``places`` as little as needed until neighbours are ``apart``, inside ``low`` to ``high`` if they fit.

    >>> spread([0.0, 1.0, 10.0], 4, 0, 20)
    [0.0, 4.0, 10.0]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [min(max(place, low), high) for place in places]
    for before, after in zip(order, order[1:], strict=False):
        moved[after] = max(moved[after], moved[before] + apart)
    ceiling = high
    for i in reversed(order):  # push back down what left at the top
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - apart
    return moved
