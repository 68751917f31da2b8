"""The ablation table: what each single change brings."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.evaluation.decision import significant
from tokir.results.names import titles
from tokir.results.pairs import comparisons_of
from tokir.results.records import Results
from tokir.results.wording import difference

FACTORS = {
    "tokenizer": "Tokenizer: one more step",
    "objective": "Objective: one more part or stage",
    "variant": "Training: one setting changed",
    "architecture": "Architecture: a network on the token vectors",
    "pooling": "Pooling and post-processing",
    "index": "Index: rounded vectors, first dimensions",
    "fusion": "Fusion",
}
CAPTION = (
    "Each line compares two systems that differ in one thing and share all else; a fusion joins the first of several "
    "trainings, whose mean stands before it. Difference: after minus before, "
    "over the same queries, with its 95% interval. The change helps or hurts where the difference is significant after "
    "correction for all pairs of this table."
)


@dataclass(frozen=True)
class Line:
    """One pair, written."""

    before: str
    after: str
    scores: tuple[str, str]
    difference: str
    verdict: str


def lines(results: Results) -> list[tuple[str, list[Line]]]:
    """Headings and their lines, the largest gain first; without headings that have none."""
    rows, called = {row.id: row for row in results.systems}, titles(results.systems)
    pairs = comparisons_of(results)
    found: dict[str, list[tuple[float, Line]]] = {}
    for entry in results.ablations:
        before, after = rows[entry.before], rows[entry.after]
        pair = pairs.find(after.id, before.id)
        if pair is None:
            continue
        verdict = "cannot tell"
        if significant(entry.p_holm, pair.interval):
            verdict = "helps" if pair.difference > 0 else "hurts"
        scores = (f"{before.score() or 0.0:.3f}", f"{after.score() or 0.0:.3f}")
        written = difference(pair.difference, pair.interval)
        line = Line(called[before.id], called[after.id], scores, written, verdict)
        found.setdefault(FACTORS.get(entry.factor, entry.factor), []).append((pair.difference, line))
    return [
        (heading, [line for _, line in sorted(entries, key=lambda entry: -entry[0])])
        for heading, entries in found.items()
    ]
