"""Several ranked lists as one: by reciprocal ranks (Cormack et al., 2009), or by a weighted sum of scores brought
to one scale per query (Lee, 1997; with z-scores as scale).

A list is brought to its scale once, whatever weights are tried on it afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.index import Hits, best_of
from tokir.retrieval.registry import Method

RANK_OFFSET = 60  # of the paper: how little the first ranks differ


class Joined(NamedTuple):
    """The lists of one query over the passages that any of them holds."""

    positions: NDArray[np.int64]  # (passages,)
    scores: NDArray[np.float64]  # (lists, passages), each on its scale; what a list does not hold counts as absent


def join(lists: Sequence[Hits], method: Method) -> Joined:
    """Bring the lists of one query to one scale.

    With z-scores a passage that a list does not hold counts as the worst one it holds, with reciprocal ranks as zero.
    Scores that are all the same have no deviation: if they are above zero, passages of the list count as one and all
    others as zero, as with a word that a single passage holds. If they are not, as of a query without tokens, the list
    says nothing, and with reciprocal ranks neither.
    """
    scale = _z_scores if method == "weighted" else _reciprocal_ranks
    found = np.concatenate([hits.positions for hits in lists])
    # Marks over all passages cost less than sorting what was found.
    marks = np.zeros(int(found.max(initial=-1)) + 1, dtype=np.bool_)
    marks[found] = True
    positions = np.flatnonzero(marks)
    column = np.empty(len(marks), dtype=np.int64)
    column[positions] = np.arange(len(positions))
    scores = np.empty((len(lists), len(positions)))
    for row, hits in zip(scores, lists, strict=True):
        scaled, absent = scale(hits.scores)
        row[:] = absent
        row[column[hits.positions]] = scaled
    return Joined(positions, scores)


def fuse(joined: Joined, weights: Sequence[float], depth: int, tie_order: NDArray[np.int64]) -> Hits:
    """The ``depth`` best passages by the weighted sum of their scores.

    Args:
        joined: lists of one query.
        weights: one for each list.
        depth: passages to keep.
        tie_order: (all passages,) breaks ties.
    """
    sums = np.zeros(len(joined.positions))
    for weight, row in zip(weights, joined.scores, strict=True):
        sums += weight * row
    # As float32, the form in which rankings are written, so that ties are those of the file.
    exact = sums.astype(np.float32)
    return best_of(joined.positions, exact, depth, tie_order)


def _z_scores(scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    if not len(scores):
        return np.zeros(0), 0.0
    values = scores.astype(np.float64)
    if values[0] == values[-1]:  # of scores in their order
        return (values > 0).astype(np.float64), 0.0
    centred = values - np.add.reduce(values) / len(values)  # np.mean and np.std take several times as long
    scaled: NDArray[np.float64] = centred / math.sqrt(np.add.reduce(centred * centred) / len(values))
    return scaled, float(scaled[-1])  # the best comes first


def _reciprocal_ranks(scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    if len(scores) and scores[0] == scores[-1] <= 0:
        return np.zeros(len(scores)), 0.0
    return 1 / (RANK_OFFSET + np.arange(1, len(scores) + 1)), 0.0
