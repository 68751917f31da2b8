"""Labels beside what they name, without overlaps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a label may begin, end or centre, in points from its mark: close by, then farther off with a leader.
_NEAR = [(8, 0, "left"), (-8, 0, "right"), (7, 9, "left"), (7, -9, "left"), (-7, 9, "right"), (-7, -9, "right")]
_NEAR += [(0, 11, "center"), (0, -11, "center")]
_DIRECTIONS = [(0.0, 1.0, "center"), (0.0, -1.0, "center")]
_DIRECTIONS += [
    (across * way, up, side)
    for across, up in ((0.0, 1.0), (0.4, 0.9), (0.9, 0.4), (0.0, -1.0), (0.4, -0.9), (0.9, -0.4))
    for way, side in ((1, "left"), (-1, "right"))
]
_FAR = [(x * far, y * far, side) for far in (20, 34, 48, 64, 82, 102, 124) for x, y, side in _DIRECTIONS]
SEARCH_STEPS = 20_000  # about a second at most


@dataclass(frozen=True)
class Mark:
    """A point with its label, and the vertical bar through it, in data coordinates."""

    x: float
    y: float
    low: float
    high: float
    label: str
    colour: str


class Box(NamedTuple):
    """A rectangle in points."""

    left: float
    bottom: float
    right: float
    top: float

    def covers(self, other: Box) -> bool:
        """Do the two share any area?"""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


@dataclass(frozen=True)
class _Spot:
    """A mark in points, with the size of its label and what it covers itself."""

    mark: Mark
    x: float
    y: float
    wide: float
    high: float
    own: tuple[Box, Box]


@dataclass(frozen=True)
class _Position:
    """Where a label goes."""

    right: float
    up: float
    side: str
    box: Box
    leader: tuple[float, float] | None  # its end at the label


def label_marks(axes: Axes, marks: list[Mark], lines: tuple[Box, ...] = ()) -> list[str]:
    """Write each mark's label where it covers nothing; returns the labels for which there was no room.

    Args:
        axes: with its limits set.
        marks: the more important first.
        lines: further boxes to keep clear.
    """
    spots = [_spot(axes, mark) for mark in marks]
    best = _arrange(axes, spots, lines)
    for spot in spots:
        if spot.mark in best:
            _write(axes, spot, best[spot.mark])
    return [mark.label for mark in marks if mark not in best]


def _spot(axes: Axes, mark: Mark) -> _Spot:
    x, y = (float(value) for value in axes.transData.transform((mark.x, mark.y)))
    low, high = (float(axes.transData.transform((mark.x, value))[1]) for value in (mark.low, mark.high))
    own = (Box(x - 5, y - 5, x + 5, y + 5), Box(x - 2, low, x + 2, high))
    return _Spot(mark, x, y, *extent(axes, mark.label), own)


def _arrange(axes: Axes, spots: list[_Spot], lines: tuple[Box, ...]) -> dict[Mark, _Position]:
    """Places for as many labels as a bounded search finds room for, near ones first."""
    fixed = [*lines, *(box for spot in spots for box in spot.own)]
    choices = [
        (spot, [position for position in _positions(spot) if _free(axes, spot, position, fixed)]) for spot in spots
    ]
    choices.sort(key=lambda choice: len(choice[1]))  # the most crowded first
    best: dict[Mark, _Position] = {}
    steps = 0

    def search(number: int, found: dict[Mark, _Position], taken: list[Box]) -> bool:
        """Label from ``number`` on; is there nothing left to gain?"""
        nonlocal best, steps
        if len(found) > len(best):
            best = found
        if len(found) + len(choices) - number <= len(best):  # no better than what is known
            return len(best) == len(choices)
        spot, positions = choices[number]
        for position in positions:
            steps += 1
            if steps > SEARCH_STEPS:
                return True
            boxes = [position.box, *_along(spot, position)]
            if any(box.covers(other) for box in boxes for other in taken):
                continue
            if search(number + 1, {**found, spot.mark: position}, taken + boxes):
                return True
        return search(number + 1, found, taken)

    search(0, {}, [])
    return best


def _positions(spot: _Spot) -> Iterator[_Position]:
    for number, (right, up, side) in enumerate(_NEAR + _FAR):
        left = spot.x + right - {"left": 0.0, "center": spot.wide / 2, "right": spot.wide}[side]
        bottom = spot.y + up - spot.high / 2
        box = Box(left, bottom, left + spot.wide, bottom + spot.high)
        end = (min(max(spot.x, box.left), box.right), min(max(spot.y, box.bottom), box.top))
        yield _Position(right, up, side, box, None if number < len(_NEAR) else end)


def _free(axes: Axes, spot: _Spot, position: _Position, taken: list[Box]) -> bool:
    box, frame = position.box, axes.bbox
    inside = box.left > frame.x0 and box.right < _figure(axes).bbox.width - 2
    if not inside or box.bottom <= frame.y0 + 1 or box.top >= frame.y1 + 8:
        return False
    if any(box.covers(other) for other in taken):
        return False
    others = [other for other in taken if other not in spot.own]  # a leader may start on its own mark
    return not any(step.covers(other) for step in _along(spot, position) for other in others)


def _along(spot: _Spot, position: _Position) -> list[Box]:
    """Small boxes along a leader, from past its mark, which another mark may touch."""
    if position.leader is None:
        return []
    (x, y), length = position.leader, math.dist((spot.x, spot.y), position.leader)
    shares = [step / length for step in range(10, int(length), 2)]
    centres = [(spot.x + (x - spot.x) * share, spot.y + (y - spot.y) * share) for share in shares]
    return [Box(across - 0.5, up - 0.5, across + 0.5, up + 0.5) for across, up in centres]


def _write(axes: Axes, spot: _Spot, position: _Position) -> None:
    leader = None
    if position.leader is not None:
        (x, y), box = position.leader, position.box
        leader = {"arrowstyle": "-", "color": spot.mark.colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 5}
        leader["relpos"] = ((x - box.left) / spot.wide, (y - box.bottom) / spot.high)
    axes.annotate(
        spot.mark.label,
        (spot.mark.x, spot.mark.y),
        (position.right, position.up),
        textcoords="offset points",
        ha=position.side,
        va="center",
        color=spot.mark.colour,
        arrowprops=leader,
        annotation_clip=False,
    )


def _figure(axes: Axes) -> Any:
    return axes.get_figure()  # with a canvas that measures text, which matplotlib's types do not know


def extent(axes: Axes, text: str) -> tuple[float, float]:
    """Width and height of ``text`` in points."""
    written = axes.text(0, 0, text)
    box = written.get_window_extent(_figure(axes).canvas.get_renderer())
    written.remove()
    return float(box.width), float(box.height)


def spread(positions: list[float], apart: float, low: float, high: float) -> list[float]:
    """Move ``positions`` as little as needed until neighbours are ``apart``, inside ``low`` to ``high`` if they fit.

    >>> spread([0.0, 1.0, 10.0], 4, 0, 20)
    [0.0, 4.0, 10.0]
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    moved = [min(max(position, low), high) for position in positions]
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + apart)
    ceiling = high
    for i in reversed(order):  # push back down what left at the top
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - apart
    return moved
