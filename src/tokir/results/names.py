"""What a reader calls a system: in full, and short enough for a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tokir.config import IndexForm
from tokir.results.records import System

SHORT, LEAST = 41, 16  # characters of a label, and of the title in it


def titles(systems: Sequence[System]) -> dict[str, str]:
    """The title of each system by id; with its tokenizer, or its id, where several share the title."""
    counts = Counter(row.title for row in systems)
    found = {row.id: row.title or row.id for row in systems}
    shared = [row for row in systems if counts[row.title] > 1]
    with_tokenizer = Counter((row.title, row.tokenizer and row.tokenizer.id) for row in shared)
    for row in shared:
        tokenizer = row.tokenizer and row.tokenizer.id
        alone = tokenizer and with_tokenizer[row.title, tokenizer] == 1
        found[row.id] = f"{row.title}, {tokenizer}" if alone else f"{row.title} ({row.id})"
    return found


def brief(row: System) -> str:
    """The title of a system without its parameters.

    >>> brief(System(id="bm25", kind="lexical", title="BM25, k1 1.5, b 0.75"))
    'BM25'
    """
    return row.title.split(" (")[0].split(",")[0]


def short_names(systems: Sequence[System]) -> dict[str, str]:
    """A short name of each system by id, unique among them, for labels in figures.

    What distinguishes systems is added only as far as needed: the tokenizer, then the seed, then the id instead.
    """
    tokenizers = {row.tokenizer.id for row in systems if row.tokenizer}
    seeds = {row.seed for row in systems if row.seed is not None}
    short, whole = {}, {row.id: row.id for row in systems}
    for row in systems:
        name = row.title.replace(" language model", "") if row.kind == "trained" else row.title
        name = name.replace(" + ", "+") if row.kind == "trained" else brief(row)
        name = row.id if row.kind == "fusion" else name
        if row.index and not row.whole:
            name = name.replace(IndexForm.parse(row.index).label, row.index)
        more = ""
        if row.tokenizer and row.kind != "fusion" and len(tokenizers) > 1:
            more += f", {row.tokenizer.id}"
        if row.seed is not None and len(seeds) > 1:
            more += f", seed {row.seed}"
        name = name or row.id
        short[row.id] = _cut(_cut(name, max(LEAST, SHORT - len(more))) + more, SHORT)
    for instead in ({id: _cut(id, SHORT) for id in short}, whole):
        counts = Counter(short.values())
        short = {id: label if counts[label] == 1 else instead[id] for id, label in short.items()}
    return short


def _cut(label: str, longest: int) -> str:
    """At most ``longest`` characters; the end, which distinguishes titles and ids, is kept.

    >>> _cut("Static, contrastive+queries+distilled", 24)
    'Static, con…es+distilled'
    """
    half = longest // 2
    return label if len(label) <= longest else f"{label[: longest - half - 1]}…{label[-half:]}"
