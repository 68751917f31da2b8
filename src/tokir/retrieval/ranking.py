"""Ranked lists in the order and the format of trec_eval, so that any tool scores them alike.

trec_eval ignores the rank column: it sorts by score, and equal scores by descending document id. Rankings here
are cut and ordered by that same rule, and scores are float32, written with all their digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import atomic
from tokir.errors import TokirError

Ranking = dict[str, dict[str, float]]
"""Query id to passage id to score, best first."""


def id_order(ids: Sequence[str]) -> NDArray[np.int64]:
    """The place of each passage among all when ids descend: what breaks ties between equal scores."""
    by_id = sorted(range(len(ids)), key=lambda i: ids[i].encode(), reverse=True)
    places = np.empty(len(ids), dtype=np.int64)
    places[by_id] = np.arange(len(ids))
    return places


def top(scores: NDArray[np.float32], depth: int, tie_order: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Positions of the ``depth`` best of ``scores``, best first, ties by ``tie_order`` (else by position)."""
    if depth < len(scores):
        worst = np.partition(scores, len(scores) - depth)[len(scores) - depth]
        candidates = np.flatnonzero(scores >= worst)  # may exceed depth: ties at the cut are settled below
    else:
        candidates = np.arange(len(scores))
    ties = candidates if tie_order is None else tie_order[candidates]
    order: NDArray[np.int64] = candidates[np.lexsort((ties, -scores[candidates]))][:depth]
    return order


def write_run(path: Path, ranking: Ranking, tag: str) -> None:
    """Write a TREC run file: ``query Q0 passage rank score tag``."""
    with atomic(path) as file:
        for query, passages in ranking.items():
            for rank, (passage, score) in enumerate(passages.items(), start=1):
                file.write(f"{query} Q0 {passage} {rank} {np.float32(score)!s} {tag}\n")


def read_run(path: Path) -> Ranking:
    """Read a TREC run file; TokirError names the file and line that is none."""
    ranking: Ranking = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                query, _, passage, _, score, _ = line.split()
                ranking.setdefault(query, {})[passage] = float(score)
            except ValueError:
                raise TokirError(f"{path}:{number}: no line of a TREC run file") from None
    return ranking


def write_qrels(path: Path, qrels: dict[str, dict[str, int]]) -> None:
    """Write TREC judgements: ``query 0 passage grade``."""
    with atomic(path) as file:
        for query, judged in qrels.items():
            for passage, grade in judged.items():
                file.write(f"{query} 0 {passage} {grade}\n")
