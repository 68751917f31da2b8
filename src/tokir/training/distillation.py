"""Distillation from a pretrained encoder: the student ranks the passages of a batch as the teacher does.

Like TinyBERT's and TAS-B's in-batch distillation (Hofstätter et al., 2021), the loss is a divergence of rankings
(:mod:`.losses`). As there, a batch is made of passages near each other, which is where the teacher has something to say
that chance does not. The teacher reads every passage once, and once a fixed pool of query-like crops; its vectors are
kept with the run. A static model begins with the table whose sums come nearest to all of these (:mod:`.closed_form`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, TokenisedPassages
from tokir.training.texts import Texts
from tokir.words import pieces

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs

WORDS = (2, 12)  # of a crop that stands in for the query
CROPS = 24_000  # that the teacher reads where no number is set: of a small corpus more of each passage
OF_EACH = (4, 16)  # of a passage, whatever the corpus
REACH = 4  # a group is drawn from this many times its size of nearest passages, so that groups vary
ALL_AT_ONCE = (
    20_000  # passages; of so many the nearest ones of each are found once, of more when they are asked for
)
BLOCK = 256  # passages whose nearest ones are found at once


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
    """A crop of the teacher's pool and a crop of the passage it is from, or two crops of the passage.

    The first of the two then takes the passage's vector, so it costs the teacher nothing, and is another one each time.

    Args:
        passages: the passages trained on.
        crops: the pool.
        owners: the passage of each.
        long: tokens of the passage's crop, without its title.
        teachers: unit vectors of the pool (crops, d) and of the passages (passages, d).
        neighbours: passages near each other that share a batch; 1 draws all of a batch at random.
        parts: share of the batches without crops of the pool.
        part: tokens of the crops of passages that these have instead.
    """

    def __init__(
        self,
        passages: TokenisedPassages,
        crops: Texts,
        owners: Sequence[int],
        long: tuple[int, int],
        teachers: tuple[NDArray[np.float32], NDArray[np.float32]],
        neighbours: int,
        parts: float,
        part: tuple[int, int],
    ) -> None:
        self.passages, self.crops, self.long, self.teachers = passages, crops, long, teachers
        self.neighbours, self.parts, self.part = neighbours, parts, part
        self._usable, self._first, self._each = np.unique(owners, return_index=True, return_counts=True)
        self._vectors = teachers[1][self._usable]
        self._near: NDArray[np.int32] | None = None  # of each usable passage its nearest ones, once they are known

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """One crop or part of each passage; passages drawn without replacement."""
        chosen = self._passages(rng, count)  # indices into self._usable
        right = self.passages.crops(self._usable[chosen], self.long, rng)
        if self.parts and rng.random() < self.parts:
            left, vectors = self.passages.crops(self._usable[chosen], self.part, rng), self._vectors[chosen]
        else:
            drawn = self._first[chosen] + rng.integers(self._each[chosen])
            left, vectors = self.crops.take(drawn), self.teachers[0][drawn]
        teacher = vectors @ self._vectors[chosen].T
        return Pairs(left, right, np.zeros(teacher.shape, dtype=bool), teacher)

    @property
    def width(self) -> int:
        """Of the teacher's vectors."""
        return int(self.teachers[1].shape[1])

    def taught(self) -> list[tuple[Texts, NDArray[np.float32]]]:
        """The pool and the passages, and the teacher's vectors of them."""
        return [(self.crops, self.teachers[0]), (self.passages.wholes(self._usable), self._vectors)]

    def _passages(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Groups of neighbours: some passages at random, and for each some of those nearest to it."""
        many = len(self._usable)
        group = min(self.neighbours, count, many)
        if group < 2:
            return rng.choice(many, min(count, many), replace=False)
        seeds = rng.choice(many, min(count // group, many), replace=False)
        drawn = [rng.choice(row, group, replace=False) for row in self._nearest(seeds, min(REACH * group, many))]
        return rng.permutation(np.unique(np.concatenate(drawn)))

    def _nearest(self, passages: NDArray[np.int64], reach: int) -> NDArray[np.integer]:
        """The ``reach`` passages nearest to each, itself among them, in no order."""
        if len(self._usable) > ALL_AT_ONCE:
            return self._found(passages, reach)
        if self._near is None or self._near.shape[1] != reach:
            blocks = np.split(np.arange(len(self._usable)), range(BLOCK, len(self._usable), BLOCK))
            self._near = np.concatenate([self._found(block, reach) for block in blocks]).astype(np.int32)
        return self._near[passages]

    def _found(self, passages: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
        return np.argpartition(-(self._vectors[passages] @ self._vectors.T), reach - 1, axis=1)[:, :reach]


def taught_crops(inputs: SourceInputs) -> tuple[list[str], list[int]]:
    """The teacher's pool: query-like crops of the passages trained on, and the index of each crop's passage.

    Raises:
        Unavailable: no passage has a text.
    """
    titles, texts = inputs.texts()
    fewest, most = OF_EACH
    each = inputs.settings.teacher_texts or max(fewest, min(most, CROPS // max(1, len(texts))))
    crops, owners = query_like(titles, texts, each, inputs.seed)
    if not crops:
        raise Unavailable("no passage has a text to distil from")
    return crops, owners


def taught_pairs(inputs: SourceInputs) -> TaughtPairs:
    """The pairs of the part ``distillation``."""
    settings, teacher = inputs.settings, inputs.teacher
    if teacher is None:
        raise Unavailable("there is no teacher to distil from")
    crops, owners = taught_crops(inputs)
    return TaughtPairs(
        inputs.passages,
        inputs.encode(crops),
        owners,
        settings.passage_tokens,
        (teacher.texts("crops", crops), teacher.passages()),
        settings.neighbours,
        settings.passage_parts,
        settings.part_tokens,
    )
