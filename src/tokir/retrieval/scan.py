"""The best passages of many queries, found while all passages go by in blocks: memory stays flat, little is sorted.

Of each query only what may still belong to its best passages is kept: passages that score at least what the last of
the best so far scores, its floor. Most blocks hold next to none of them, so a scan costs little more than the scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.index import Hits, best_of

CROWDED = 4  # times as many kept passages as are wanted: then the floors are raised first
SPARE = 1024  # passages kept of a query, beyond those wanted, before they are sorted

Scores = Callable[[int, int], NDArray[np.float32]]
"""First passage and the one after the last to (queries, passages) scores; the array may be used again."""
Rescore = Callable[[int, NDArray[np.int64]], NDArray[np.float32]]
"""The number of a query and positions of passages, (n,), to their scores, (n,)."""


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
    best = [_Best(query, depth, tie_order, rescore) for query in range(queries)]
    floors = np.full(queries, -np.inf, dtype=np.float32)
    for start in range(0, len(tie_order), rows):
        block = scores(start, min(start + rows, len(tie_order)))
        width = block.shape[1]
        passing = block >= floors[:, None]
        if width > depth and np.count_nonzero(passing) > CROWDED * depth * queries:
            last = np.partition(block, width - depth, axis=1)[:, width - depth]
            floors = np.maximum(floors, last - np.float32(2 * slack))  # either of two scores may be off
            passing = block >= floors[:, None]
        found, columns = np.divmod(np.flatnonzero(passing), width)
        kept = block[found, columns]
        ends = np.searchsorted(found, np.arange(queries), side="right").tolist()
        for query, (first, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if first < end:
                best[query].add(columns[first:end] + start, kept[first:end])
                floors[query] = max(floors[query], best[query].last - np.float32(slack))
    return [one.hits() for one in best]


class _Best:
    """The best passages of a query so far."""

    def __init__(self, query: int, depth: int, tie_order: NDArray[np.int64], rescore: Rescore | None) -> None:
        self.query, self.depth, self.tie_order, self.rescore = query, depth, tie_order, rescore
        self.positions, self.scores = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        self._new: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        self._held = 0

    @property
    def last(self) -> np.float32:
        """What the last of as many as are wanted scores, as far as they are sorted."""
        return self.scores[-1] if len(self.scores) == self.depth else np.float32(-np.inf)

    def add(self, positions: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Passages that may be among the best."""
        self._new.append((positions, scores))
        self._held += len(positions)
        if self._held > self.depth + SPARE:
            self._cut()

    def _cut(self) -> None:
        """Put the new passages among the best, and forget those that are not."""
        positions, scores = (np.concatenate(parts) for parts in zip(*self._new, strict=True))
        if self.rescore is not None:
            scores = self.rescore(self.query, positions)
        positions, scores = np.concatenate([self.positions, positions]), np.concatenate([self.scores, scores])
        self.positions, self.scores = best_of(positions, scores, self.depth, self.tie_order)
        self._new, self._held = [], 0

    def hits(self) -> Hits:
        """What was found."""
        if self._new:
            self._cut()
        return Hits(self.positions, self.scores)
