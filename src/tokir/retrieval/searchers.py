"""A system ready to answer: its encoder, its index, and what lies between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tokir.encoders import Encoder
from tokir.errors import TokirError
from tokir.retrieval.bm25 import BM25Index
from tokir.retrieval.fusion import fuse, join
from tokir.retrieval.index import Hits, Index
from tokir.retrieval.maxsim import LateIndex
from tokir.retrieval.registry import Method

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer

PAGE = 10  # passages that a timed search returns: what a page of results shows


class Searcher(Protocol):
    """Finds passages for queries."""

    def search(self, queries: Sequence[str], depth: int) -> list[Hits]:
        """The ``depth`` best passages of each query."""

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """What happens to one query, step by step, for the clock."""


class DenseSearcher:
    """An encoder, an optional transformation of its vectors (whitening), and an index of their first dimensions."""

    def __init__(
        self,
        encoder: Encoder,
        index: Index,
        transform: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
        dimensions: int | None = None,
    ) -> None:
        self.encoder, self.index, self.dimensions = encoder, index, dimensions
        self._transform = transform or (lambda vectors: vectors)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors that are searched with, (texts, dimensions), not of unit length."""
        return self.transform(self.encoder.embed(self.encoder.tokenize(texts)))

    def transform(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors of the encoder as the index holds those of passages, but for their length."""
        return self._transform(vectors)[:, : self.dimensions]

    def encode_counted(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int | None]:
        """As :meth:`encode`, and how many tokens all texts have; None where the encoder does not say."""
        tokens = self.encoder.tokenize(texts)
        vectors = self.transform(self.encoder.embed(tokens))
        if all(isinstance(ids, list) for ids in tokens):
            return vectors, sum(map(len, tokens))
        count = getattr(self.encoder, "count", None)  # a library that cuts while it encodes
        counted = None if count is None else count(texts)
        return vectors, None if counted is None else counted[1]

    def search(self, queries: Sequence[str], depth: int) -> list[Hits]:
        """The ``depth`` nearest passages of each query, by cosine; TokirError where encoder and index do not fit."""
        try:
            return self.index.search(self.encode(queries), depth)
        except (ValueError, IndexError, TypeError) as error:  # of files that a study did not write together
            raise TokirError(f"the files of a system do not fit together ({error}): run the study again") from None

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Tokenize, encode (pooling and whitening included), search."""
        return {
            "tokenize": lambda query: self.encoder.tokenize([query]),
            "encode": lambda tokens: self.transform(self.encoder.embed(tokens)),
            "search": lambda vector: self.index.search(vector, PAGE),
        }


class LateSearcher:
    """Late interaction over the whole corpus; of the model it needs the tokenizer alone.

    A query without tokens finds every passage alike, with score zero.
    """

    def __init__(self, tokenizer: Tokenizer, index: LateIndex) -> None:
        self.tokenizer, self.index = tokenizer, index

    def search(self, queries: Sequence[str], depth: int) -> list[Hits]:
        """The ``depth`` best passages of each query."""
        return [self.index.search(tokens, depth) for tokens in self.tokenizer.encode(queries)]

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Tokenize, search; there is nothing to encode."""
        return {
            "tokenize": lambda query: self.tokenizer.encode([query])[0],
            "search": lambda tokens: self.index.search(tokens, PAGE),
        }


class LexicalSearcher:
    """BM25."""

    def __init__(self, index: BM25Index) -> None:
        self.index = index

    def search(self, queries: Sequence[str], depth: int) -> list[Hits]:
        """The ``depth`` best passages of each query; fewer where fewer share a term with it."""
        return [self.index.search(words, depth) for words in self.index.tokenize(queries)]

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Tokenize, search; there is nothing to encode."""
        return {
            "tokenize": lambda query: self.index.tokenize([query])[0],
            "search": lambda words: self.index.search(words, PAGE),
        }


class FusionSearcher:
    """Several systems as one.

    Args:
        members: each ranks by itself.
        method: weighted sum of z-scores, or reciprocal ranks.
        weights: one per member.
        depth: passages that each member hands to the fusion.
        tie_order: (passages,) breaks ties.
    """

    def __init__(
        self,
        members: Sequence[Searcher],
        method: Method,
        weights: Sequence[float],
        depth: int,
        tie_order: NDArray[np.int64],
    ) -> None:
        self.members, self.method, self.weights = members, method, weights
        self.depth, self.tie_order = depth, tie_order

    def search(self, queries: Sequence[str], depth: int) -> list[Hits]:
        """The ``depth`` best passages of each query over all members."""
        lists = [member.search(queries, self.depth) for member in self.members]
        joined = (join(found, self.method) for found in zip(*lists, strict=True))
        return [fuse(found, self.weights, depth, self.tie_order) for found in joined]

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """One stage: the members tokenize and encode each in its own way."""
        return {"search": lambda query: self.search([query], PAGE)}
