"""Systems in words and in order: names, groups, and what the headline says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tokir.report.schema import HEADLINE, Comparison, Results, System

KINDS = {
    "trained": "Trained here, from scratch",
    "pretrained": "Pretrained",
    "lexical": "Lexical",
    "fusion": "Fusion",
}
OBJECTIVES = {"lm": "next-token prediction"}
POOLINGS = {
    "mean": "raw mean",
    "mean-white": "whitened mean",
    "mean-top": "mean without common components",
    "sif": "mean weighted by smooth inverse frequency",
    "sif-white": "whitened mean weighted by smooth inverse frequency",
    "sif-top": "mean weighted by smooth inverse frequency, without common components",
    "learned": "learned token weights",
    "learned-white": "learned token weights, whitened",
    "maxsim": "late interaction over the first 1,000 passages",
}
ARCHITECTURES = {"lstm": "LSTM", "transformer": "Transformer", "static": "static"}
TOKENIZERS = {
    "bpe": "byte-level BPE",
    "wordpiece-bpe": "WordPiece over BPE's merges",
    "unigram": "Unigram",
    "byte": "bytes",
    "character": "characters",
    "word": "words",
    "file": "tokenizer from a file",
}
NAME_LENGTH = 41


def groups(systems: list[System]) -> list[tuple[str, list[System]]]:
    """Systems by kind, in the order trained, pretrained, lexical, then any other; each with its heading."""
    order = [*KINDS, *sorted({system.kind for system in systems} - set(KINDS))]
    found = [(KINDS.get(kind, kind), [row for row in systems if row.kind == kind]) for kind in order]
    return [(heading, rows) for heading, rows in found if rows]


def names(systems: list[System]) -> dict[str, str]:
    """A short name for each system id, unique among them, for labels in figures.

    What tells systems apart is added only as far as needed: the tokenizer, then the seed, then the id instead.
    """
    tokenizers = {row.tokenizer.id for row in systems if row.tokenizer}
    seeds = {row.seed for row in systems if row.seed is not None}
    short = {}
    for row in systems:
        name = row.title.replace(" language model", "") if row.kind == "trained" else row.title
        name = name.replace(" + ", "+") if row.kind == "trained" else name.split(" (")[0].split(",")[0]
        name = row.id if row.kind == "fusion" else name
        if row.tokenizer and len(tokenizers) > 1:
            name += f", {row.tokenizer.id}"
        if row.seed is not None and len(seeds) > 1:
            name += f", seed {row.seed}"
        short[row.id] = name or row.id
    counts = Counter(short.values())
    return {name: _cut(label if counts[label] == 1 else name) for name, label in short.items()}


def _cut(label: str) -> str:
    """At most ``NAME_LENGTH`` characters; the end, which tells ids apart, is kept."""
    half = NAME_LENGTH // 2
    return label if len(label) <= NAME_LENGTH else f"{label[: half - 1]}…{label[-half:]}"


def titles(systems: list[System]) -> dict[str, str]:
    """What a reader calls each system in full; with its tokenizer where there are several."""
    several = len({row.tokenizer.id for row in systems if row.tokenizer}) > 1
    return {
        row.id: f"{row.title or row.id}, {row.tokenizer.id}" if several and row.tokenizer else row.title or row.id
        for row in systems
    }


def in_words(row: System) -> str:
    """What a system is, in one line: tokenizer, architecture, objective, pooling, parameters, dimensions."""
    parts = []
    if row.tokenizer:
        kind = TOKENIZERS.get(row.tokenizer.type, row.tokenizer.type)
        parts.append(f"{kind} of {row.tokenizer.vocabulary_size:,} entries")
    if row.kind == "trained" and row.architecture:
        parts.append(ARCHITECTURES.get(row.architecture, row.architecture))
    if row.objective:
        parts.append(OBJECTIVES.get(row.objective, row.objective))
    if row.pooling and row.kind != "trained":
        parts.append(f"{row.pooling} pooling")
    elif row.pooling:
        chosen = f", strength {row.whitening_strength:g}" if row.whitening_strength is not None else ""
        chosen += f", {row.components_removed} removed" if row.components_removed is not None else ""
        parts.append(POOLINGS.get(row.pooling, row.pooling) + chosen)
    if row.parameters is not None:
        parts.append(f"{count(row.parameters)} parameters")
    if row.dimensions is not None:
        parts.append(f"{row.dimensions:,} dimensions")
    if row.kind == "lexical":
        parts.append("term matching, nothing trained")
    if row.kind == "fusion":
        parts.append(row.title)
    if row.seed is not None:
        parts.append(f"seed {row.seed}")
    if row.language_model and row.language_model.precision:
        parts.append(f"{row.language_model.epochs:g} epochs in {row.language_model.precision}")
    if row.retrieval_training:
        parts.append(f"{row.retrieval_training.steps:,} steps in {row.retrieval_training.precision}")
    return " · ".join(parts)


def count(number: int | None) -> str:
    """A number of parameters as one reads it.

    >>> count(2078672)
    '2.08M'
    """
    if number is None:
        return "–"
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def recall(row: System) -> str:
    """Recall@10 and its interval: ``0.952 [0.913, 0.984]``."""
    score, interval = row.score(), row.interval()
    if score is None:
        return "–"
    return f"{score:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def ranked(systems: list[System]) -> list[System]:
    """Evaluated systems, best recall@10 first; those without the score left out."""
    return sorted((row for row in systems if row.score() is not None), key=lambda row: -(row.score() or 0.0))


def compared(results: Results, a: str, b: str) -> tuple[float, float, float] | None:
    """Difference ``a - b`` in recall@10 and its interval, None where the two were not compared."""
    for entry in results.comparisons:
        if entry.measure == HEADLINE and (entry.a, entry.b) in ((a, b), (b, a)):
            return _turned(entry) if entry.a == b else (entry.difference, *entry.interval)
    return None


def told_apart(results: Results, a: str, b: str) -> bool:
    """Is the difference of two systems more than chance, after correction for all pairs?"""
    return any(entry.told_apart for entry in results.comparisons if {entry.a, entry.b} == {a, b})


def _turned(entry: Comparison) -> tuple[float, float, float]:
    low, high = entry.interval
    return -entry.difference, -high, -low


@dataclass(frozen=True)
class Headline:
    """The answer in three numbers: the best system, those level with it, the best trained here."""

    best: System | None
    level: list[System]
    trained: System | None
    lead: tuple[float, float, float] | None

    @classmethod
    def of(cls, results: Results) -> Headline:
        """Read off the result table."""
        order = ranked(results.systems)
        if not order or not order[0].score():
            return cls(None, [], None, None)
        best = order[0]
        level = []
        for row in order[1:]:
            if compared(results, best.id, row.id) is not None and not told_apart(results, best.id, row.id):
                level.append(row)
        trained = next((row for row in order if row.kind == "trained"), None)
        lead = compared(results, trained.id, best.id) if trained and trained is not best else None
        return cls(best, level, trained, lead)


def excerpt(text: str, length: int) -> str:
    """At most ``length`` characters of ``text`` on one line, cut between words where there are any."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    cut = text[:length].rsplit(" ", 1)[0]
    return cut + "…"


def training_seconds(systems: list[System]) -> float | None:
    """Seconds of all trainings; poolings of one model share one. None where nothing was trained."""
    spent = {
        model_key(row): row.seconds["train"] * len(row.seeds or [0]) for row in systems if "train" in row.seconds
    }
    return sum(spent.values()) if spent else None


def model_key(row: System) -> tuple[str, str, str, str, int]:
    """What one training is: tokenizer, architecture, objective, variant, seed."""
    tokenizer = row.tokenizer.id if row.tokenizer else ""
    return tokenizer, row.architecture or "", row.objective or "", row.variant or "", row.seed or 0
