"""Ranked lists in the order and the format of trec_eval, so that any tool scores them alike.

trec_eval ignores the rank column: it sorts by score, and equal scores by descending document id. Rankings here
are cut and ordered by that same rule, and scores are float32, written with all their digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import atomic
from tokir.errors import TokirError

Ranking = dict[str, dict[str, float]]
"""Query id to passage id to score, best first."""


def descending(ids: Iterable[str]) -> NDArray[np.int64]:
    """Positions of the passages in the order of their ids, largest first: where an id is found by bisection.

    >>> descending(["a", "c", "b"]).tolist()
    [1, 2, 0]
    """
    import pyarrow as pa
    import pyarrow.compute

    strings = pa.array(ids, pa.large_string())  # compared as trec_eval does, by the bytes of UTF-8
    order = pa.compute.sort_indices(strings, sort_keys=[("", "descending")])
    found: NDArray[np.int64] = order.to_numpy().astype(np.int64)
    return found


def id_order(ids: Iterable[str]) -> NDArray[np.int64]:
    """The rank of each passage among all when ids descend: what breaks ties between equal scores."""
    return inverse(descending(ids))


def inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each position in ``order``.

    >>> inverse(np.array([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def write_run(path: Path, ranking: Ranking, tag: str) -> None:
    """Write a TREC run file: ``query Q0 passage rank score tag``."""
    with atomic(path) as file:
        for query, passages in ranking.items():
            for rank, (passage, score) in enumerate(passages.items(), start=1):
                file.write(f"{query} Q0 {passage} {rank} {np.float32(score)!s} {tag}\n")


def read_run(path: Path) -> Ranking:
    """Read a TREC run file; TokirError names the file and the line that does not belong in one."""
    ranking: Ranking = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                query, _, passage, _, score, _ = line.split()
                ranking.setdefault(query, {})[passage] = float(score)
            except ValueError:
                raise TokirError(f"{path}:{number}: not a line of a TREC run file") from None
    return ranking


def write_qrels(path: Path, qrels: dict[str, dict[str, int]]) -> None:
    """Write TREC judgements: ``query 0 passage grade``."""
    with atomic(path) as file:
        for query, judged in qrels.items():
            for passage, grade in judged.items():
                file.write(f"{query} 0 {passage} {grade}\n")
