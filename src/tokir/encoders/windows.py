"""Texts of any length to vectors by a network that reads windows of a few tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer


class Batch(NamedTuple):
    """Windows of texts, filled up behind to the length of the longest."""

    ids: NDArray[np.int64]  # (windows, time)
    weights: NDArray[np.float32]  # (windows, time) of each token; 0 after the end of a window
    owners: NDArray[np.int64]  # (windows,) the text that a window belongs to


class WindowEncoder:
    """A text's vector is the weighted mean of the states of all its tokens, however many windows it is read in.

    Args:
        tokenizer: cuts the texts.
        dimensions: of a state.
        window: tokens that are read at once.
        weights: (vocabulary,) of each token, above 0; all equal without.
    """

    def __init__(
        self, tokenizer: Tokenizer, dimensions: int, window: int, weights: NDArray[np.float32] | None
    ) -> None:
        self.tokenizer, self.dimensions, self.window = tokenizer, dimensions, window
        self.weights = np.ones(tokenizer.vocabulary_size, dtype=np.float32) if weights is None else weights

    @property
    @abstractmethod
    def tokens_per_batch(self) -> int:
        """Padded; bounds memory."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return self.tokenizer.encode(texts)

    def embed(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Mean-pooled states, (texts, dimensions); a text without tokens is the zero vector."""
        totals = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        mass = np.zeros((len(tokens), 1), dtype=np.float32)
        for batch, sums in self._sums(list(self._batches(tokens))):
            np.add.at(totals, batch.owners, sums)
            np.add.at(mass, batch.owners, batch.weights.sum(1, keepdims=True))
        totals /= np.where(mass > 0, mass, 1)
        return totals

    @abstractmethod
    def _sums(self, batches: list[Batch]) -> Iterable[tuple[Batch, NDArray[np.float32]]]:
        """Each batch in turn, with the sums of the states of its windows by the weights, (windows, dimensions)."""

    def _batches(self, tokens: list[list[int]]) -> Iterator[Batch]:
        """Windows of like length share a batch, so little is padding; batches depend on the texts alone."""
        parts = [
            (owner, ids[start : start + self.window])
            for owner, ids in enumerate(tokens)
            for start in range(0, len(ids), self.window)
        ]
        parts.sort(key=lambda part: len(part[1]))
        first = 0
        for last, (_, ids) in enumerate(parts, start=1):
            # The next window is at least as long, and would make all of them so.
            if last == len(parts) or (last - first + 1) * len(parts[last][1]) > self.tokens_per_batch:
                yield self._batch(parts[first:last], len(ids))
                first = last

    def _batch(self, parts: list[tuple[int, list[int]]], width: int) -> Batch:
        ids = np.zeros((len(parts), width), dtype=np.int64)
        weights = np.zeros((len(parts), width), dtype=np.float32)
        for row, (_, part) in enumerate(parts):
            ids[row, : len(part)] = part
            weights[row, : len(part)] = self.weights[ids[row, : len(part)]]
        return Batch(ids, weights, np.array([owner for owner, _ in parts]))
