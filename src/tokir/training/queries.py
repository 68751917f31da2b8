"""Contrastive learning from judged train queries (DPR; Karpukhin et al., 2020), with hard negatives if wanted
(ANCE; Xiong et al., 2021, takes them from the model itself).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokir.training.pairs import Pairs, TokenisedPassages, Tokens, crop


class QueryPairs:
    """A train query and a crop of one of its relevant passages.

    Args:
        passages: the passages trained on.
        queries: token ids of the train queries.
        relevant: places in ``passages`` of each query's relevant ones; none is empty.
        long: tokens of the passage's crop, without its title.
        negatives: places of hard negatives of each query, none of them relevant; one is drawn per pair.
        teachers: unit vectors of the queries (queries, d) and of the passages (passages, d).
    """

    def __init__(
        self,
        passages: TokenisedPassages,
        queries: Sequence[Tokens],
        relevant: Sequence[Sequence[int]],
        long: tuple[int, int],
        negatives: Sequence[Sequence[int]] | None = None,
        teachers: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> None:
        self.passages, self.queries, self.relevant, self.long = passages, queries, relevant, long
        self.negatives, self.teachers = negatives, teachers
        self._relevant = [frozenset(places) for places in relevant]

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Queries drawn without replacement, each with one relevant passage drawn from its own."""
        drawn = rng.choice(len(self.queries), min(count, len(self.queries)), replace=False)
        places = [self.relevant[q][int(rng.integers(len(self.relevant[q])))] for q in drawn]
        if self.negatives is not None:
            hard = (self.negatives[q] for q in drawn)
            places += [choices[int(rng.integers(len(choices)))] for choices in hard if len(choices)]
        related = np.array([[place in self._relevant[q] for place in places] for q in drawn])
        np.fill_diagonal(related, False)
        right = [
            np.concatenate([self.passages.title(place), crop(self.passages.text(place), self.long, rng)])
            for place in places
        ]
        left_teacher, right_teacher = None, None
        if self.teachers is not None:
            left_teacher, right_teacher = self.teachers[0][drawn], self.teachers[1][places]
        return Pairs([self.queries[q] for q in drawn], right, related, left_teacher, right_teacher)
