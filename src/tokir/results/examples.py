"""Queries that show what systems find: ``examples.json`` and ``explorer.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tokir.evaluation.hits import NO_HIT
from tokir.evaluation.registry import HEADLINE
from tokir.results.configurations import configurations
from tokir.results.records import Disputed, Example, Found, FoundPassage, Passage
from tokir.results.seeds import Averaged

if TYPE_CHECKING:
    from tokir.config import EvaluationSettings
    from tokir.data import Split

FOUND = 10  # a query is found when a relevant passage is among so many
UNRANKED = 10**9
EXPLORED = 300  # characters of a passage whose cuts are shown

Cut = Callable[[str], list[str]]
"""A text to its pieces."""
Lookup = Callable[[str], Passage]
"""The id of a passage to the passage."""


def assemble_examples(
    systems: Sequence[Averaged],
    split: Split,
    tokenizers: Mapping[str, Cut],
    passage: Lookup,
    settings: EvaluationSettings,
) -> list[Example]:
    """A few queries drawn by seed: how each tokenizer cuts them, and what each system found."""
    queries = list(split.queries)
    drawn = np.random.default_rng(settings.seed).permutation(len(queries))[: settings.examples]
    examples = []
    for query in (queries[i] for i in sorted(drawn.tolist())):
        judged = split.qrels[query]
        relevant = [id for id, grade in judged.items() if grade > 0]
        examples.append(
            Example(
                query_id=query,
                text=split.queries[query],
                pieces={name: tuple(cut(split.queries[query])) for name, cut in tokenizers.items()},
                relevant=len(relevant),
                relevant_passage=passage(relevant[0]),
                systems={
                    system.row.id: _found(system, query, judged, passage) for system in systems if system.scores
                },
            )
        )
    return examples


def _found(system: Averaged, query: str, judged: Mapping[str, int], passage: Lookup) -> Found:
    hit = system.hits.get(query, NO_HIT)
    passages = [
        FoundPassage(**dict(passage(id)), score=score, relevant=judged.get(id, 0) > 0)
        for id, score in hit.passages
    ]
    rank = hit.first_relevant[0] if hit.first_relevant else None
    return Found(first_relevant_rank=rank, passages=tuple(passages))


def assemble_explorer(
    systems: Sequence[Averaged], split: Split, tokenizers: Mapping[str, Cut], passage: Lookup
) -> list[Disputed]:
    """Queries that one tokenizer finds and another misses: how both cut the query and the relevant passage.

    Over systems that differ in their tokenizer alone: the best one against each other, once for each way.
    """
    found = []
    by_id = {system.row.id: system for system in systems}
    for same in configurations([system.row for system in systems]):
        order = sorted((by_id[row.id] for row in same), key=lambda one: -one.scores[HEADLINE].mean())
        for other in order[1:]:
            for a, b in ((order[0], other), (other, order[0])):
                entry = _disputed(a, b, split, tokenizers, passage)
                if entry is not None:
                    found.append(entry)
    return found


def _disputed(
    a: Averaged, b: Averaged, split: Split, tokenizers: Mapping[str, Cut], passage: Lookup
) -> Disputed | None:
    """The query that ``a`` finds among its first ten and that lies deepest in the ranking of ``b``."""
    ranks = [
        (query, a.hits.get(query, NO_HIT).first_relevant, b.hits.get(query, NO_HIT).first_relevant)
        for query in split.qrels
    ]
    gaps = [
        (there[0] if there else UNRANKED, query, here, there)
        for query, here, there in ranks
        if here and here[0] <= FOUND and (there is None or there[0] > FOUND)
    ]
    if not gaps:
        return None
    _, query, here, there = max(gaps, key=lambda gap: (gap[0], -gap[2][0]))
    shown = passage(here[1])
    text = f"{shown.title} {shown.text}".strip()[:EXPLORED]
    cuts = [tokenizers[system.row.tokenizer.id] for system in (a, b) if system.row.tokenizer]
    first, second = cuts
    return Disputed(
        found_by=a.row.id,
        missed_by=b.row.id,
        query=split.queries[query],
        ranks=(here[0], there[0] if there else None),
        query_pieces=(tuple(first(split.queries[query])), tuple(second(split.queries[query]))),
        passage_pieces=(tuple(first(text)), tuple(second(text))),
    )
