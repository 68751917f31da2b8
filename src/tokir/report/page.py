"""``report.html``: one page that needs nothing but itself."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from tokir.report import ablations, captions, robustness
from tokir.report import tokenizers as intrinsic
from tokir.report.evidence import describe
from tokir.report.figures import drawings
from tokir.report.rows import excerpt, groups, in_words, names, titles
from tokir.report.schema import Disputed, Example, Results
from tokir.report.tables import COST, RETRIEVAL, cells, spans

EXCERPT = 240  # characters of a passage shown in a list
LONG_EXCERPT = 700
_VISIBLE = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "␍"})
_SIGNS = {"supported": "✓", "not supported": "✗", "cannot tell": "?"}


def to_html(raw: dict[str, Any], results: Results, examples: list[Example], disputed: list[Disputed]) -> str:
    """The page.

    Args:
        raw: ``results.json`` as it lies in the run folder, for evidence paths and settings.
        results: the same, checked.
        examples: ``examples.json``, checked; may be empty.
        disputed: ``explorer.json``, checked; may be empty.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tokir", "report"),
        autoescape=True,  # queries, passages and names hold arbitrary text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "excerpt": excerpt, "thousands": lambda number: f"{number:,}"}
    systems = results.systems
    # Only what this package wrote itself goes in unescaped: its style sheet and its figures.
    css = Markup(files("tokir").joinpath("report", "page.css").read_text("utf-8"))
    return environment.get_template("page.html.jinja").render(
        results=results,
        css=css,
        question=captions.QUESTION,
        answer=captions.answer(results),
        facts=captions.facts(results),
        signs=_SIGNS,
        evidence=lambda path: describe(path, raw),
        groups=groups(systems),
        words={row.id: in_words(row) for row in systems},
        tokenizers=list({row.tokenizer.id: row.tokenizer for row in systems if row.tokenizer}.values()),
        names=names(systems),
        titles=titles(systems),
        tables=[
            (
                "Retrieval",
                True,
                RETRIEVAL,
                spans(RETRIEVAL),
                cells(RETRIEVAL, systems),
                captions.retrieval_caption(results),
            ),
            (
                "Cost and language modelling",
                False,
                COST,
                spans(COST),
                cells(COST, systems),
                captions.cost_caption(results),
            ),
        ],
        ablations=ablations.lines(results),
        ablations_caption=ablations.CAPTION,
        intrinsic=intrinsic.cells,
        intrinsic_headings=intrinsic.HEADINGS,
        intrinsic_caption=intrinsic.CAPTION,
        correlations=intrinsic.correlations(results),
        correlations_caption=intrinsic.CORRELATIONS_CAPTION,
        robustness=robustness.lines(results),
        robustness_caption=robustness.CAPTION,
        breaking=robustness.compared(results),
        breaking_caption=robustness.COMPARED,
        figures=[(drawing, Markup(drawing.svg)) for drawing in drawings(results)],
        examples=examples,
        disputed=disputed,
        ranks=rank_line,
        excerpt_length=EXCERPT,
        long_excerpt_length=LONG_EXCERPT,
        settings=yaml.safe_dump(raw["settings"], sort_keys=False, allow_unicode=True),
    )


def visible(piece: str) -> str:
    """A token with its white space made visible.

    >>> visible(" long")
    '␣long'
    """
    return piece.translate(_VISIBLE)


def rank_line(example: Example, short: dict[str, str]) -> str:
    """The rank of the first relevant passage, best system and worst: what to expect under a query."""
    ranks = {name: found.first_relevant_rank for name, found in example.systems.items()}
    reached = {name: rank for name, rank in ranks.items() if rank is not None}
    if not reached:
        return "no system ranks a relevant passage" if ranks else "no system was evaluated"
    low, high = min(reached.values()), max(reached.values())
    first = [short.get(name, name) for name, rank in reached.items() if rank == low]
    who = captions.joined(first) if len(first) <= 3 else f"{len(first)} of {len(ranks)} systems"
    line = f"first relevant passage at rank {low:,} for {who}"
    missing = len(ranks) - len(reached)
    if missing:
        return f"{line}; not ranked by {missing} of {len(ranks)} systems"
    return line if low == high else f"{line}, at {high:,} at worst"
