"""Passages as token ids, and batches of pairs drawn from them: what every retrieval objective trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer

Tokens = NDArray[np.int64]
"""Token ids of a text."""


class TokenisedPassages:
    """Titles and texts of passages as token ids, flat in memory.

    Args:
        tokenizer: cuts them.
        titles: one per passage, may be empty.
        texts: one per passage.
    """

    def __init__(self, tokenizer: Tokenizer, titles: Sequence[str], texts: Sequence[str]) -> None:
        self._titles = _Flat(tokenizer.encode(titles))
        self._texts = _Flat(tokenizer.encode(texts))
        numbers: dict[str, int] = {}
        numbered = (numbers.setdefault(title, len(numbers)) for title in titles)
        self.title_of = np.fromiter(numbered, dtype=np.int64, count=len(titles))
        """Equal where titles are equal; nothing else is said by these numbers."""
        self.vocabulary_size = tokenizer.vocabulary_size

    def __len__(self) -> int:
        return len(self._texts)

    def title(self, index: int) -> Tokens:
        """Ids of a title."""
        return self._titles[index]

    def text(self, index: int) -> Tokens:
        """Ids of a text."""
        return self._texts[index]

    def whole(self, index: int, longest: int) -> Tokens:
        """Ids of title and text, at most ``longest``."""
        return np.concatenate([self._titles[index], self._texts[index]])[:longest]

    def document_frequencies(self) -> NDArray[np.int64]:
        """The number of passages that hold each entry of the vocabulary, (vocabulary,)."""
        counts = np.zeros(self.vocabulary_size, dtype=np.int64)
        for index in range(len(self)):
            counts[np.unique(np.concatenate([self._titles[index], self._texts[index]]))] += 1
        return counts


class _Flat:
    """Many short arrays in one."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self._ends = np.cumsum([0, *map(len, rows)])
        self._ids = np.fromiter((i for row in rows for i in row), dtype=np.int32, count=int(self._ends[-1]))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> Tokens:
        return self._ids[self._ends[index] : self._ends[index + 1]].astype(np.int64)


@dataclass(frozen=True)
class Pairs:
    """A batch: the i-th of ``left`` belongs to the i-th of ``right``; hard negatives may follow in ``right``.

    ``not_negative`` (left, right) marks what is neither the pair nor a fair negative of it: another part of the same
    passage, another relevant passage of the same query. Teachers are unit vectors, where there is a teacher. An empty
    ``right`` is fixed: what the texts are to find are the teacher's vectors themselves.
    """

    left: list[Tokens]
    right: list[Tokens]
    not_negative: NDArray[np.bool_]
    left_teacher: NDArray[np.float32] | None = None
    right_teacher: NDArray[np.float32] | None = None


class PairSource(Protocol):
    """Makes batches."""

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """A batch of at most ``count`` pairs."""


def crop(ids: Tokens, length: tuple[int, int], rng: np.random.Generator) -> Tokens:
    """A run of ``ids`` at a random position, of a random length within ``length``; all of a shorter text."""
    size = min(int(rng.integers(length[0], length[1] + 1)), len(ids))
    start = int(rng.integers(0, len(ids) - size + 1))
    return ids[start : start + size]


def thin(ids: Tokens, share: float, rng: np.random.Generator) -> Tokens:
    """``ids`` without a random ``share`` of them, but never without all."""
    if not share or len(ids) < 2:
        return ids
    kept = rng.random(len(ids)) >= share
    return ids[kept] if kept.any() else ids[:1]


def same(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, n): which of ``values`` (n,) are equal, each apart from itself."""
    equal: NDArray[np.bool_] = values[:, None] == values[None]
    np.fill_diagonal(equal, False)
    return equal
