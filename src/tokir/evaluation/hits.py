"""What is kept of a ranked list beside its scores."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from tokir.retrieval.ranking import Ranking

SHOWN = 3  # passages of a ranking that reports show


class Hit(NamedTuple):
    """What is kept of a query's ranked list; whole lists of many systems would take gigabytes."""

    first_relevant: tuple[int, str] | None  # rank and passage
    passages: list[tuple[str, float]]  # the first few, with their scores


NO_HIT = Hit(None, [])


def hits(ranking: Ranking, qrels: dict[str, dict[str, int]]) -> dict[str, Hit]:
    """The first relevant passage and the first few passages of each query."""
    found = {}
    for query, ranked in ranking.items():
        judged = qrels.get(query, {})
        relevant = (pair for pair in enumerate(ranked, 1) if judged.get(pair[1], 0) > 0)
        found[query] = Hit(next(relevant, None), list(islice(ranked.items(), SHOWN)))
    return found
