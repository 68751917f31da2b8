"""A small query encoder in the space of a pretrained encoder, the teacher, whose passage vectors stay as they are.

The query encoder learns to rank the passages as the teacher does and to find the passage of each text (Wang and Lyu,
2023, arXiv 2306.11550; LEAF, arXiv 2509.12539; LightRetriever, arXiv 2505.12260). So a query costs what the small model
costs, and a new passage has to be read by the teacher. Texts are train queries; crops that stand in for queries, which
the teacher reads too; and, as often, longer parts of the passages, which take their passage's vector and so cost the
teacher nothing. The divergence runs over all passages that are trained on or, where these are many, over some of them:
those that the texts of the batch are to find, those that the teacher sees near the texts, and others at random.

A query encoder begins with the table whose sums come nearest to the teacher's vectors (:mod:`.closed_form`), so it is
trained at the learning rate of vectors that come from an earlier training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.errors import Unavailable
from tokir.training.distillation import taught_crops
from tokir.training.pairs import Pairs, Relevant
from tokir.training.texts import Counts, Texts

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs

RANKED = 16_384  # passages that a batch ranks, at most
NEAR = 32  # of them near each of its texts
KEPT = 32 * 2**20  # cosines of a teacher, 128 MB, that are worth keeping: those of each text with each passage


class TaughtTexts:
    """Texts, and the teacher's vectors of the passages to be found, which are the ``right`` of a batch.

    Args:
        texts: queries, or crops that stand in for them.
        owners: indices of the passages that each is to find; none is empty.
        teachers: unit vectors of the texts (texts, d) and of the passages (passages, d).
        encode: texts to token ids.
        perturb: misspells a text; None where texts are read as they are.
        perturbed_share: share of a batch that is misspelt; each text still learns the vector of the text as it was.
        parts: tokens, fewest and most, of the part that is read of a text, another one each time; None for all of it.
        ranked: passages that a batch ranks, at most.
        itself: the passage that each text is itself, which it is not to avoid; none without.
    """

    def __init__(
        self,
        texts: Sequence[str],
        owners: Sequence[Sequence[int]],
        teachers: tuple[NDArray[np.float32], NDArray[np.float32]],
        encode: Callable[[Sequence[str]], Texts],
        perturb: Callable[[str, np.random.Generator], str] | None = None,
        perturbed_share: float = 0.0,
        parts: tuple[int, int] | None = None,
        ranked: int = RANKED,
        itself: Sequence[int | None] = (),
    ) -> None:
        self.texts, self.teachers, self.encode = texts, teachers, encode
        self.tokens, self._owners = encode(texts), Relevant(owners)
        self.perturb, self.perturbed_share, self.parts, self.ranked = perturb, perturbed_share, parts, ranked
        self._itself = np.array([-1 if passage is None else passage for passage in itself or [None] * len(texts)])

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Texts drawn without replacement, and the passages that they rank, first the one that each is to find."""
        drawn = rng.choice(len(self.texts), min(count, len(self.texts)), replace=False)
        own = self._owners.drawn(drawn, rng)
        passages = self.teachers[1]
        if len(passages) <= self.ranked:
            right = np.arange(len(passages))
            teacher = self._cosines[drawn] if self._repeats else self.teachers[0][drawn] @ passages.T
        else:
            asked = self.teachers[0][drawn]
            right = self._some(own, asked, rng)
            passages = passages[right]
            teacher = asked @ passages.T
        places = np.searchsorted(right, own)
        not_negative = self._owners.among(drawn, right)
        rows = np.flatnonzero(np.isin(self._itself[drawn], right))
        not_negative[rows, np.searchsorted(right, self._itself[drawn[rows]])] = True
        not_negative[np.arange(len(drawn)), places] = False
        return Pairs(self._left(drawn, rng), passages, not_negative, teacher, places)

    @property
    def _repeats(self) -> bool:
        """Are the texts so few that all of their cosines can be kept?"""
        return len(self.texts) * len(self.teachers[1]) <= KEPT

    @cached_property
    def _cosines(self) -> NDArray[np.float32]:
        """The teacher's of every text with every passage, (texts, passages)."""
        return self.teachers[0] @ self.teachers[1].T

    @property
    def width(self) -> int:
        """Of the teacher's vectors."""
        return int(self.teachers[1].shape[1])

    def taught(self) -> list[tuple[Texts, NDArray[np.float32]]]:
        """All texts, and the vectors (texts, width) that they are to have."""
        return [(self.tokens, self.teachers[0])]

    def _left(self, drawn: Counts, rng: np.random.Generator) -> Texts:
        left = self.tokens.take(drawn)
        if self.perturb is not None and self.perturbed_share:
            chosen = np.flatnonzero(rng.random(len(drawn)) < self.perturbed_share)
            misspelt = [self.perturb(self.texts[drawn[row]], rng) for row in chosen]
            left = left.replaced(chosen, self.encode(misspelt))
        return left if self.parts is None else left.cropped(self.parts, rng)

    def _some(self, own: Counts, asked: NDArray[np.float32], rng: np.random.Generator) -> Counts:
        """The own passages, the nearest to the texts and a sample of the others, ascending."""
        count = len(self.teachers[1])
        chosen = np.zeros(count, dtype=bool)
        reach = min(NEAR, max(1, (self.ranked - len(own)) // (2 * len(own))), count)
        near = np.argpartition(-(asked @ self.teachers[1].T), reach - 1, axis=1)[:, :reach]
        chosen[near] = True
        chosen[own] = True
        others = np.flatnonzero(~chosen)
        more = max(0, min(len(others), self.ranked - int(chosen.sum())))
        chosen[rng.choice(others, more, replace=False)] = True
        return np.flatnonzero(chosen)


class EitherTexts:
    """Batches of one source or another, as often of each."""

    def __init__(self, sources: Sequence[TaughtTexts]) -> None:
        self.sources = sources

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """A batch of one of the sources, at most ``count`` pairs."""
        return self.sources[int(rng.integers(len(self.sources)))].draw(rng, count)

    @property
    def width(self) -> int:
        """Of the teacher's vectors."""
        return self.sources[0].width

    def taught(self) -> list[tuple[Texts, NDArray[np.float32]]]:
        """The texts of all sources, and the vectors (texts, width) that they are to have."""
        return [part for source in self.sources for part in source.taught()]


def passage_texts(inputs: SourceInputs) -> EitherTexts:
    """The texts of the part ``query-distillation``: crops that the teacher has read, and parts of the passages."""
    if inputs.teacher is None:
        raise Unavailable("there is no teacher to distil from")
    titles, texts = inputs.texts()
    crops, owners = taught_crops(inputs)
    vectors = inputs.teacher.passages()
    read = _asked(inputs, crops, [[owner] for owner in owners], (inputs.teacher.texts("crops", crops), vectors))
    held = [index for index, text in enumerate(texts) if text]
    wholes = [f"{titles[index]} {texts[index]}".lstrip() for index in held]
    parts = inputs.settings.query_tokens[1], inputs.settings.passage_tokens[0]
    taught = vectors[held], vectors
    own = TaughtTexts(wholes, [[i] for i in held], taught, inputs.encode, parts=(min(parts), max(parts)))
    return EitherTexts([read, own])


def query_texts(inputs: SourceInputs) -> TaughtTexts:
    """The train queries, where only the query encoder is trained."""
    if inputs.train_queries is None or inputs.teacher is None:
        raise Unavailable("the data set has no train queries")
    queries = inputs.train_queries()
    vectors = inputs.teacher.texts("queries", queries.texts), inputs.teacher.passages()
    return _asked(inputs, queries.texts, queries.relevant, vectors, queries.own)


def _asked(
    inputs: SourceInputs,
    texts: Sequence[str],
    owners: Sequence[Sequence[int]],
    teachers: tuple[NDArray[np.float32], NDArray[np.float32]],
    itself: Sequence[int | None] = (),
) -> TaughtTexts:
    """Queries, or what stands in for them: some are misspelt, where that is asked for."""
    share = inputs.settings.perturbed_share
    return TaughtTexts(texts, owners, teachers, inputs.encode, inputs.perturb, share, itself=itself)
