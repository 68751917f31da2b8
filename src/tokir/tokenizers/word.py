"""Words as tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokir.tokenizers.huggingface import HuggingFaceKind, HuggingFaceTokenizer
from tokir.tokenizers.vocabulary import most_frequent
from tokir.words import spaceless_character

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings


class Word(HuggingFaceKind):
    """One token for each word and each run of punctuation, the most frequent ones of the texts; others are unknown.

    In a script without spaces only a dictionary could tell words, so there each character, as a reader sees it, is a
    token.

    ``vocabulary_size`` is a bound: texts with fewer words give a smaller vocabulary.
    """

    label = "words"

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> HuggingFaceTokenizer:
        """Decoded words stand one space apart, since their spaces are not kept."""
        from tokenizers import Regex, pre_tokenizers

        apart = pre_tokenizers.Split(Regex(spaceless_character()), "isolated")
        cut = pre_tokenizers.Sequence([apart, pre_tokenizers.Whitespace()])
        return HuggingFaceTokenizer(most_frequent(texts, settings, cut))
