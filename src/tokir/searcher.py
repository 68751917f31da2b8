"""A system ready to answer: its encoder, its index, and what lies between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tokir.encoders import Encoder
from tokir.evaluation.latency import DEPTH
from tokir.retrieval.bm25 import BM25Index
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.fusion import fuse
from tokir.retrieval.maxsim import MaxSimIndex
from tokir.retrieval.ranking import Ranking, top


class Searcher(Protocol):
    """Ranks passages for queries."""

    def rank(self, queries: Sequence[str], query_ids: Sequence[str], depth: int) -> Ranking:
        """The ``depth`` best passages of each query."""

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """What happens to one query, step by step, for the clock."""


class DenseSearcher:
    """An encoder, an optional transformation of its vectors (whitening), and an exact index."""

    def __init__(
        self,
        encoder: Encoder,
        index: ExactIndex,
        transform: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    ) -> None:
        self.encoder, self.index = encoder, index
        self.transform = transform or (lambda vectors: vectors)

    def rank(self, queries: Sequence[str], query_ids: Sequence[str], depth: int) -> Ranking:
        """The ``depth`` nearest passages of each query, by cosine."""
        vectors = self.transform(self.encoder.embed(self.encoder.tokenize(queries)))
        return self.index.rank(vectors, query_ids, depth)

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Tokenize, encode (pooling and whitening included), search."""
        return {
            "tokenize": lambda query: self.encoder.tokenize([query]),
            "encode": lambda tokens: self.transform(self.encoder.embed(tokens))[0],
            "search": lambda vector: self.index.search(vector, DEPTH),
        }


class LateSearcher:
    """Late interaction over the first passages of a dense system.

    Args:
        first: proposes passages.
        index: scores them by their tokens.
        depth: passages that are proposed.
    """

    def __init__(self, first: DenseSearcher, index: MaxSimIndex, depth: int) -> None:
        self.first, self.index, self.depth = first, index, depth

    def rank(self, queries: Sequence[str], query_ids: Sequence[str], depth: int) -> Ranking:
        """The ``depth`` best of the proposed passages of each query."""
        ids, tie_order = self.first.index.ids, self.first.index.tie_order
        ranking: Ranking = {}
        for name, tokens in zip(query_ids, self.first.encoder.tokenize(queries), strict=True):
            places, scores = self._score(tokens)
            best = top(scores, depth, tie_order[places])
            ranking[name] = {ids[places[i]]: float(scores[i]) for i in best}
        return ranking

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Tokenize, search: the dense search is a part of it."""
        return {
            "tokenize": lambda query: self.first.encoder.tokenize([query])[0],
            "search": lambda tokens: top(self._score(tokens)[1], DEPTH),
        }

    def _score(self, tokens: list[int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        vector = self.first.transform(self.first.encoder.embed([tokens]))[0]
        places = self.first.index.search(vector, self.depth)
        return places, self.index.scores(tokens, places)


class LexicalSearcher:
    """BM25."""

    def __init__(self, index: BM25Index) -> None:
        self.index = index

    def rank(self, queries: Sequence[str], query_ids: Sequence[str], depth: int) -> Ranking:
        """The ``depth`` best passages of each query; fewer where fewer share a term with it."""
        return self.index.rank(queries, query_ids, depth)

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Tokenize, search; there is nothing to encode."""
        return {
            "tokenize": lambda query: self.index.tokenize([query])[0],
            "search": lambda terms: self.index.search(terms, DEPTH),
        }


class FusionSearcher:
    """Several systems as one.

    Args:
        members: each ranks by itself.
        method: weighted sum of z-scores, or reciprocal ranks.
        weights: one per member.
        depth: passages that each member hands to the fusion.
    """

    def __init__(
        self,
        members: Sequence[Searcher],
        method: Literal["weighted", "rrf"],
        weights: Sequence[float],
        depth: int,
    ) -> None:
        self.members, self.method, self.weights, self.depth = members, method, weights, depth

    def rank(self, queries: Sequence[str], query_ids: Sequence[str], depth: int) -> Ranking:
        """The ``depth`` best passages of each query over all members."""
        rankings = [member.rank(queries, query_ids, self.depth) for member in self.members]
        return fuse(rankings, self.method, self.weights, depth)

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """One stage: the members tokenize and encode each in its own way."""
        return {"search": lambda query: self.rank([query], ["query"], DEPTH)}
