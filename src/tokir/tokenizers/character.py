"""Characters as tokens, listed or by their numbers in Unicode."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.tokenizers.code_points import CodePointTokenizer
from tokir.tokenizers.huggingface import HuggingFaceTokenizer
from tokir.tokenizers.protocol import Tokenizer, TokenizerKind
from tokir.tokenizers.vocabulary import most_frequent

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings


class Character(TokenizerKind):
    """One token for each character, the most frequent ones of the texts; any other is unknown.

    ``vocabulary_size`` is a bound: texts with fewer characters give a smaller vocabulary. With ``hashed`` there is no
    list, and nothing is unknown.
    """

    label = "characters"
    takes = frozenset({"lowercase", "normalization", "hashed"})
    letters = True

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
        """Of ``hashed`` characters nothing is trained."""
        if settings.hashed:
            return CodePointTokenizer(settings.normalization, settings.lowercase)
        from tokenizers import Regex, decoders, pre_tokenizers

        hf = most_frequent(texts, settings, pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"))
        hf.decoder = decoders.Fuse()  # side by side
        return HuggingFaceTokenizer(hf)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """From a ``tokenizer.json``, or the description of code points."""
        return CodePointTokenizer.read(path) or HuggingFaceTokenizer.load(path)
