"""Which tokenizer in each way to retrieve: which configuration of it speaks, and its line of the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tokir.evaluation.registry import HEADLINE
from tokir.results.configurations import RETRIEVAL, configuration_title, ranked, retrieval, score
from tokir.results.pairs import comparisons_of
from tokir.results.paths import path
from tokir.results.records import Difference, Results, Sentence, System
from tokir.results.wording import difference, joined, recall


@dataclass(frozen=True)
class Choice:
    """Chooses the configuration with a higher mean recall@10 than most others, over the tokenizers that both have.

    On the validation queries; on the scored ones where there are no others.
    """

    configurations: list[list[System]]

    @cached_property
    def single(self) -> list[list[System]]:
        """Those of single systems: fusions are of the tokenizers that someone named, so their means do not compare."""
        return [rows for rows in self.configurations if retrieval(rows[0]) != "fused"] or self.configurations

    @cached_property
    def validated(self) -> bool:
        """Are there validation queries?"""
        return all(row.validation_recall is not None for rows in self.configurations for row in rows)

    @property
    def where(self) -> str:
        """The queries it is made on, in words."""
        return "validation queries" if self.validated else "these queries"

    @property
    def steps(self) -> tuple[str, ...]:
        """Where a row of ``results.json`` holds what it is made by."""
        return ("validation_recall",) if self.validated else ("scores", HEADLINE)

    def best(self, among: Sequence[list[System]]) -> list[System]:
        """The tokenizers of the best of some configurations, the best first on the scored queries.

        Of those that lead as many others it is the one with more tokenizers, else with the higher mean.
        """
        return ranked(
            max(among, key=lambda rows: (len(self.beaten(rows, among)), len(rows), self._mean(rows, rows)))
        )

    def beaten(self, rows: Sequence[System], among: Sequence[list[System]]) -> list[list[System]]:
        """Those ``among`` that have a lower mean than ``rows`` over the tokenizers that both have."""
        return [other for other in among if self._mean(rows, other) > self._mean(other, rows)]

    def _mean(self, rows: Sequence[System], beside: Sequence[System]) -> float:
        """Of those rows whose tokenizer is ``beside`` too; of none it is 0."""
        both = set(map(tokenizer_id, beside))
        counted = [row for row in rows if tokenizer_id(row) in both]
        values = [row.validation_recall if self.validated else row.score() for row in counted]
        return math.fsum(value or 0.0 for value in values) / max(1, len(counted))  # the same in any order


def other_retrievals(results: Results, choice: Choice, headline: System) -> list[Sentence]:
    """A line for each way to retrieve that is not the one of ``headline``, where tokenizers are compared in it."""
    found = []
    for name in RETRIEVAL:
        among = [rows for rows in choice.configurations if retrieval(rows[0]) == name]
        if among and name != retrieval(headline):
            found.append(_line(results, choice, name, among))
    return found


def _line(results: Results, choice: Choice, name: str, among: list[list[System]]) -> Sentence:
    rows, pairs = choice.best(among), comparisons_of(results)
    first, positions = rows[0], {row.id: number for number, row in enumerate(results.systems)}
    evidence = [path("systems", positions[first.id], "intervals", HEADLINE)]
    evidence += [path("systems", positions[row.id], "scores", HEADLINE) for row in rows]
    title = configuration_title(first)
    if len(among) > 1:
        title += f"; the best of {len(among)} configurations on {choice.where}"
        evidence += [path("systems", positions[row.id], *choice.steps) for same in among for row in same]
    tied: list[str] = []
    beaten: list[str] = []
    for row in rows[1:]:
        pair = pairs.get(first.id, row.id)
        (beaten if pair.significant else tied).append(f"{tokenizer_id(row)} ({written(pair.entry)})")
        evidence.append(pair.path)
    said = [f"does not differ significantly from {joined(tied)}"] if tied else []
    said += [f"is significantly better than {joined(beaten)}"] if beaten else []
    of = f"{RETRIEVAL[name]} ({title}): of {len(rows)} tokenizers"
    if not score(first):
        return Sentence(text=f"{of} none finds a relevant passage among the first ten.", evidence=tuple(evidence))
    highest = "has as high a recall@10 as any" if score(rows[1]) == score(first) else "has the highest recall@10"
    text = f"{of} {tokenizer_id(first)} {highest}, {recall(first)}; it {' and '.join(said)}."
    return Sentence(text=text, evidence=tuple(evidence))


def tokenizer_id(row: System) -> str:
    """The id of a system's tokenizer."""
    assert row.tokenizer is not None
    return row.tokenizer.id


def written(entry: Difference) -> str:
    """A difference and its interval."""
    return difference(entry.difference, entry.interval)
