"""Many texts as token ids in one array: what batches are made of, without a loop over their texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer

Tokens = NDArray[np.int64]
"""Token ids of a text."""
Counts = NDArray[np.int64]


ENCODED_AT_ONCE = 1024  # texts: what a library makes of one of its tokens takes a hundred bytes


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Token ids of texts, end to end, and how many each has; made some texts at a time, so flat in memory."""
    ids, lengths = [np.zeros(0, dtype=np.int32)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(texts), ENCODED_AT_ONCE):
        rows = tokenizer.encode(texts[start : start + ENCODED_AT_ONCE])
        lengths.append(np.fromiter(map(len, rows), dtype=np.int64, count=len(rows)))
        ids.append(np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths[-1].sum())))
    return np.concatenate(ids), np.concatenate(lengths)


@dataclass(frozen=True)
class Texts:
    """Texts laid end to end; a sequence of them too.

    Attributes:
        ids: (all tokens,) of the texts, one text after the other.
        lengths: (texts,) tokens of each.
    """

    ids: Tokens
    lengths: Counts

    @classmethod
    def of(cls, texts: Sequence[Sequence[int] | Tokens]) -> Texts:
        """Of lists or arrays of ids."""
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return cls(np.fromiter(chain.from_iterable(texts), dtype=np.int64, count=int(lengths.sum())), lengths)

    @classmethod
    def together(cls, parts: Iterable[Texts]) -> Texts:
        """The texts of several, in their order."""
        parts = list(parts)
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([part.lengths for part in parts]))

    @cached_property
    def starts(self) -> Counts:
        """(texts,) where each begins in ``ids``."""
        return np.cumsum(self.lengths) - self.lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Tokens:
        start = self.starts[index]
        return self.ids[start : start + self.lengths[index]]

    def take(self, rows: NDArray[np.integer]) -> Texts:
        """The texts at ``rows``, in that order."""
        return Texts(runs(self.ids, self.starts[rows], self.lengths[rows]), self.lengths[rows])

    def replaced(self, rows: NDArray[np.integer], others: Texts) -> Texts:
        """With ``others`` instead of the texts at ``rows``."""
        order = np.arange(len(self))
        order[rows] = np.arange(len(self), len(self) + len(rows))
        return Texts.together([self, others]).take(order)

    def cut(self, longest: int) -> Texts:
        """At most the first ``longest`` tokens of each."""
        if not len(self) or self.lengths.max() <= longest:
            return self
        lengths = np.minimum(self.lengths, longest)
        return Texts(runs(self.ids, self.starts, lengths), lengths)

    def cropped(self, length: tuple[int, int], rng: np.random.Generator) -> Texts:
        """A crop of each, as :func:`crop` draws them."""
        starts, sizes = crop(self.lengths, length, rng)
        return Texts(runs(self.ids, self.starts + starts, sizes), sizes)

    def thinned(self, share: float, rng: np.random.Generator) -> Texts:
        """Without a random ``share`` of the tokens, but no text without all of its own."""
        if not share:
            return self
        kept = rng.random(len(self.ids)) >= share
        until = np.concatenate([[0], np.cumsum(kept)])
        lengths = until[self.starts + self.lengths] - until[self.starts]
        emptied = (lengths == 0) & (self.lengths > 0)
        kept[self.starts[emptied]] = True
        lengths[emptied] = 1
        return Texts(self.ids[kept], lengths)


def crop(lengths: Counts, length: tuple[int, int], rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Where runs of texts of these ``lengths`` (texts,) start, and how long they are, (texts,) both.

    At a random position, of a random length within ``length``; all of a shorter text.
    """
    sizes = np.minimum(rng.integers(length[0], length[1] + 1, len(lengths)), lengths)
    return rng.integers(0, lengths - sizes + 1), sizes


def runs(ids: NDArray[np.integer], starts: Counts, lengths: Counts) -> Tokens:
    """Runs of ``ids``, laid end to end."""
    firsts = np.cumsum(lengths) - lengths
    laid: Tokens = ids[np.arange(lengths.sum()) + np.repeat(starts - firsts, lengths)].astype(np.int64, copy=False)
    return laid
