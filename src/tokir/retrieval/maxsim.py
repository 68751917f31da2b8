"""Late interaction (MaxSim; ColBERT, Khattab and Zaharia, 2020) over token vectors that do not depend on context.

A passage's score is the sum, over the query's tokens, of the token's weight times its best cosine with any token of the
passage. Since a static model gives a token the same vector everywhere, the index holds no vectors, only the distinct
token ids of each passage: some 160 bytes of them for a hundred words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array

FILES = ("table.npy", "weights.npy", "tokens.npy", "ends.npy")


class MaxSimIndex:
    """Distinct token ids of every passage, and the token vectors they stand for.

    Args:
        table: (vocabulary, width) token vectors of unit length.
        weights: (vocabulary,) of each token of a query.
        tokens: distinct ids of the passages, one after the other.
        ends: (passages,) where each passage's ids end in ``tokens``.
    """

    def __init__(
        self,
        table: NDArray[np.float32],
        weights: NDArray[np.float32],
        tokens: NDArray[np.int32],
        ends: NDArray[np.int64],
    ) -> None:
        self.table, self.weights, self.tokens, self.ends = table, weights, tokens, ends

    @classmethod
    def of(
        cls,
        table: NDArray[np.float32],
        weights: NDArray[np.float32],
        tokens: NDArray[np.int32],
        ends: NDArray[np.int64],
    ) -> MaxSimIndex:
        """The index over token vectors of any length, which multiplies the ``weights`` of a query's tokens."""
        lengths = np.linalg.norm(table, axis=1)
        return cls(table / np.maximum(lengths, 1e-9)[:, None], weights * lengths, tokens, ends)

    def scores(self, query: Sequence[int], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Of the passages at ``positions``; zero for a query without tokens, and for a passage without any."""
        found = np.zeros(len(positions), dtype=np.float32)
        starts = np.where(positions > 0, self.ends[positions - 1], 0)
        sizes = self.ends[positions] - starts
        held = sizes > 0
        if not len(query) or not held.any():
            return found
        starts, sizes = starts[held], sizes[held]
        firsts = np.cumsum(sizes) - sizes
        flat = self.tokens[np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes)]
        ids = np.asarray(query, dtype=np.int64)
        similar = self.table[ids] @ self.table.T  # (query tokens, vocabulary)
        best = np.maximum.reduceat(similar[:, flat], firsts, axis=1)  # (query tokens, passages)
        found[held] = self.weights[ids] @ best
        return found

    def save(self, folder: Path) -> None:
        """Write all four arrays into an existing folder."""
        for file, array in zip(FILES, (self.table, self.weights, self.tokens, self.ends), strict=True):
            write_array(folder / file, array)

    @classmethod
    def load(cls, folder: Path) -> MaxSimIndex:
        """Open what :meth:`save` wrote, memory-mapped; TokirError names a file that is missing or damaged."""
        return cls(*(read_array(folder / file) for file in FILES))


def distinct_tokens(texts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """``tokens`` and ``ends`` of :class:`MaxSimIndex`.

    >>> [array.tolist() for array in distinct_tokens([[3, 1, 3], [], [2]])]
    [[1, 3, 2], [2, 2, 3]]
    """
    distinct = [np.unique(np.asarray(ids, dtype=np.int32)) for ids in texts]
    tokens = np.concatenate(distinct) if distinct else np.zeros(0, dtype=np.int32)
    return tokens, np.cumsum([len(ids) for ids in distinct], dtype=np.int64)
