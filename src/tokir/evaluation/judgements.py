"""Judgements as arrays, so that ranked lists of thousands of queries are scored at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokir.data.qrels import Qrels
from tokir.retrieval.ranking import Ranking


@dataclass(frozen=True, eq=False)
class Judgements:
    """Which passages are relevant to which queries: those with a grade of 1 or more, as in trec_eval.

    Attributes:
        qrels: query id to passage id to grade.
        ids: of all passages, by position.
        rows: query id to its row, in the order of ``qrels``.
        relevant: (queries,) how many passages are, those included that are not among ``ids``.
    """

    qrels: Qrels
    ids: Sequence[str]
    rows: dict[str, int]
    relevant: NDArray[np.int64]
    _keys: NDArray[np.int64]  # (judgements,) row * passages + position, ascending
    _grades: NDArray[np.int64]  # (judgements,) likewise
    _best: NDArray[np.int64]  # (queries, judged) the grades of each query, descending; 0 beyond them

    @classmethod
    def of(cls, qrels: Qrels, ids: Sequence[str]) -> Judgements:
        """Those of ``qrels`` over the passages with ``ids``."""
        wanted = {id for judged in qrels.values() for id in judged}
        position = {id: number for number, id in enumerate(ids) if id in wanted}
        found = [
            (row * len(ids) + position[id], grade)
            for row, judged in enumerate(qrels.values())
            for id, grade in judged.items()
            if id in position
        ]
        keys, grades = np.array(sorted(found), dtype=np.int64).reshape(-1, 2).T
        best = np.zeros((len(qrels), max(map(len, qrels.values()), default=0)), dtype=np.int64)
        for row, judged in zip(best, qrels.values(), strict=True):
            row[: len(judged)] = sorted(judged.values(), reverse=True)
        best = best.clip(0)
        rows = {query: row for row, query in enumerate(qrels)}
        return cls(qrels, ids, rows, np.count_nonzero(best, axis=1), keys, grades, best)

    def relevant_to(self, query: str) -> NDArray[np.int64]:
        """Positions of the passages that are relevant to a query, ascending."""
        if query not in self.rows:
            return np.zeros(0, dtype=np.int64)
        first = self.rows[query] * len(self.ids)
        own = slice(*np.searchsorted(self._keys, [first, first + len(self.ids)]).tolist())
        return self._keys[own][self._grades[own] > 0] - first

    def best(self, depth: int) -> NDArray[np.int64]:
        """The highest grades of each query, descending, (queries, depth)."""
        return np.pad(self._best[:, :depth], ((0, 0), (0, max(0, depth - self._best.shape[1]))))

    def grades(self, ranking: Ranking, depth: int) -> NDArray[np.int64]:
        """Grades of the first passages of each judged query, (queries, depth); 0 where there is none."""
        found = np.zeros((len(self.rows), depth), dtype=np.int64)
        rows = np.array([self.rows.get(query, -1) for query in ranking.queries], dtype=np.int64)
        positions, rows = ranking.first(depth)[rows >= 0], rows[rows >= 0]
        if positions.size and self._keys.size:
            keys = rows[:, None] * len(self.ids) + positions
            places = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
            known = (self._keys[places] == keys) & (positions >= 0)
            found[rows] = np.where(known, self._grades[places].clip(0), 0)
        return found
