"""Passages as token ids, and batches of pairs drawn from them: what every retrieval objective trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tokir.training.texts import Counts, Texts, Tokens, crop, encoded, runs

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer


class TokenisedPassages:
    """Titles and texts of passages as token ids, flat in memory: each title with its text after it.

    Args:
        tokenizer: cuts them.
        titles: one per passage, may be empty.
        texts: one per passage.
    """

    def __init__(self, tokenizer: Tokenizer, titles: Sequence[str], texts: Sequence[str]) -> None:
        both = list(chain.from_iterable(zip(titles, texts, strict=True)))
        self._ids, lengths = encoded(tokenizer, both)
        self.title_lengths, self.text_lengths = np.ascontiguousarray(lengths.reshape(-1, 2).T)
        """Tokens of each title and of each text, (passages,)."""
        self._ends = np.cumsum(self.title_lengths + self.text_lengths)
        numbers: dict[str, int] = {}
        numbered = (numbers.setdefault(title, len(numbers)) for title in titles)
        self.title_of = np.fromiter(numbered, dtype=np.int64, count=len(titles))
        """Equal where titles are equal; nothing else is said by these numbers."""
        self.vocabulary_size = tokenizer.vocabulary_size

    def __len__(self) -> int:
        return len(self._ends)

    def whole(self, index: int) -> Tokens:
        """Ids of title and text."""
        start = self._ends[index] - self.title_lengths[index] - self.text_lengths[index]
        return self._ids[start : self._ends[index]].astype(np.int64)

    def wholes(self, indices: Counts) -> Texts:
        """Title and text of each passage."""
        sizes = self.text_lengths[indices][:, None]
        return self.parts(indices, np.zeros_like(sizes), sizes)

    def parts(self, indices: Counts, starts: Counts, sizes: Counts, titles: bool = True) -> Texts:
        """Some runs of the text of each passage, after its title.

        Args:
            indices: (texts,) of the passages.
            starts: (texts, runs) where the runs begin in their passage's text; without runs there is the title alone.
            sizes: (texts, runs) tokens of each.
            titles: else they are without their title.
        """
        texts = self._ends[indices] - self.text_lengths[indices]
        before = self.title_lengths[indices] if titles else np.zeros(len(indices), dtype=np.int64)
        lengths = np.column_stack([before, sizes])
        begins = np.column_stack([texts - before, texts[:, None] + starts])
        return Texts(runs(self._ids, begins.ravel(), lengths.ravel()), lengths.sum(axis=1))

    def crops(
        self, indices: Counts, length: tuple[int, int], rng: np.random.Generator, titles: bool = True
    ) -> Texts:
        """A crop of the text of each passage, after its title."""
        starts, sizes = crop(self.text_lengths[indices], length, rng)
        return self.parts(indices, starts[:, None], sizes[:, None], titles)

    def document_frequencies(self) -> NDArray[np.int64]:
        """The number of passages that hold each entry of the vocabulary, (vocabulary,)."""
        counts = np.zeros(self.vocabulary_size, dtype=np.int64)
        for index in range(len(self)):
            counts[np.unique(self.whole(index))] += 1
        return counts


@dataclass(frozen=True)
class Pairs:
    """A batch: texts, and those that belong to them; hard negatives may follow in ``right``.

    Attributes:
        left: texts, queries among them.
        right: texts; or unit vectors (right, width) that the left ones are to find, which are not trained.
        not_negative: (left, right) marks what is neither the pair nor a fair negative of it: another part of the same
            passage, another relevant passage of the same query.
        teacher: (left, right) cosines of a teacher, where there is one.
        places: (left,) which right one each belongs to, where these are vectors; of texts it is the one at its place.
    """

    left: Texts
    right: Texts | NDArray[np.float32]
    not_negative: NDArray[np.bool_]
    teacher: NDArray[np.float32] | None = None
    places: Counts | None = None


class PairSource(Protocol):
    """Makes batches."""

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """A batch of at most ``count`` pairs."""


@runtime_checkable
class Taught(Protocol):
    """A source of texts that a teacher has vectors of."""

    @property
    def width(self) -> int:
        """Of the teacher's vectors."""

    def taught(self) -> list[tuple[Texts, NDArray[np.float32]]]:
        """All texts, in parts as they lie, and the unit vectors (texts, width) that the teacher gives those of each."""


def same(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, n): which of ``values`` (n,) are equal, each apart from itself."""
    equal: NDArray[np.bool_] = values[:, None] == values[None]
    np.fill_diagonal(equal, False)
    return equal


class Relevant:
    """The passages of each of many queries.

    Args:
        passages: indices of those of each query.
    """

    def __init__(self, passages: Sequence[Sequence[int]]) -> None:
        self._of = Texts.of(passages)

    def drawn(self, queries: Counts, rng: np.random.Generator) -> Counts:
        """One passage of each of ``queries`` that has any."""
        queries = queries[self._of.lengths[queries] > 0]
        drawn: Counts = self._of.ids[self._of.starts[queries] + rng.integers(self._of.lengths[queries])]
        return drawn

    def among(self, queries: Counts, columns: Counts) -> NDArray[np.bool_]:
        """(queries, columns): which of the passages ``columns`` are among those of each query."""
        found = self._of.take(queries)
        rows = np.repeat(np.arange(len(queries)), found.lengths)
        distinct, inverse = np.unique(columns, return_inverse=True)
        places = np.searchsorted(distinct, found.ids)
        places[places == len(distinct)] = 0
        there = distinct[places] == found.ids
        marked = np.zeros((len(queries), len(distinct)), dtype=bool)
        marked[rows[there], places[there]] = True
        return (
            marked if len(distinct) == len(columns) and np.array_equal(distinct, columns) else marked[:, inverse]
        )
