"""``report.html``: one page that needs nothing but itself."""

from __future__ import annotations

import yaml

from tokir.report import ablations, captions, perturbations
from tokir.report import tokenizers as intrinsic
from tokir.report.figures import drawings
from tokir.report.rows import groups, in_words
from tokir.report.tables import Cell, Column, cells, cost, retrieval, spans
from tokir.report.templates import render
from tokir.results.names import short_names, titles
from tokir.results.paths import describe
from tokir.results.reading import as_json
from tokir.results.records import Disputed, Example, Results
from tokir.results.wording import joined

EXCERPT = 240  # characters of a passage shown in a list
LONG_EXCERPT = 700
_SIGNS = {"supported": "✓", "not supported": "✗", "cannot tell": "?"}


def to_html(results: Results, examples: list[Example], disputed: list[Disputed]) -> str:
    """The page; there may be no examples and no disputed queries."""
    from markupsafe import Markup

    systems, raw = results.systems, as_json(results)
    return render(
        "page.html.jinja",
        results=results,
        question=captions.QUESTION,
        answer=captions.answer(results),
        facts=captions.facts(results),
        signs=_SIGNS,
        evidence=lambda path: describe(path, raw),
        groups=groups(systems),
        words={row.id: in_words(row) for row in systems},
        tokenizers=list({row.tokenizer.id: row.tokenizer for row in systems if row.tokenizer}.values()),
        names=short_names(systems),
        titles=titles(systems),
        tables=[
            _table("Retrieval", True, retrieval(systems), captions.retrieval_caption(results), results),
            _table("Cost and language modelling", False, cost(systems), captions.cost_caption(results), results),
        ],
        ablations=ablations.lines(results),
        ablations_caption=ablations.CAPTION,
        intrinsic=intrinsic.cells,
        intrinsic_headings=intrinsic.HEADINGS,
        intrinsic_caption=intrinsic.CAPTION,
        correlations=intrinsic.correlations(results),
        correlations_caption=intrinsic.CORRELATIONS_CAPTION,
        perturbed=perturbations.lines(results),
        changed_shares=perturbations.shares(results),
        changed_heading=perturbations.CHANGED,
        perturbed_caption=perturbations.CAPTION + perturbations.POINTED,
        tokenizers_perturbed=perturbations.compared(results),
        tokenizers_perturbed_caption=perturbations.COMPARED,
        figures=[(drawing, Markup(drawing.svg)) for drawing in drawings(results)],
        examples=examples,
        disputed=disputed,
        ranks=rank_line,
        excerpt_length=EXCERPT,
        long_excerpt_length=LONG_EXCERPT,
        settings=yaml.safe_dump(results.settings, sort_keys=False, allow_unicode=True),
    )


def _table(
    heading: str, described: bool, columns: tuple[Column, ...], caption: str, results: Results
) -> tuple[str, bool, tuple[Column, ...], list[tuple[str, int]], dict[str, list[Cell]], str]:
    """A table as the template takes it; ``described`` says whether a line under each system says what it is."""
    return heading, described, columns, spans(columns), cells(columns, results.systems), caption


def rank_line(example: Example, short: dict[str, str]) -> str:
    """The rank of the first relevant passage, best system and worst: what to expect under a query."""
    ranks = {name: found.first_relevant_rank for name, found in example.systems.items()}
    reached = {name: rank for name, rank in ranks.items() if rank is not None}
    if not reached:
        return "no system ranks a relevant passage" if ranks else "no system was evaluated"
    low, high = min(reached.values()), max(reached.values())
    first = [short.get(name, name) for name, rank in reached.items() if rank == low]
    who = joined(first) if len(first) <= 3 else f"{len(first)} of {len(ranks)} systems"
    line = f"first relevant passage at rank {low:,} for {who}"
    missing = len(ranks) - len(reached)
    if missing:
        return f"{line}; not ranked by {missing} of {len(ranks)} systems"
    return line if low == high else f"{line}; at rank {high:,} at worst"
