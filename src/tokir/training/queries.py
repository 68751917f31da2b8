"""Contrastive learning from judged train queries (DPR; Karpukhin et al., 2020), with hard negatives if wanted
(ANCE; Xiong et al., 2021, takes them from the model itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, PairSource, Relevant, TokenisedPassages
from tokir.training.query_distillation import query_texts
from tokir.training.texts import Texts

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs


class QueryPairs:
    """A train query and a crop of one of its relevant passages.

    Args:
        passages: the passages trained on.
        queries: the train queries.
        relevant: indices in ``passages`` of each query's relevant ones; none is empty.
        long: tokens of the passage's crop, without its title.
        negatives: indices of hard negatives of each query, none of them relevant; one is drawn per pair.
        own: the passage that each query is itself, which is never its negative; None for those that are none.
        teachers: unit vectors of the queries (queries, d) and of the passages (passages, d).
    """

    def __init__(
        self,
        passages: TokenisedPassages,
        queries: Texts,
        relevant: Sequence[Sequence[int]],
        long: tuple[int, int],
        negatives: Sequence[Sequence[int]] | None = None,
        own: Sequence[int | None] = (),
        teachers: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> None:
        self.passages, self.queries, self.long, self.teachers = passages, queries, long, teachers
        self._relevant = Relevant(relevant)
        self._negatives = None if negatives is None else Relevant(negatives)
        self._own = np.array([-1 if itself is None else itself for itself in own or [None] * len(queries)])

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Queries drawn without replacement, each with one relevant passage drawn from its own."""
        drawn = rng.choice(len(self.queries), min(count, len(self.queries)), replace=False)
        found = self._relevant.drawn(drawn, rng)
        if self._negatives is not None:
            found = np.concatenate([found, self._negatives.drawn(drawn, rng)])
        not_negative = self._relevant.among(drawn, found) | (found == self._own[drawn][:, None])
        np.fill_diagonal(not_negative, False)
        teacher = None if self.teachers is None else self.teachers[0][drawn] @ self.teachers[1][found].T
        right = self.passages.crops(found, self.long, rng)
        return Pairs(self.queries.take(drawn), right, not_negative, teacher)


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
        queries.own,
        (teacher.texts("queries", queries.texts), teacher.passages()) if teacher else None,
    )
