"""A static model as an encoder: sums of rows of one table, without the library that trained them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer


MANY = 2**14  # tokens of all texts: beyond it loading scipy pays off, and gathered vectors would take much memory


class StaticEncoder:
    """The sum of a text's weighted token vectors.

    The sum is not divided by its weights: a cosine does not see the length of a vector.

    Args:
        table: (vocabulary, dimensions), each token's vector times its weight; it may be memory-mapped.
        tokenizer: cuts the texts.
    """

    def __init__(self, table: NDArray[np.float32], tokenizer: Tokenizer) -> None:
        self.table, self.tokenizer = table, tokenizer
        self.dimensions = int(table.shape[1])

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return self.tokenizer.encode(texts)

    def embed(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Sums of token vectors, (texts, dimensions); a text without tokens is the zero vector."""
        if sum(map(len, tokens)) > MANY:
            return self._multiplied(tokens)
        out = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        for row, ids in enumerate(tokens):
            # Added one after the other, as in the libraries that read exports.
            np.add.reduce(self.table.take(np.asarray(ids, dtype=np.int64), axis=0), axis=0, out=out[row])
        return out

    def _multiplied(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """The same sums, bit for bit: the table times a sparse matrix with a one for each token of a text."""
        from scipy.sparse import csr_array

        starts = np.cumsum([0, *map(len, tokens)], dtype=np.int32)
        ids = np.fromiter(chain.from_iterable(tokens), dtype=np.int32, count=starts[-1])
        if ids.min() < 0 or ids.max() >= len(self.table):  # scipy does not check this
            raise IndexError(f"tokens {ids.min()} to {ids.max()} of a table of {len(self.table)}")
        ones = np.ones(len(ids), dtype=np.float32)
        sums: NDArray[np.float32] = csr_array((ones, ids, starts), (len(tokens), len(self.table))) @ self.table
        return sums
