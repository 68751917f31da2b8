"""What slips in the queries cost each system."""

from __future__ import annotations

from tokir.report.rows import names
from tokir.report.schema import Results

CAPTION = (
    "Recall@10 of the clean queries, and its change when every query has the slip; bold where the 95% interval over "
    "queries holds no zero (the interval shows when the pointer rests on a number)."
)

Cell = tuple[str, str, bool]  # a difference, its interval, and whether it is more than chance


def lines(results: Results) -> list[tuple[str, str, list[Cell]]]:
    """For each system its name, its score on clean queries, and change, interval, real of each slip."""
    short = names(results.systems)
    found = []
    for row in results.systems:
        slips = results.robustness.get(row.id)
        if slips:
            cells = []
            for slip in results.slips:
                entry = slips[slip.variant]
                low, high = entry.interval
                cells.append((_signed(entry.change), f"[{_signed(low)}, {_signed(high)}]", low > 0 or high < 0))
            found.append((short[row.id], f"{row.score() or 0.0:.3f}", cells))
    return found


COMPARED = (
    "Change of recall@10 under each slip with the best tokenizer of a recipe (by clean queries), minus that with "
    "another: above zero the best one loses less. Bold where p, corrected over all slips and tokenizers of the recipe, "
    "is below 5% and the 95% interval holds no zero. One that finds little has little to lose."
)


def compared(results: Results) -> list[tuple[str, str, list[Cell]]]:
    """For each best tokenizer and each other one of its recipe: difference of changes, interval, real of each slip."""
    short = names(results.systems)
    found: dict[tuple[str, str], list[Cell]] = {}
    for entry in results.slip_comparisons:
        if entry.outcome == "change":
            low, high = entry.interval
            cell = (_signed(entry.difference), f"[{_signed(low)}, {_signed(high)}]", entry.told_apart)
            found.setdefault((short[entry.a], short[entry.b]), []).append(cell)
    return [(*pair, cells) for pair, cells in found.items()]


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")  # no negative zero
