"""What a tokenizer loses, in bits: so that language models over any two tokenizers that normalise alike compare.

A model over tokens is a code for a text only as far as the text follows from its tokens. White space that a tokenizer
drops and words that it does not know cost the model nothing, so its bits would be too few. Here they are written out
behind the tokens, in a code of two parts as of minimum description length (Rissanen, 1978): the gaps between tokens,
given what stands before and after and whether a token says that it continues a word; and the spelling of what its token
does not spell (unknown words, inflected ones behind their stem), byte by byte, empty where a stem is the word itself.
What normalisation takes away (case, a form of Unicode) was asked for, and is not written out.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from tokir.tokenizers.protocol import Tokenizer

END = -1  # of a spelling; not a byte


def is_lossless(tokenizer: Tokenizer, text: str, ids: Sequence[int]) -> bool:
    """Do the ``ids`` of ``text`` decode to ``text`` as it was after the tokenizer's normalization?"""
    return tokenizer.decode(ids) == tokenizer.normalize(text)


def reconstruction_bits(tokenizer: Tokenizer, texts: Iterable[str]) -> float:
    """Bits that restore the normalized ``texts`` (those that are not lossless) from their tokens.

    >>> words.pieces("to be"), reconstruction_bits(words, ["to be"])  # doctest: +SKIP
    (['to', 'be'], 8.0)  # one kind of gap, a space, listed once in eight bits
    """
    gaps: dict[Hashable, Counter[str]] = defaultdict(Counter)
    spelled: Counter[int] = Counter()
    for text in texts:
        normal = tokenizer.normalize(text)
        end = 0
        for span in tokenizer.spans(text):
            gaps[_context(normal, end, span.start), span.continues][normal[end : span.start]] += 1
            end = max(end, span.stop)
            if not span.known:
                spelled.update([*normal[span.start : span.stop].encode(), END])
            elif not span.exact:
                spelled[END] += 1  # an empty spelling: the token's own
        gaps[_context(normal, end, len(normal)), False][normal[end:]] += 1
    distinct = {gap for found in gaps.values() for gap in found}
    listed = sum(8 * len(gap.encode()) for gap in distinct)
    return listed + sum(_entropy(found) for found in gaps.values()) + _entropy(spelled)


def _context(text: str, end: int, start: int) -> tuple[bool | None, bool | None]:
    """Do letters or digits stand before and after a gap? None at an end of the text."""
    before = text[end - 1].isalnum() if end else None
    return before, text[start].isalnum() if start < len(text) else None


def _entropy(counts: Counter[str] | Counter[int]) -> float:
    """Bits of all that was counted, each in the logarithm of its share."""
    total = counts.total()
    return sum(count * math.log2(total / count) for count in counts.values())
