"""Contrastive learning from judged train queries (DPR; Karpukhin et al., 2020), with hard negatives if wanted
(ANCE; Xiong et al., 2021, takes them from the model itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, PairSource, TokenisedPassages, Tokens, crop
from tokir.training.query_distillation import query_texts

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs


class QueryPairs:
    """A train query and a crop of one of its relevant passages.

    Args:
        passages: the passages trained on.
        queries: token ids of the train queries.
        relevant: indices in ``passages`` of each query's relevant ones; none is empty.
        long: tokens of the passage's crop, without its title.
        negatives: indices of hard negatives of each query, none of them relevant; one is drawn per pair.
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
        self._relevant = [frozenset(indices) for indices in relevant]

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Queries drawn without replacement, each with one relevant passage drawn from its own."""
        drawn = rng.choice(len(self.queries), min(count, len(self.queries)), replace=False)
        found = [self.relevant[q][int(rng.integers(len(self.relevant[q])))] for q in drawn]
        if self.negatives is not None:
            hard = (self.negatives[q] for q in drawn)
            found += [indices[int(rng.integers(len(indices)))] for indices in hard if len(indices)]
        not_negative = np.array([[index in self._relevant[q] for index in found] for q in drawn])
        np.fill_diagonal(not_negative, False)
        right = [
            np.concatenate([self.passages.title(index), crop(self.passages.text(index), self.long, rng)])
            for index in found
        ]
        left_teacher, right_teacher = None, None
        if self.teachers is not None:
            left_teacher, right_teacher = self.teachers[0][drawn], self.teachers[1][found]
        return Pairs([self.queries[q] for q in drawn], right, not_negative, left_teacher, right_teacher)


def query_pairs(inputs: SourceInputs) -> PairSource:
    """The pairs of the part ``queries``, with the teacher's vectors where the training has a teacher."""
    if inputs.train_queries is None:
        raise Unavailable("the data set has no train queries")
    if inputs.queries_alone:
        return query_texts(inputs)
    queries, teacher = inputs.train_queries(), inputs.teacher
    return QueryPairs(
        inputs.passages,
        inputs.encode(queries.texts),
        queries.relevant,
        inputs.settings.passage_tokens,
        inputs.hard_negatives(queries),
        (teacher.texts("queries", queries.texts), teacher.passages()) if teacher else None,
    )
