"""Systems put side by side: those that differ in their tokenizer alone, and the best ones first."""

from __future__ import annotations

from collections.abc import Sequence

from tokir.results.records import System

CONFIGURATION = ("architecture", "objective", "variant", "pooling")
"""All that a trained system is but its tokenizer and its seed."""


def configurations(systems: Sequence[System]) -> list[list[System]]:
    """Evaluated systems that differ in their tokenizer alone, where there are at least two of them."""
    found: dict[tuple[str | None, ...], list[System]] = {}
    for row in systems:
        if row.kind == "trained" and row.ok and row.tokenizer:
            found.setdefault(tuple(getattr(row, name) for name in CONFIGURATION), []).append(row)
    return [same for same in found.values() if len(same) > 1]


def ranked(systems: Sequence[System]) -> list[System]:
    """Systems with a recall@10, best first."""
    return sorted((row for row in systems if row.score() is not None), key=score, reverse=True)


def score(row: System) -> float:
    """Recall@10 of a system that has it."""
    value = row.score()
    assert value is not None, row.id
    return value
