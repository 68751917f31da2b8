"""The best cosine of every entry of a vocabulary with every passage, in 8 bits: what late interaction looks up.

A static model gives a token the same vector everywhere, so that what MaxSim asks of a passage, the best cosine of a
query's token with any token of the passage, can be known before there is a query. Rounding keeps order, so the best of
the rounded cosines is the best cosine rounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokir.encoders.store import Passages
    from tokir.tokenizers import Tokenizer

PASSAGES_AT_ONCE = 4096  # that are tokenised
STEPS = 127  # from cosine 0 to cosine 1
ENTRIES, FEWEST_ENTRIES = 512, 16  # whose cosines are computed at once
BLOCK_BYTES = 1 << 28  # of their best cosines with all passages, as long as that leaves the fewest entries


def distinct_tokens(texts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The distinct token ids of the texts, one text after the other, and where each text's ids end.

    >>> [array.tolist() for array in distinct_tokens([[3, 1, 3], [], [2]])]
    [[1, 3, 2], [2, 2, 3]]
    """
    distinct = [np.unique(np.asarray(ids, dtype=np.int32)) for ids in texts]
    tokens = np.concatenate(distinct) if distinct else np.zeros(0, dtype=np.int32)
    return tokens, np.cumsum([len(ids) for ids in distinct], dtype=np.int64)


def tokens_in(
    tokenizer: Tokenizer, corpus: Passages, first: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The :func:`distinct_tokens` of the passages of a corpus, from the position ``first`` on."""
    parts = [
        distinct_tokens(tokenizer.encode(corpus.passages(start, start + PASSAGES_AT_ONCE)))
        for start in range(first, len(corpus), PASSAGES_AT_ONCE)
    ] or [distinct_tokens([])]
    ends = np.cumsum(np.concatenate([np.diff(ends, prepend=0) for _, ends in parts]), dtype=np.int64)
    return np.concatenate([tokens for tokens, _ in parts]), ends


def best_cosines(
    table: NDArray[np.float32], tokens: NDArray[np.int32], ends: NDArray[np.int64]
) -> Iterator[NDArray[np.int8]]:
    """The best cosine of each entry of the vocabulary with any token of each passage, times ``STEPS`` and rounded.

    Args:
        table: (vocabulary, width) token vectors of unit length.
        tokens: distinct ids of the passages, one after the other.
        ends: (passages,) where each passage's ids end in ``tokens``.

    Yields:
        (entries, passages) of consecutive entries; a passage without tokens has 0, as if all were orthogonal to it.
    """
    entries = max(FEWEST_ENTRIES, min(ENTRIES, BLOCK_BYTES // max(1, len(ends))))
    passages = [(int(end - size), int(end)) for end, size in zip(ends, np.diff(ends, prepend=0), strict=True)]
    scaled = table * np.float32(STEPS)
    for start in range(0, len(table), entries):
        similar = scaled @ table[start : start + entries].T
        rounded = np.rint(similar, out=similar).clip(-STEPS, STEPS).astype(np.int8)  # (vocabulary, entries)
        best = np.zeros((len(passages), rounded.shape[1]), dtype=np.int8)
        for row, (first, end) in zip(best, passages, strict=True):
            if end > first:
                np.maximum.reduce(rounded.take(tokens[first:end], axis=0), axis=0, out=row)
        yield np.ascontiguousarray(best.T)
