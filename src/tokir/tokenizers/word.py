"""Words as tokens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.errors import nearest
from tokir.tokenizers.file import kind_named_in
from tokir.tokenizers.huggingface import HuggingFaceTokenizer
from tokir.tokenizers.protocol import Tokenizer, TokenizerKind
from tokir.tokenizers.reduced import TYPE, ReducedWords, stemming_languages, stop_words
from tokir.tokenizers.vocabulary import most_frequent
from tokir.words import spaceless_character

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings


class Word(TokenizerKind):
    """One token for each word and each run of punctuation, the most frequent ones of the texts; others are unknown.

    In a script without spaces only a dictionary could tell words, so there each character, as a reader sees it, is a
    token.

    ``vocabulary_size`` is a bound: texts with fewer words give a smaller vocabulary. With ``stop_words`` those are no
    tokens, and with ``stemming`` all words of one stem are one token.
    """

    label = "words"
    takes = frozenset({"lowercase", "normalization", "stemming", "stop_words"})

    @classmethod
    def check(cls, settings: TokenizerSettings) -> None:
        """There is a list and a stemmer of the language."""
        super().check(settings)
        asked = {
            "stemming": ("stemmer", settings.stemming, stemming_languages),
            "stop_words": ("list", settings.stop_words, stop_words),
        }
        for setting, (what, language, languages) in asked.items():
            if language is not None and language not in (known := tuple(languages())):
                there_is = f"known are {', '.join(known)}"
                raise ValueError(
                    f"{setting}: no {what} is called {language!r}{nearest(language, known)}: {there_is}"
                )

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
        """Decoded words stand one space apart, since their spaces are not kept."""
        from tokenizers import Regex, pre_tokenizers

        apart = pre_tokenizers.Split(Regex(spaceless_character()), "isolated")
        cut = pre_tokenizers.Sequence([apart, pre_tokenizers.Whitespace()])
        if settings.stemming or settings.stop_words:
            return ReducedWords.train(texts, settings, cut)
        return HuggingFaceTokenizer(most_frequent(texts, settings, cut))

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """From a ``tokenizer.json``, or the file of words that are reduced."""
        return ReducedWords.read(path) if kind_named_in(path) == TYPE else HuggingFaceTokenizer.load(path)
