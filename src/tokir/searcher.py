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
from tokir.retrieval.ranking import Ranking


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
