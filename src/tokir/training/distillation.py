"""Distillation from a pretrained encoder: the student ranks the passages of a batch as the teacher does.

Like TinyBERT's and TAS-B's in-batch distillation (Hofstätter et al., 2021), the loss is the Kullback-Leibler
divergence of softmax rankings; here in both directions, texts over passages and passages over texts. As there,
a batch is made of passages near each other, which is where the teacher has something to say that chance does not.
The teacher reads every passage once, and once a fixed pool of query-like crops; its vectors are kept with the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, TokenisedPassages, Tokens, crop, same
from tokir.words import pieces

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs

WORDS = (2, 12)  # of a crop that stands in for the query
REACH = 4  # a group is drawn from this many times its size of nearest passages, so that groups vary


def distillation_loss(scores: Tensor, teacher: Tensor, both: bool = True) -> Tensor:
    """Mean divergence of the student's ranking from the teacher's, over rows and over columns.

    Args:
        scores: (left, right), the student's cosines over its temperature.
        teacher: (left, right), the teacher's cosines over its own.
        both: over the columns too; else over the rows alone.
    """

    def divergence(dim: int) -> Tensor:
        wanted = functional.log_softmax(teacher, dim)
        # Written out: torch's kl_div takes several times as long.
        apart = wanted.exp() * (wanted - functional.log_softmax(scores, dim))
        return apart.sum() / scores.shape[1 - dim]

    return (divergence(1) + divergence(0)) / 2 if both else divergence(1)


def query_like(titles: Sequence[str], texts: Sequence[str], each: int, seed: int) -> tuple[list[str], list[int]]:
    """``each`` crops of every passage, half of them after its title, and the index of each crop's passage.

    A crop is 2 to 12 words; in a script without spaces as many pieces of a few characters (:func:`tokir.words.pieces`).
    """
    rng = np.random.default_rng(seed)
    crops, owners = [], []
    for index, (title, text) in enumerate(zip(titles, texts, strict=True)):
        words = pieces(text)
        if not words:
            continue
        for number in range(each):
            size = min(int(rng.integers(WORDS[0], WORDS[1] + 1)), len(words))
            first = int(rng.integers(0, len(words) - size + 1))
            start, stop = words[first][0], words[first + size - 1][1]
            part = " ".join(text[start:stop].split())
            crops.append(f"{title} {part}" if title and number % 2 == 0 else part)
            owners.append(index)
    return crops, owners


class TaughtPairs:
    """A crop of the teacher's pool and a crop of the passage it is from.

    Args:
        passages: the passages trained on.
        crops: token ids of the pool.
        owners: the passage of each.
        long: tokens of the passage's crop, without its title.
        teachers: unit vectors of the pool (crops, d) and of the passages (passages, d).
        neighbours: passages near each other that share a batch; 1 draws all of a batch at random.
    """

    def __init__(
        self,
        passages: TokenisedPassages,
        crops: Sequence[Tokens],
        owners: Sequence[int],
        long: tuple[int, int],
        teachers: tuple[NDArray[np.float32], NDArray[np.float32]],
        neighbours: int,
    ) -> None:
        self.passages, self.crops, self.long, self.teachers = passages, crops, long, teachers
        self.neighbours = neighbours
        self._usable, self._first, self._each = np.unique(owners, return_index=True, return_counts=True)
        self._vectors = teachers[1][self._usable]

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """One crop of each passage; passages drawn without replacement."""
        chosen = self._passages(rng, count)  # indices into self._usable
        drawn = self._first[chosen] + rng.integers(self._each[chosen])
        passages = self._usable[chosen]
        right = [
            np.concatenate([self.passages.title(int(i)), crop(self.passages.text(int(i)), self.long, rng)])
            for i in passages
        ]
        left = [self.crops[i] for i in drawn]
        return Pairs(left, right, same(passages), self.teachers[0][drawn], self.teachers[1][passages])

    def _passages(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Groups of neighbours: some passages at random, and for each some of those nearest to it."""
        many = len(self._usable)
        group = min(self.neighbours, count, many)
        if group < 2:
            return rng.choice(many, min(count, many), replace=False)
        seeds = rng.choice(many, min(count // group, many), replace=False)
        reach = min(REACH * group, many)
        near = np.argpartition(-(self._vectors[seeds] @ self._vectors.T), reach - 1, axis=1)[:, :reach]
        drawn = [rng.choice(row, group, replace=False) for row in near]
        return rng.permutation(np.unique(np.concatenate(drawn)))


def taught_pairs(inputs: SourceInputs) -> TaughtPairs:
    """The pairs of the part ``distillation``."""
    settings, teacher = inputs.settings, inputs.teacher
    if teacher is None:
        raise Unavailable("there is no teacher to distil from")
    crops, owners = query_like(*inputs.texts(), settings.teacher_texts, inputs.seed)
    return TaughtPairs(
        inputs.passages,
        inputs.encode(crops),
        owners,
        settings.passage_tokens,
        (teacher.texts("crops", crops), teacher.passages()),
        settings.neighbours,
    )


def teacher_scores(pairs: Pairs, temperature: float) -> Tensor:
    """The teacher's cosines of a batch over its temperature, (left, right)."""
    assert pairs.left_teacher is not None and pairs.right_teacher is not None
    return torch.from_numpy(pairs.left_teacher @ pairs.right_teacher.T / temperature)
