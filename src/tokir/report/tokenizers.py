"""Tokenizers on their own: their measures, and what these predict."""

from __future__ import annotations

from tokir.report.tables import NONE
from tokir.results.records import Correlation, Results, Tokenizer
from tokir.results.wording import signed, signed_interval
from tokir.tokenizers.measures import INTRINSIC

HEADINGS = [heading for heading, _ in INTRINSIC.values()]
CAPTION = (
    "Documents: those the tokenizer was trained on, of which it read at most 20 million characters, the same share of "
    "each. All measures are of held-out documents. Words are what white space separates; none are counted where more "
    "than a fifth of the letters are of scripts without spaces between words (Han, kana, Thai, Lao, Khmer, Burmese), "
    "since only a dictionary could tell them. The share of words in one token counts each distinct word once; the "
    "share of words split counts every occurrence. Rényi efficiency: of order 2.5 (Zouhar et al., 2023). Lossless "
    "round trips: share of texts that decode to what was encoded, after the normalisation that was asked for. Bits "
    "lost would restore the others: unknown words, white space."
)
CORRELATIONS_CAPTION = (
    "Spearman's rank correlation over the tokenizers of one configuration (all of a system but its tokenizer); "
    "interval by bootstrap over tokenizers, p by permutation, not corrected for the number of measures. Over six "
    "tokenizers only a near-perfect order is significant."
)


def cells(tokenizer: Tokenizer) -> list[str]:
    """The measures of a tokenizer, written."""
    values = [(getattr(tokenizer, name), form) for name, (_, form) in INTRINSIC.items()]
    return [NONE if value is None else format(value, form) for value, form in values]


def correlations(results: Results) -> list[tuple[str, list[tuple[str, ...]]]]:
    """For each configuration its lines: measure, outcome, correlation, interval, p."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for entry in results.correlations:
        found.setdefault(entry.configuration, []).append(_line(entry))
    return list(found.items())


def _line(entry: Correlation) -> tuple[str, ...]:
    name = INTRINSIC[entry.measure][0] if entry.measure in INTRINSIC else entry.measure
    outcome = entry.outcome.replace("_", " ")
    if entry.rho is None or entry.p is None or entry.interval is None:
        return name, outcome, "no variation", "", ""
    return name, outcome, signed(entry.rho, 2), signed_interval(entry.interval, 2), f"{entry.p:.3f}"
