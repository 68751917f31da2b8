"""Systems in groups, in words, and what the headline says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokir.results.configurations import ranked
from tokir.results.pairs import Pair, comparisons_of
from tokir.results.records import Comparison, Results, System
from tokir.results.wording import count, plural

KINDS = {
    "trained": "Trained here, from scratch",
    "pretrained": "Pretrained",
    "lexical": "Lexical",
    "fusion": "Fusion",
}


def groups(systems: Sequence[System]) -> list[tuple[str, list[System]]]:
    """Systems by kind, in the order trained, pretrained, lexical, then any other; each with its heading."""
    order = [*KINDS, *sorted({system.kind for system in systems} - set(KINDS))]
    found = [(KINDS.get(kind, kind), [row for row in systems if row.kind == kind]) for kind in order]
    return [(heading, rows) for heading, rows in found if rows]


def in_words(row: System) -> str:
    """What a system is, in one line: tokenizer, architecture, objective, pooling, parameters, dimensions."""
    parts = []
    if row.tokenizer and row.kind != "fusion":  # whose members name theirs
        kind = row.tokenizer.label or row.tokenizer.type
        parts.append(f"{kind} of {row.tokenizer.vocabulary_size:,} entries")
    if row.kind == "trained" and row.architecture:
        parts.append(row.architecture_label or row.architecture)
    if row.objective:
        parts.append(row.objective_label or row.objective)
    if row.pooling and row.kind != "trained":
        parts.append(f"{row.pooling} pooling")
    elif row.pooling:
        chosen = f", strength {row.whitening_strength:g}" if row.whitening_strength is not None else ""
        chosen += f", {row.components_removed} removed" if row.components_removed is not None else ""
        parts.append((row.pooling_label or row.pooling) + chosen)
    if row.index_label:
        parts.append(row.index_label)
    if row.parameters is not None:
        parts.append(f"{count(row.parameters)} parameters")
    if row.dimensions is not None:
        parts.append(plural(row.dimensions, "dimension"))
    if row.kind == "lexical":
        parts.append(row.architecture_label or "term matching, nothing trained")
    if row.kind == "fusion":
        parts.append(" + ".join(row.fused.systems) if row.fused else row.title)
    if row.seed is not None:
        parts.append(f"seed {row.seed}")
    if row.language_model and row.language_model.precision:
        parts.append(f"{plural(row.language_model.epochs, 'epoch')} in {row.language_model.precision}")
    if row.retrieval_training:
        scored = " of late interaction" if row.retrieval_training.interaction == "late" else ""
        steps = plural(row.retrieval_training.steps, "step")
        parts.append(f"{steps}{scored} in {row.retrieval_training.precision}")
    return " · ".join(parts)


@dataclass(frozen=True)
class Headline:
    """The best system, those that do not differ significantly from it, the best trained here and its lead.

    Nothing is said of systems that could not read the corpus, but where one of them is the best.
    """

    best: System | None
    level: list[System]
    trained: System | None
    lead: Pair[Comparison] | None

    @classmethod
    def of(cls, results: Results) -> Headline:
        """Read off the result table."""
        order, pairs = ranked(results.systems), comparisons_of(results)
        if not order or not order[0].score():
            return cls(None, [], None, None)
        best = order[0]
        level = []
        for row in order[1:]:
            pair = pairs.find(best.id, row.id)
            if pair is not None and not pair.significant and row.could_read and best.could_read:
                level.append(row)
        trained = next((row for row in order if row.kind == "trained"), None)
        behind = trained is not None and trained is not best and best.could_read
        lead = pairs.find(trained.id, best.id) if trained is not None and behind else None
        return cls(best, level, trained, lead)


def training_seconds(systems: Sequence[System]) -> float | None:
    """Seconds of all trainings, each counted once however many systems rest on it; None where there is none."""
    stages = {stage: seconds for row in systems for stage, seconds in row.stages.items()}
    return sum(stages.values()) if stages else None


def teacher_seconds(systems: Sequence[System]) -> float | None:
    """Seconds of all vectors of teachers, each file counted once; None where there is none."""
    files = {file: seconds for row in systems for file, seconds in row.teacher_files.items()}
    return sum(files.values()) if files else None


def model_key(row: System) -> tuple[str, str, str, str, int]:
    """What one training is: tokenizer, architecture, objective, variant, seed."""
    tokenizer = row.tokenizer.id if row.tokenizer else ""
    return tokenizer, row.architecture or "", row.objective or "", row.variant or "", row.seed or 0
