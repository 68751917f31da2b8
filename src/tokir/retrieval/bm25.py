"""BM25 (Robertson et al., 1995) by ``bm25s`` in Lucene's variant, with the usual k1 = 1.5 and b = 0.75, or both
chosen on validation queries.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts.durable import from_library
from tokir.errors import Unavailable, unreadable
from tokir.retrieval.index import Hits, best_of
from tokir.retrieval.terms import Cut, words

K1, B = 1.5, 0.75
NO_WORDS = "the corpus holds no words, or no known tokens, that BM25 could index"
CUT_AT_ONCE = 256  # passages; bounds memory


class Postings:
    """The terms of every passage as numbers: cut once, and indexed with as many parameters as one likes.

    Args:
        texts: the passages.
        cut: texts to their terms.

    Raises:
        Unavailable: none of the passages holds a term.
    """

    def __init__(self, texts: Iterable[str], cut: Cut = words) -> None:
        self.vocabulary: dict[str, int] = {}
        self.cut = cut
        self.texts = list(self._numbered(iter(texts)))
        if not self.vocabulary:
            raise Unavailable(NO_WORDS)

    def _numbered(self, texts: Iterator[str]) -> Iterator[array[int]]:
        """The numbers of the terms of each passage, four bytes each."""
        numbers = self.vocabulary
        while some := list(islice(texts, CUT_AT_ONCE)):
            for found in self.cut(some):
                yield array("i", [numbers.setdefault(term, len(numbers)) for term in found])


class BM25Index:
    """BM25 over the terms that ``cut`` makes of a text, by default the words of :mod:`tokir.retrieval.terms`.

    Args:
        bm25: the library's index, with its vocabulary.
        tie_order: (passages,) breaks ties between equal scores.
        cut: queries to their terms, as the passages were cut.
    """

    def __init__(self, bm25: Any, tie_order: NDArray[np.int64], cut: Cut = words) -> None:
        self._bm25, self.tie_order, self.tokenize = bm25, tie_order, cut

    @classmethod
    def of(cls, postings: Postings, tie_order: NDArray[np.int64], k1: float = K1, b: float = B) -> BM25Index:
        """Index passages."""
        import bm25s

        bm25 = bm25s.BM25(method="lucene", k1=k1, b=b)
        bm25.index((postings.texts, postings.vocabulary), create_empty_token=False, show_progress=False)
        return cls(bm25, tie_order, postings.cut)

    @property
    def parameters(self) -> tuple[float, float]:
        """k1 and b."""
        return float(self._bm25.k1), float(self._bm25.b)

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of every passage, (passages,); zeros for a query without known terms."""
        known = self._bm25.get_tokens_ids(terms)  # of those that occur in the corpus
        if not known:
            return np.zeros(len(self.tie_order), dtype=np.float32)
        return np.asarray(self._bm25.get_scores_from_ids(known), dtype=np.float32)

    def search(self, terms: Sequence[str], depth: int) -> Hits:
        """The ``depth`` best passages of one query; those that share no term with it are left out."""
        scores = self.scores(terms)
        sharing = np.flatnonzero(scores > 0)
        return best_of(sharing, scores[sharing], depth, self.tie_order)

    def save(self, folder: Path) -> None:
        """Write the postings and the vocabulary into an existing folder."""
        with from_library(folder) as fresh:
            self._bm25.save(str(fresh), show_progress=False)

    @classmethod
    def load(cls, folder: Path, tie_order: NDArray[np.int64], cut: Cut = words) -> BM25Index:
        """Open what :meth:`save` wrote, memory-mapped; TokirError where a file is missing or damaged."""
        import bm25s

        try:
            bm25 = bm25s.BM25.load(str(folder), mmap=True, show_progress=False)
            _require_whole(bm25, len(tie_order))
            return cls(bm25, tie_order, cut)
        except Exception as error:  # the library raises whatever damage provokes
            raise unreadable(folder, error, "delete it and run the study again") from None


def _require_whole(bm25: Any, passages: int) -> None:
    """ValueError where a loaded index is not of so many passages, or its parts do not fit together."""
    scores, words = bm25.scores, bm25.vocab_dict.values()
    terms, postings = len(scores["indptr"]) - 1, len(scores["indices"])
    if (bm25.dtype, bm25.int_dtype, bm25.backend, scores["num_docs"]) != ("float32", "int32", "numpy", passages):
        raise ValueError("its parameters are not those of this corpus")
    if len(scores["data"]) != postings or scores["indptr"][-1] != postings:
        raise ValueError("its arrays are of different lengths")
    if not all(type(number) is int and 0 <= number < terms for number in words):
        raise ValueError("its vocabulary has other numbers than terms")
    float(bm25.k1), float(bm25.b)
