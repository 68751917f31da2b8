"""Comparisons looked up by their pair, whichever way round they are stored."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from tokir.results.paths import path
from tokir.results.records import Comparison, Difference, Interval, PerturbationComparison, Results

Kind = TypeVar("Kind", bound=Difference)


class Pair(NamedTuple, Generic[Kind]):
    """A comparison turned so that it is ``a`` minus ``b``, and its path in ``results.json``."""

    entry: Kind
    path: str

    @property
    def difference(self) -> float:
        """``a`` minus ``b``."""
        return self.entry.difference

    @property
    def interval(self) -> Interval:
        """Of the difference."""
        return self.entry.interval

    @property
    def significant(self) -> bool:
        """Is the difference significant after correction?"""
        return self.entry.significant


class Pairs(Generic[Kind]):
    """Comparisons by pair.

    Args:
        entries: the comparisons, in the order of ``results.json``.
        where: the field of ``results.json`` that holds them.
        kind: what an entry is of, where a pair has several; ``find`` takes it as its third argument.
    """

    def __init__(
        self, entries: Sequence[Kind], where: str, kind: Callable[[Kind], Hashable] = lambda entry: None
    ) -> None:
        self._entries, self._where = entries, where
        self._positions = {(entry.a, entry.b, kind(entry)): number for number, entry in enumerate(entries)}

    def find(self, a: str, b: str, kind: Hashable = None) -> Pair[Kind] | None:
        """``a`` minus ``b``; None where the two were not compared."""
        number = self._positions.get((a, b, kind))
        if number is not None:
            return Pair(self._entries[number], path(self._where, number))
        number = self._positions.get((b, a, kind))
        return None if number is None else Pair(self._entries[number].turned(), path(self._where, number))

    def get(self, a: str, b: str, kind: Hashable = None) -> Pair[Kind]:
        """``a`` minus ``b``; LookupError where the two were not compared."""
        found = self.find(a, b, kind)
        if found is None:
            raise LookupError(f"{a} and {b} were not compared")
        return found


def comparisons_of(results: Results) -> Pairs[Comparison]:
    """The comparisons of systems on recall@10."""
    return Pairs(results.comparisons, "comparisons")


def perturbation_comparisons_of(results: Results) -> Pairs[PerturbationComparison]:
    """The comparisons of tokenizers under perturbations; their kind is ``(perturbation, outcome)``."""
    return Pairs(
        results.perturbation_comparisons,
        "perturbation_comparisons",
        lambda entry: (entry.perturbation, entry.outcome),
    )
