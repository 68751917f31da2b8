"""The ablation table: what each single change brings."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.evaluation.significance import told_apart
from tokir.report.rows import compared, titles
from tokir.report.schema import Results

FACTORS = {
    "tokenizer": "Tokenizer: one thing more before it cuts",
    "objective": "Objective: one part or stage more",
    "variant": "Training: one setting changed",
    "architecture": "Architecture: a network on the token vectors",
    "pooling": "Pooling and post-processing",
    "fusion": "Fusion",
}
CAPTION = (
    "Each line compares two systems that differ in one thing and share all else. Difference: after minus before, "
    "over the same queries, with its 95% interval; it helps or hurts when that is more than chance, "
    "after correction for all pairs of this table."
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
    found: dict[str, list[tuple[float, Line]]] = {}
    for entry in results.ablations:
        before, after = rows[entry.before], rows[entry.after]
        difference = compared(results, after.id, before.id)
        if difference is None:
            continue
        value, low, high = difference
        real = told_apart({"interval": [low, high], "p_holm": entry.p_holm})
        verdict = ("helps" if value > 0 else "hurts") if real else "cannot tell"
        written = f"{value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
        scores = (f"{before.score() or 0.0:.3f}", f"{after.score() or 0.0:.3f}")
        line = Line(called[before.id], called[after.id], scores, written, verdict)
        found.setdefault(FACTORS.get(entry.factor, entry.factor), []).append((value, line))
    return [
        (heading, [line for _, line in sorted(pairs, key=lambda pair: -pair[0])])
        for heading, pairs in found.items()
    ]
