"""What perturbed queries cost each system."""

from __future__ import annotations

from typing import NamedTuple

from tokir.results.names import short_names
from tokir.results.records import Interval, Results
from tokir.results.wording import signed, signed_interval

CAPTION = (
    "Recall@10 of the queries as they are, and its change when every query that a perturbation can change is "
    "perturbed; bold where p, corrected over the perturbations of a system, is below 5% and the 95% interval does not "
    "include zero. A perturbation that changes no query does not apply, for example capitals in a script without them."
)
POINTED = " Point at a number to see its interval."
COMPARED = (
    "Change of recall@10 under each perturbation with the best tokenizer of a configuration (by the queries as they "
    "are), minus that with another tokenizer: above zero the best one loses less. Bold where p, corrected over all "
    "perturbations and pairs of tokenizers of the configuration, is below 5% and the 95% interval does not include "
    "zero. A system that finds little has little to lose."
)


CHANGED = "queries changed"


class Cell(NamedTuple):
    """A difference, its interval, and whether it is significant."""

    text: str
    interval: str = ""
    significant: bool = False


_DOES_NOT_APPLY = Cell("does not apply")


def _cell(value: float, interval: Interval, significant: bool) -> Cell:
    return Cell(signed(value), signed_interval(interval), significant)


def shares(results: Results) -> list[Cell]:
    """The share of queries that each perturbation changes."""
    return [Cell(_share(results.share_changed(one))) for one in results.perturbations]


def _share(share: float) -> str:
    """Neither some nor nearly all are written as none or all."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def lines(results: Results) -> list[tuple[str, str, list[Cell]]]:
    """For each system its name, its score on the queries as they are, and a cell per perturbation."""
    short = short_names(results.systems)
    found = []
    for row in results.systems:
        scores = results.robustness.get(row.id)
        if scores:
            cells = {
                name: _cell(entry.change, entry.interval, entry.significant) for name, entry in scores.items()
            }
            found.append((short[row.id], f"{row.score() or 0.0:.3f}", _in_order(results, cells)))
    return found


def compared(results: Results) -> list[tuple[str, str, list[Cell]]]:
    """For each best tokenizer and each other one of its configuration: differences of changes, a cell each."""
    short = short_names(results.systems)
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    for entry in results.perturbation_comparisons:
        if entry.outcome == "change":
            cell = _cell(entry.difference, entry.interval, entry.significant)
            found.setdefault((entry.a, entry.b), {})[entry.perturbation] = cell
    return [(short[a], short[b], _in_order(results, cells)) for (a, b), cells in found.items()]


def _in_order(results: Results, cells: dict[str, Cell]) -> list[Cell]:
    """A cell per perturbation."""
    return [cells[one.name] if one.changed else _DOES_NOT_APPLY for one in results.perturbations]
