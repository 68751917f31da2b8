"""The best passages of many queries, found while all passages go by in blocks: memory stays flat, little is sorted.

Of each query only what may still belong to its best passages is kept: passages that score at least what the last of
the best so far scores, its floor. Most blocks hold next to none of them, so a scan costs little more than the scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.index import Hits

CROWDED = 4  # times as many kept passages as are wanted: then the floors are raised first

Scores = Callable[[int, int], NDArray[np.float32]]
"""First passage and the one after the last to (queries, passages) scores; the array may be used again."""
Rescore = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""Rows of queries and positions of passages, both (pairs,), to the scores of these pairs."""


def nearest(
    scores: Scores,
    queries: int,
    depth: int,
    tie_order: NDArray[np.int64],
    rows: int,
    rescore: Rescore | None = None,
    slack: float = 0.0,
) -> list[Hits]:
    """The ``depth`` best passages of each query, ties by ``tie_order``.

    Args:
        scores: of a block of passages.
        queries: how many there are.
        depth: passages of each list.
        tie_order: (passages,) breaks ties.
        rows: passages in a block.
        rescore: the scores that count, where those of a block are only near them.
        slack: by how much they may be off at most.
    """
    best = _Best(queries, depth, tie_order, rescore, np.float32(slack))
    for start in range(0, len(tie_order), rows):
        best.add(scores(start, min(start + rows, len(tie_order))), start)
    return best.hits()


class _Best:
    """The best passages so far."""

    def __init__(
        self,
        queries: int,
        depth: int,
        tie_order: NDArray[np.int64],
        rescore: Rescore | None,
        slack: np.float32,
    ) -> None:
        self.queries, self.depth, self.tie_order = queries, depth, tie_order
        self.rescore, self.slack = rescore, slack
        self.floors = np.full(queries, -np.inf, dtype=np.float32)
        nothing = np.zeros(0, dtype=np.int64)
        self.rows, self.positions, self.scores = nothing, nothing, np.zeros(0, dtype=np.float32)  # sorted
        self._new: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        self._held = 0

    def add(self, scores: NDArray[np.float32], start: int) -> None:
        """The scores of the passages from ``start`` on, (queries, passages)."""
        enough, width = self.queries * self.depth, scores.shape[1]
        passing = scores >= self.floors[:, None]
        if width > self.depth and np.count_nonzero(passing) > CROWDED * enough:
            last = np.partition(scores, width - self.depth, axis=1)[:, width - self.depth]
            self.floors = np.maximum(self.floors, last - 2 * self.slack)  # either of two scores may be off
            passing = scores >= self.floors[:, None]
        rows, columns = np.divmod(np.flatnonzero(passing), width)
        self._new.append((rows, columns + start, scores[rows, columns]))
        self._held += len(rows)
        if self._held > enough:
            self._cut()

    def _cut(self) -> None:
        """Put the new passages among the best, and forget those that are not."""
        rows, positions, scores = (np.concatenate(parts) for parts in zip(*self._new, strict=True))
        if self.rescore is not None:
            scores = self.rescore(rows, positions)
        rows, positions = np.concatenate([self.rows, rows]), np.concatenate([self.positions, positions])
        scores = np.concatenate([self.scores, scores])
        order = np.lexsort((self.tie_order[positions], -scores, rows))
        rows = rows[order]
        ranks = np.arange(len(rows)) - np.searchsorted(rows, np.arange(self.queries))[rows]
        order, ranks = order[ranks < self.depth], ranks[ranks < self.depth]
        self.positions, self.scores = positions[order], scores[order]
        self.rows = np.repeat(
            np.arange(self.queries), np.bincount(rows, minlength=self.queries).clip(max=self.depth)
        )
        last = ranks == self.depth - 1
        floors = self.scores[last] - self.slack
        self.floors[self.rows[last]] = np.maximum(self.floors[self.rows[last]], floors)
        self._new, self._held = [], 0

    def hits(self) -> list[Hits]:
        """What was found."""
        if self._new:
            self._cut()
        ends = np.searchsorted(self.rows, np.arange(self.queries), side="right")
        starts = [0, *ends.tolist()]
        return [
            Hits(self.positions[start:stop], self.scores[start:stop])
            for start, stop in zip(starts, ends.tolist(), strict=False)
        ]
