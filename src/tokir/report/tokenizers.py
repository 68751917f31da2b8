"""Tokenizers on their own: their measures, and what these foretell."""

from __future__ import annotations

from tokir.report.schema import Correlation, Results, Tokenizer
from tokir.report.tables import NONE

MEASURES = {
    "fertility": ("tokens per word", ".2f"),
    "characters_per_token": ("characters per token", ".2f"),
    "bytes_per_token": ("bytes per token", ".2f"),
    "vocabulary_use": ("entries used", ".1%"),
    "whole_words": ("words kept whole", ".1%"),
    "continued_words": ("running words cut", ".1%"),
    "renyi_efficiency": ("Rényi efficiency", ".3f"),
    "unknown_rate": ("unknown", ".1%"),
    "round_trip": ("texts that come back", ".1%"),
    "lost_bits_per_character": ("bits lost per character", ".3f"),
}
HEADINGS = [heading for heading, _ in MEASURES.values()]
CAPTION = (
    "Documents: those the tokenizer was trained on, of which it read at most 20 million characters, the same share of "
    "each. All measures are of held-out documents. Words are what white space separates; those kept whole are counted "
    "once each, those that are cut as often as they occur. Rényi efficiency: of order 2.5 (Zouhar et al., 2023). Texts "
    "come back after the normalisation that was asked for; bits lost are those that would restore what does not: "
    "unknown words, white space."
)
CORRELATIONS_CAPTION = (
    "Spearman's rank correlation over the tokenizers of one recipe; interval by bootstrap over tokenizers, p by "
    "permutation, not corrected for the number of measures. Over six tokenizers only a near-perfect order is "
    "more than chance."
)


def cells(tokenizer: Tokenizer) -> list[str]:
    """The measures of a tokenizer, written."""
    values = [(getattr(tokenizer, name), form) for name, (_, form) in MEASURES.items()]
    return [NONE if value is None else format(value, form) for value, form in values]


def correlations(results: Results) -> list[tuple[str, list[tuple[str, ...]]]]:
    """For each recipe its lines: measure, outcome, correlation, interval, p."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for entry in results.correlations:
        found.setdefault(entry.recipe, []).append(_line(entry))
    return list(found.items())


def _line(entry: Correlation) -> tuple[str, ...]:
    name = MEASURES[entry.measure][0] if entry.measure in MEASURES else entry.measure
    outcome = entry.outcome.replace("_", " ")
    if entry.rho is None or entry.p is None or entry.interval is None:
        return name, outcome, "the same for all", "", ""
    low, high = entry.interval
    return name, outcome, _signed(entry.rho), f"[{_signed(low)}, {_signed(high)}]", f"{entry.p:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
