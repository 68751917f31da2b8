"""A static model as an encoder: sums of rows of one table, without the library that trained them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer


TOKENS_AT_ONCE = 4096  # of a text, so that a long one takes no more memory


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
        out = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        for row, ids in enumerate(tokens):
            for start in range(0, len(ids), TOKENS_AT_ONCE):
                some = self.table.take(np.asarray(ids[start : start + TOKENS_AT_ONCE], dtype=np.int64), axis=0)
                # Added one after the other, as all at once and as in the libraries that read exports.
                np.add.reduce(np.concatenate([out[row][None], some]) if start else some, axis=0, out=out[row])
        return out
