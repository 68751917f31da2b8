"""How BM25 cuts a text: words by Unicode, and pairs of characters where a script is written without spaces; or by a
tokenizer.

A word is a run of letters, marks, digits and connectors after case folding and in NFC, so that vowel signs (Devanagari,
Tamil) and combining accents stay with their letters, and words of one letter count. Runs of scripts without spaces
between words (:data:`tokir.words.SPACELESS`) are cut into overlapping pairs of characters as a reader sees them, and
so is Hangul, whose words carry their particles: what Lucene's analyser for Chinese, Japanese and Korean does (Nie et
al., 2000, On the Use of Words and N-grams for Chinese Information Retrieval).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tokir.words import SPACELESS, characters, runs

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer

Cut = Callable[[Sequence[str]], list[list[str]]]
"""Texts to the terms of each."""

IN_WORDS = "words by Unicode, character bigrams where a script has no spaces"
_IN_PAIRS = (*SPACELESS, "Hangul")
_COMBINING = "\u0300"  # below it words are those of the standard library
_SIMPLE = re.compile(r"\w+")
_SOFT_HYPHEN = "\u00ad"  # where a word may be broken at the end of a line; it is not seen elsewhere


def terms(text: str) -> list[str]:
    """The terms of a text, in its order.

    >>> terms("Don't panic: Café 東京都")
    ['don', 't', 'panic', 'café', '東京', '京都']
    """
    folded = unicodedata.normalize("NFC", text).casefold().replace(_SOFT_HYPHEN, "")
    text = unicodedata.normalize("NFC", folded)  # folding takes some letters apart, such as the Greek ΐ
    if not text or max(text) < _COMBINING:
        return _SIMPLE.findall(text)  # several times as fast
    found: list[str] = []
    for run in runs(text, _IN_PAIRS):
        seen = characters(run.text) if run.apart else [run.text]
        found += map("".join, pairwise(seen)) if len(seen) > 1 else seen
    return found


def words(texts: Sequence[str]) -> list[list[str]]:
    """The :func:`terms` of each text."""
    return [terms(text) for text in texts]


def tokens_of(tokenizer: Tokenizer) -> Cut:
    """The ids that a tokenizer gives, in figures, as terms; what has no entry is left out."""

    def cut(texts: Sequence[str]) -> list[list[str]]:
        return [[str(i) for i in ids if i != tokenizer.unknown_id] for ids in tokenizer.encode(texts)]

    return cut
