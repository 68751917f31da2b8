"""Systems put side by side: those that differ in their tokenizer alone, and the best ones first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from tokir.config import Pooling
from tokir.results.records import System
from tokir.results.wording import joined

CONFIGURATION = ("kind", "architecture", "objective", "variant", "pooling")
"""All that a system is but its tokenizer and its seed; of a fusion its method and its members say the rest."""
ALIKE = "where these normalise text alike (letter case, form of Unicode)"
"""Which tokenizers :func:`same_text` holds of."""
RETRIEVAL = {
    "lexical": "Lexical retrieval",
    "dense": "Dense retrieval",
    "late": "Late interaction",
    "fused": "Fused retrieval",
}
"""The ways to retrieve that tokenizers are compared in."""


def configurations(systems: Sequence[System]) -> list[list[System]]:
    """Evaluated systems that differ in their tokenizer alone, where there are at least two of them.

    A fusion belongs to the tokenizer that its members share, beside members without any; of fusions that are alike but
    for how they were named the first counts. Vectors are those searched as they are: rounding is another question.
    """
    found: dict[Hashable, dict[str, System]] = {}
    for row in systems:
        if row.ok and row.tokenizer and row.whole:
            found.setdefault(_configuration(row), {}).setdefault(row.tokenizer.id, row)
    return [list(same.values()) for same in found.values() if len(same) > 1]


def same_text(systems: Sequence[System]) -> bool:
    """Do their language models predict the same text: do their tokenizers normalise it alike?"""
    tokenizers = [row.tokenizer for row in systems if row.tokenizer and row.language_model]
    return len({(one.lowercase, one.normalization, one.file) for one in tokenizers}) <= 1


def retrieval(row: System) -> str:
    """How a system of a configuration retrieves, of :data:`RETRIEVAL`."""
    if row.kind in ("lexical", "fusion"):
        return "lexical" if row.kind == "lexical" else "fused"
    return "late" if row.pooling and Pooling.parse(row.pooling).late else "dense"


def configuration_title(row: System) -> str:
    """What a reader calls the configuration of a system."""
    if row.fused is None:
        return row.title
    return f"fusion of {joined(_members(row))}, {row.fused.method}"


def _configuration(row: System) -> Hashable:
    fused = (row.fused.method, *_members(row)) if row.fused else ()
    return (*(getattr(row, name) for name in CONFIGURATION), *fused)


def _members(row: System) -> list[str]:
    """The ids of the members of a fusion, without their tokenizer."""
    assert row.fused is not None and row.tokenizer is not None
    return [member.removeprefix(f"{row.tokenizer.id}.") for member in row.fused.systems]


def ranked(systems: Sequence[System]) -> list[System]:
    """Systems with a recall@10, best first."""
    return sorted((row for row in systems if row.score() is not None), key=score, reverse=True)


def score(row: System) -> float:
    """Recall@10 of a system that has it."""
    value = row.score()
    assert value is not None, row.id
    return value
