"""What a tokenizer does to a text, measured without any model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tokir.tokenizers.measures import IntrinsicMeasures
from tokir.tokenizers.protocol import Tokenizer, overlaps
from tokir.tokenizers.reconstruction import is_lossless, reconstruction_bits
from tokir.words import without_spaces

RENYI_ALPHA = 2.5  # the order at which Zouhar et al. (2023) found the best correlation with translation quality


def intrinsic_measures(tokenizer: Tokenizer, texts: Sequence[str]) -> IntrinsicMeasures:
    """Measure ``tokenizer`` on ``texts`` (at least one token among them).

    Of tokens that overlap those measures are left out that say how a word is parted, and what decoding restores.
    """
    encoded = tokenizer.encode(texts)
    counts = np.bincount(
        np.fromiter(chain.from_iterable(encoded), dtype=np.int64), minlength=tokenizer.vocabulary_size
    )
    tokens = max(1, int(counts.sum()))
    counted = not without_spaces(texts)
    words = Counter(word for text in texts for word in text.split()) if counted else Counter[str]()
    lengths = np.array(tokenizer.word_lengths(list(words)), dtype=np.int64)
    running = np.array(list(words.values()), dtype=np.int64)
    unknown = 0 if tokenizer.unknown_id is None else int(counts[tokenizer.unknown_id])
    parts = not overlaps(tokenizer)
    lost = (
        []
        if not parts
        else [text for ids, text in zip(encoded, texts, strict=True) if not is_lossless(tokenizer, text, ids)]
    )
    characters = sum(map(len, texts))
    return IntrinsicMeasures(
        fertility=tokens / max(1, int(running.sum())) if counted else None,
        bytes_per_token=sum(len(text.encode()) for text in texts) / tokens,
        characters_per_token=characters / tokens,
        vocabulary_use=float((counts > 0).mean()),
        whole_words=(float((lengths == 1).mean()) if len(lengths) else 0.0) if counted and parts else None,
        continued_words=float(running[lengths > 1].sum() / max(1, running.sum())) if counted and parts else None,
        renyi_efficiency=renyi_efficiency(counts),
        unknown_rate=unknown / tokens,
        round_trip=1 - len(lost) / max(1, len(texts)) if parts else None,
        lost_bits_per_character=reconstruction_bits(tokenizer, lost) / max(1, characters) if parts else None,
    )


def renyi_efficiency(counts: Sequence[int] | NDArray[np.int64], alpha: float = RENYI_ALPHA) -> float:
    """Rényi entropy of order ``alpha`` of ``counts`` over the logarithm of how many of them are not zero.

    As in the authors' reference, entries that were never seen do not count.

    >>> round(renyi_efficiency([3, 2, 1, 1]), 4)
    0.8265
    """
    seen = np.asarray(counts, dtype=np.float64)
    seen = seen[seen > 0]
    if len(seen) < 2:
        return 1.0  # nothing to be uneven about
    shares = seen / seen.sum()
    return float(np.log((shares**alpha).sum()) / (1 - alpha) / np.log(len(seen)))
