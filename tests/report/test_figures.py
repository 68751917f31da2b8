from __future__ import annotations

import random
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backend_bases import RendererBase
from matplotlib.text import Annotation, Text

from tokir.report.figures import drawings
from tokir.report.labels import Box, Mark, label_marks, spread
from tokir.report.svg import canvas, style
from tokir.results.records import Results

from .conftest import study, system, trained


def test_figures_are_whole_and_take_their_colours_from_the_page(rows) -> None:
    found = drawings(Results.model_validate(study(rows)))
    assert len(found) == 6
    for drawing in found:
        svg = ElementTree.fromstring(drawing.svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
        assert svg.get("aria-label")
        assert not re.search(r"#[0-9a-f]{6}\b", drawing.svg)
        assert drawing.message and drawing.caption.endswith(".")


def test_no_figure_is_drawn_of_numbers_that_are_missing() -> None:
    rows = [system("bm25", "lexical", "BM25", 0.6, latency_ms=None)]
    assert [drawing.message for drawing in drawings(Results.model_validate(study(rows)))] == [
        "BM25 has the best recall@10, 0.600"
    ]


def test_messages_say_what_the_numbers_say(rows) -> None:
    rows.append(trained("transformer", "mean", 0.58))
    messages = {drawing.message for drawing in drawings(Results.model_validate(study(rows)))}
    # The interval of the last one's difference, 0.03 below, is 0.1 wide to either side.
    assert "1 of 4 does not differ significantly from BM25" in messages
    assert "Held-out loss still falls at the end of training" in messages


@pytest.mark.parametrize("seed", range(3))
def test_labels_cover_neither_each_other_nor_a_mark(seed: int) -> None:
    draw = random.Random(seed)
    marks = [
        Mark(
            x := draw.uniform(1, 9),
            y := draw.uniform(0.1, 0.9),
            y - 0.05,
            y + 0.05,
            f"system {n} at {x:.0f}",
            "red",
        )
        for n in range(10)
    ]
    with style():
        figure, axes = canvas(290)
        axes.set_xlim(0, 10)
        axes.set_ylim(0, 1)
        left_out = label_marks(axes, marks)
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        texts = [text for text in axes.texts if text.get_text()]
        boxes = [_box(text, renderer) for text in texts]
        points = [axes.transData.transform((mark.x, mark.y)) for mark in marks]
    assert len(texts) + len(left_out) == len(marks)
    assert len(left_out) <= 1
    assert not any(a.covers(b) for a, b in combinations(boxes, 2))
    assert not any(box.covers(Box(x - 3, y - 3, x + 3, y + 3)) for box in boxes for x, y in points)


def _box(label: Annotation, renderer: RendererBase) -> Box:
    """The text alone, without its leader; a little inside, for what rounding to pixels adds."""
    box = Text.get_window_extent(label, renderer)
    return Box(box.x0 + 0.5, box.y0 + 0.5, box.x1 - 0.5, box.y1 - 0.5)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_spread_keeps_distance_and_bounds(positions: list[float]) -> None:
    moved = spread(positions, 10, 0, 100)
    assert all(abs(a - b) >= 10 - 1e-6 for a, b in combinations(moved, 2))
    assert all(-1e-6 <= position <= 100 + 1e-6 for position in moved)
