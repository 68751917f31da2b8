"""A small query encoder in the space of a pretrained encoder, the teacher, whose passage vectors stay as they are.

The query encoder learns to rank the passages as the teacher does and to find the passage of each text (Wang and Lyu,
2023, arXiv 2306.11550; LEAF, arXiv 2509.12539; LightRetriever, arXiv 2505.12260). So a query costs what the small model
costs, and a new passage has to be read by the teacher. Texts are train queries, and crops that stand in for queries.
The divergence runs over all passages that are trained on or, where these are many, over some of them: those that the
texts of the batch are to find, those that the teacher sees near the texts, and others at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.errors import Unavailable
from tokir.training.distillation import query_like
from tokir.training.pairs import Pairs, Tokens

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs

RANKED = 16_384  # passages that a batch ranks, at most
NEAR = 32  # of them near each of its texts


class TaughtTexts:
    """Texts, and the teacher's vectors of the passages to be found: the ``right`` of a batch is fixed.

    Args:
        texts: queries, or crops that stand in for them.
        owners: indices of the passages that each is to find; none is empty.
        teachers: unit vectors of the texts (texts, d) and of the passages (passages, d).
        encode: texts to token ids.
        perturb: misspells a text; None where texts are read as they are.
        perturbed_share: share of a batch that is misspelt; each text still learns the vector of the text as it was.
        ranked: passages that a batch ranks, at most.
    """

    def __init__(
        self,
        texts: Sequence[str],
        owners: Sequence[Sequence[int]],
        teachers: tuple[NDArray[np.float32], NDArray[np.float32]],
        encode: Callable[[Sequence[str]], list[Tokens]],
        perturb: Callable[[str, np.random.Generator], str] | None = None,
        perturbed_share: float = 0.0,
        ranked: int = RANKED,
    ) -> None:
        self.texts, self.owners, self.teachers, self.encode = texts, owners, teachers, encode
        self.tokens = encode(texts)
        self.perturb, self.perturbed_share, self.ranked = perturb, perturbed_share, ranked

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Texts drawn without replacement, and the passages that they rank, first the one that each is to find."""
        drawn = rng.choice(len(self.texts), min(count, len(self.texts)), replace=False)
        own = np.array([self.owners[i][int(rng.integers(len(self.owners[i])))] for i in drawn])
        asked = self.teachers[0][drawn]
        right = np.concatenate([own, self._others(own, asked, rng)])
        place: dict[int, list[int]] = {}
        for column, passage in enumerate(right.tolist()):
            place.setdefault(passage, []).append(column)
        not_negative = np.zeros((len(drawn), len(right)), dtype=bool)
        for row, i in enumerate(drawn):
            for passage in self.owners[i]:
                not_negative[row, place.get(passage, [])] = True
        np.fill_diagonal(not_negative, False)
        return Pairs(self._left(drawn, rng), [], not_negative, asked, self.teachers[1][right])

    def _left(self, drawn: NDArray[np.int64], rng: np.random.Generator) -> list[Tokens]:
        left = [self.tokens[i] for i in drawn]
        if self.perturb is not None and self.perturbed_share:
            chosen = np.flatnonzero(rng.random(len(drawn)) < self.perturbed_share).tolist()
            misspelt = [self.perturb(self.texts[drawn[row]], rng) for row in chosen]
            for row, ids in zip(chosen, self.encode(misspelt), strict=True):
                left[row] = ids
        return left

    def _others(
        self, own: NDArray[np.int64], asked: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """The passages beside the own ones: all of them, or the nearest to the texts and a sample of the rest."""
        count = len(self.teachers[1])
        if count <= self.ranked:
            chosen = np.ones(count, dtype=bool)
        else:
            chosen = np.zeros(count, dtype=bool)
            reach = min(NEAR, max(1, (self.ranked - len(own)) // (2 * len(own))), count)
            near = np.argpartition(-(asked @ self.teachers[1].T), reach - 1, axis=1)[:, :reach]
            chosen[near] = True
            left = np.flatnonzero(~chosen)
            chosen[rng.choice(left, max(0, min(len(left), self.ranked - int(chosen.sum()) - len(own))), False)] = (
                True
            )
        chosen[own] = False
        return np.flatnonzero(chosen)


def crop_texts(inputs: SourceInputs) -> TaughtTexts:
    """The texts of the part ``query-distillation``: crops of the passages that stand in for queries."""
    if inputs.teacher is None:
        raise Unavailable("there is no teacher to distil from")
    crops, owners = query_like(*inputs.texts(), inputs.settings.teacher_texts, inputs.seed)
    return _taught(inputs, "crops", crops, [[owner] for owner in owners])


def query_texts(inputs: SourceInputs) -> TaughtTexts:
    """The train queries, where only the query encoder is trained."""
    if inputs.train_queries is None:
        raise Unavailable("the data set has no train queries")
    queries = inputs.train_queries()
    return _taught(inputs, "queries", queries.texts, queries.relevant)


def _taught(inputs: SourceInputs, name: str, texts: Sequence[str], owners: Sequence[Sequence[int]]) -> TaughtTexts:
    assert inputs.teacher is not None
    teachers = inputs.teacher.texts(name, texts), inputs.teacher.passages()
    share = inputs.settings.perturbed_share
    return TaughtTexts(texts, owners, teachers, inputs.encode, inputs.perturb, share)
