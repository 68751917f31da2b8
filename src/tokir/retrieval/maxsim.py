"""Late interaction (MaxSim; ColBERT, Khattab and Zaharia, 2020) over token vectors that do not depend on context.

A passage's score is the sum, over the query's tokens, of the token's weight times its best cosine with any token of the
passage. An index holds these best cosines for every entry of the vocabulary, in 8 bits (:mod:`.best_cosines`): all of
them, or of each entry those with the passages that are nearest to it. So a query looks at every passage, and reads one
row of the index for each of its tokens.

A score is off by at most half a step of the 8 bits, 1 / 254, times the sum of the query's weights, beside what single
precision loses. Weights are positive.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_array, write_array
from tokir.retrieval.best_cosines import STEPS, best_cosines
from tokir.retrieval.index import Hits, rows_of, top

if TYPE_CHECKING:
    from tokir.models.retriever import Retriever

PASSAGES = 16_384  # scored at once, so that the rows of a query stay in the processor's cache
WEIGHTS = "weights.npy"


@dataclass(frozen=True)
class TokenVectors:
    """The vectors of a vocabulary in late interaction.

    Attributes:
        table: (vocabulary, width), of unit length.
        weights: (vocabulary,) of each token of a query, positive.
    """

    table: NDArray[np.float32]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, table: NDArray[np.float32], weights: NDArray[np.float32]) -> TokenVectors:
        """Vectors of any length, which multiplies their weights."""
        lengths = np.linalg.norm(table, axis=1)
        return cls(table / np.maximum(lengths, 1e-9)[:, None], weights * lengths)

    @classmethod
    def of_model(cls, model: Retriever) -> TokenVectors:
        """Those of a static model."""
        tensors = model.embedding.weight, model.token_weights
        return cls.of(*(tensor.detach().float().cpu().numpy() for tensor in tensors))


class LateIndex(ABC):
    """What both forms of the index have in common.

    Args:
        weights: (vocabulary,) of each token of a query.
        tie_order: (passages,) breaks ties between equal scores.
    """

    def __init__(self, weights: NDArray[np.float32], tie_order: NDArray[np.int64]) -> None:
        self.weights, self.tie_order = weights, tie_order

    @abstractmethod
    def scores(self, query: Sequence[int]) -> NDArray[np.float32]:
        """Of every passage for the token ids of a query, (passages,); zero for a query without tokens."""

    def search(self, query: Sequence[int], depth: int) -> Hits:
        """The ``depth`` best passages of one query."""
        scores = self.scores(query)
        best = top(scores, depth, self.tie_order)
        return Hits(best, scores[best])


class MaxSimIndex(LateIndex):
    """The best cosine of every entry of the vocabulary with every passage: a byte for each pair.

    Args:
        weights: (vocabulary,) of each token of a query.
        best: (vocabulary, passages) best cosines, in steps; may be memory-mapped.
        tie_order: (passages,) breaks ties between equal scores.
    """

    BEST = "best.npy"

    def __init__(self, weights: NDArray[np.float32], best: NDArray[np.int8], tie_order: NDArray[np.int64]) -> None:
        super().__init__(weights, tie_order)
        self.best = best

    def scores(self, query: Sequence[int]) -> NDArray[np.float32]:
        """Of every passage, (passages,); zero for a query without tokens, and for a passage without any."""
        times = Counter(query)  # a long query repeats its tokens, and a row of ``best`` is long
        ids, count = np.fromiter(times, dtype=np.int64, count=len(times)), self.best.shape[1]
        repeated = np.fromiter(times.values(), dtype=np.float32, count=len(times))
        weights = (self.weights[ids] * repeated)[:, None] / np.float32(STEPS)
        parts = -(-count // PASSAGES)
        found = np.empty(count, dtype=np.float32)
        for part in range(parts):
            # Parts of like size: along a wide axis numpy sums row after row, so equal passages have equal scores.
            start, stop = count * part // parts, count * (part + 1) // parts
            np.add.reduce(self.best[ids, start:stop] * weights, axis=0, out=found[start:stop])
        return found

    @classmethod
    def build(
        cls,
        folder: Path,
        model: TokenVectors,
        tokens: NDArray[np.int32],
        ends: NDArray[np.int64],
        before: tuple[MaxSimIndex, NDArray[np.int64]] | None = None,
    ) -> None:
        """Write the index of passages into an existing folder, block by block.

        Args:
            folder: of the index.
            model: the token vectors.
            tokens: distinct ids of the passages, one after the other.
            ends: (passages,) where each passage's ids end in ``tokens``.
            before: an index of the same model, and the positions in it of passages that come before all others.
        """
        known, kept = (before[0].best, before[1]) if before else (None, np.zeros(0, dtype=np.int64))
        write_array(folder / WEIGHTS, model.weights)
        with rows_of(folder / cls.BEST, np.int8, len(kept) + len(ends)) as append:
            entry = 0
            for block in best_cosines(model.table, tokens, ends):
                if known is None:
                    append(block)
                    continue
                for row in block:  # one by one, since an entry has a byte for every passage
                    append(np.concatenate([known[entry][kept], row])[None])
                    entry += 1

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> MaxSimIndex:
        """Open what :meth:`build` wrote, memory-mapped; TokirError names a file that is missing or damaged."""
        return cls(read_array(folder / WEIGHTS), read_array(folder / cls.BEST), tie_order)


class PrunedMaxSimIndex(LateIndex):
    """Of each entry of the vocabulary, the passages that are nearest to it: five bytes for each.

    A passage that was left out counts as the least near of those that could have been kept, the entry's floor. Passages
    at the floor itself say no more than that, and are left out too.

    Args:
        weights: (vocabulary,) of each token of a query.
        floors: (vocabulary,) best cosines of what was left out, in steps.
        positions: of the passages kept, entry after entry.
        above: how far each of them lies above the floor of its entry, in steps.
        ends: (vocabulary,) where each entry's passages end in ``positions`` and ``above``.
        tie_order: (passages,) breaks ties between equal scores.
    """

    FLOORS, POSITIONS, ABOVE, ENDS = "floors.npy", "positions.npy", "above.npy", "ends.npy"

    def __init__(
        self,
        weights: NDArray[np.float32],
        floors: NDArray[np.int8],
        positions: NDArray[np.int32],
        above: NDArray[np.uint8],
        ends: NDArray[np.int64],
        tie_order: NDArray[np.int64],
    ) -> None:
        super().__init__(weights, tie_order)
        self.floors, self.ends = floors, ends
        self.positions, self.above = positions, above

    def scores(self, query: Sequence[int]) -> NDArray[np.float32]:
        """Of every passage, (passages,); zero for a query without tokens."""
        ids = np.asarray(query, dtype=np.int64)
        weights = self.weights[ids] / np.float32(STEPS)
        found = np.full(len(self.tie_order), weights @ self.floors[ids].astype(np.float32), dtype=np.float32)
        starts = np.where(ids > 0, self.ends[ids - 1], 0)
        for weight, start, end in zip(weights, starts.tolist(), self.ends[ids].tolist(), strict=True):
            found[self.positions[start:end]] += weight * self.above[start:end]
        return found

    @classmethod
    def build(
        cls,
        folder: Path,
        model: TokenVectors,
        tokens: NDArray[np.int32],
        ends: NDArray[np.int64],
        kept: float,
    ) -> None:
        """As :meth:`MaxSimIndex.build`; ``kept`` is the share of the passages that each entry may keep, above 0."""
        count = len(ends)
        last = count - max(1, math.ceil(kept * count))  # of an entry's passages in ascending order: its floor
        floors, sizes = [], []
        with (
            rows_of(folder / cls.POSITIONS, np.int32) as add_positions,
            rows_of(folder / cls.ABOVE, np.uint8) as add_above,
        ):
            for block in best_cosines(model.table, tokens, ends):
                floor = np.partition(block, last, axis=1)[:, last]
                entries, positions = np.nonzero(block > floor[:, None])
                add_positions(positions)
                add_above(block[entries, positions].astype(np.int16) - floor[entries])
                floors.append(floor)
                sizes.append(np.bincount(entries, minlength=len(block)))
        write_array(folder / WEIGHTS, model.weights)
        write_array(folder / cls.FLOORS, np.concatenate(floors))
        write_array(folder / cls.ENDS, np.cumsum(np.concatenate(sizes), dtype=np.int64))

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64]) -> PrunedMaxSimIndex:
        """Open what :meth:`build` wrote, memory-mapped; TokirError names a file that is missing or damaged."""
        names = (WEIGHTS, cls.FLOORS, cls.POSITIONS, cls.ABOVE, cls.ENDS)
        weights, floors, positions, above, ends = (read_array(folder / name) for name in names)
        return cls(weights, floors, positions, above, ends, tie_order)
