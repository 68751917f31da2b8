"""What perturbed queries cost each system."""

from __future__ import annotations

from typing import NamedTuple

from tokir.results.names import short_names
from tokir.results.records import Interval, Results
from tokir.results.wording import signed, signed_interval

CAPTION = (
    "Recall@10 of the queries as they are, and its change when every query is perturbed; bold where the 95% interval "
    "over queries does not include zero."
)
POINTED = " Point at a number to see its interval."
COMPARED = (
    "Change of recall@10 under each perturbation with the best tokenizer of a configuration (by the queries as they "
    "are), minus that with another tokenizer: above zero the best one loses less. Bold where p, corrected over all "
    "perturbations and tokenizers of the configuration, is below 5% and the 95% interval does not include zero. A "
    "system that finds little has little to lose."
)


class Cell(NamedTuple):
    """A difference, its interval, and whether it is significant."""

    text: str
    interval: str
    significant: bool


def _cell(value: float, interval: Interval, significant: bool) -> Cell:
    return Cell(signed(value), signed_interval(interval), significant)


def lines(results: Results) -> list[tuple[str, str, list[Cell]]]:
    """For each system its name, its score on the queries as they are, and a cell per perturbation."""
    short = short_names(results.systems)
    found = []
    for row in results.systems:
        scores = results.robustness.get(row.id)
        if scores:
            cells = []
            for perturbation in results.perturbations:
                entry = scores[perturbation.name]
                low, high = entry.interval
                cells.append(_cell(entry.change, entry.interval, low > 0 or high < 0))
            found.append((short[row.id], f"{row.score() or 0.0:.3f}", cells))
    return found


def compared(results: Results) -> list[tuple[str, str, list[Cell]]]:
    """For each best tokenizer and each other one of its configuration: differences of changes, a cell each."""
    short = short_names(results.systems)
    found: dict[tuple[str, str], list[Cell]] = {}
    for entry in results.perturbation_comparisons:
        if entry.outcome == "change":
            cell = _cell(entry.difference, entry.interval, entry.significant)
            found.setdefault((short[entry.a], short[entry.b]), []).append(cell)
    return [(*pair, cells) for pair, cells in found.items()]
