"""BM25 (Robertson et al., 1995) by ``bm25s`` in Lucene's variant, with the usual k1 = 1.5 and b = 0.75, or both
chosen on queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.errors import TokirError
from tokir.retrieval.ranking import Ranking, id_order, top

K1, B = 1.5, 0.75


class BM25Index:
    """Terms are lower-cased words without English stop words, as ``bm25s`` cuts them by default."""

    def __init__(self, texts: Sequence[str], ids: Sequence[str], k1: float = K1, b: float = B) -> None:
        import bm25s

        self.ids = ids
        self._tie_order = id_order(ids)
        self._bm25 = bm25s.BM25(method="lucene", k1=k1, b=b)
        tokens = bm25s.tokenize(list(texts), show_progress=False)
        if not tokens.vocab:
            raise TokirError("the corpus holds no words that BM25 can index: leave bm25 out of the baselines")
        self._bm25.index(tokens, show_progress=False)

    def tokenize(self, texts: Sequence[str]) -> list[list[str]]:
        """Terms of each text."""
        import bm25s

        tokens: list[list[str]] = bm25s.tokenize(list(texts), return_ids=False, show_progress=False)
        return tokens

    def scores(self, terms: list[str]) -> NDArray[np.float32]:
        """BM25 of every passage, (passages,); zeros for a query without known terms."""
        known: Any = [term for term in terms if term in self._bm25.vocab_dict]
        if not known:
            return np.zeros(len(self.ids), dtype=np.float32)
        scores: NDArray[np.float32] = np.asarray(self._bm25.get_scores(known), dtype=np.float32)
        return scores

    def search(self, terms: list[str], depth: int) -> NDArray[np.int64]:
        """Positions of the ``depth`` best passages of one query, best first."""
        return top(self.scores(terms), depth, self._tie_order)

    def rank(self, queries: Sequence[str], query_ids: Sequence[str], depth: int) -> Ranking:
        """Ranked lists of many queries; passages that share no term with the query are left out."""
        ranking: Ranking = {}
        for query_id, terms in zip(query_ids, self.tokenize(queries), strict=True):
            scores = self.scores(terms)
            best = top(scores, depth, self._tie_order)
            ranking[query_id] = {self.ids[i]: float(scores[i]) for i in best if scores[i] > 0}
        return ranking
