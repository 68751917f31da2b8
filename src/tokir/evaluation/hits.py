"""What is kept of a ranked list beside its scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tokir.evaluation.judgements import Judgements
from tokir.retrieval.ranking import Ranking

SHOWN = 3  # passages of a ranking that reports show


class Hit(NamedTuple):
    """What is kept of a query's ranked list; whole lists of many systems would take gigabytes."""

    first_relevant: tuple[int, str] | None  # rank and passage
    passages: list[tuple[str, float]]  # the first few, with their scores


NO_HIT = Hit(None, [])


def hits(ranking: Ranking, judgements: Judgements) -> dict[str, Hit]:
    """The first relevant passage and the first few passages of each query."""
    found, ids = {}, judgements.ids
    for query, (positions, scores) in zip(ranking.queries, ranking.lists(), strict=True):
        ranks = np.flatnonzero((judgements.relevant_to(query)[:, None] == positions).any(axis=0))
        first = (int(ranks[0]) + 1, ids[positions[ranks[0]]]) if len(ranks) else None
        shown = zip(positions[:SHOWN].tolist(), scores[:SHOWN].tolist(), strict=True)
        found[query] = Hit(first, [(ids[position], score) for position, score in shown])
    return found
