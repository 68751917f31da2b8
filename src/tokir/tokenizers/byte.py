"""Bytes as tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tokir.tokenizers.huggingface import HuggingFaceKind, HuggingFaceTokenizer
from tokir.tokenizers.normalization import normalizer
from tokir.tokenizers.protocol import SEPARATOR

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

VOCABULARY = 257  # the bytes and the separator


class Byte(HuggingFaceKind):
    """One token for each byte of UTF-8, as in ByT5 (Xue et al., 2022); nothing is trained, nothing is unknown."""

    label = "bytes"
    takes = frozenset({"lowercase", "normalization", "prefix_space"})
    letters = True

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The vocabulary has one size."""
        return {"vocabulary_size": VOCABULARY, **values}

    @classmethod
    def check(cls, settings: TokenizerSettings) -> None:
        """The vocabulary has one size."""
        super().check(settings)
        if settings.vocabulary_size != VOCABULARY:
            raise ValueError(f"a byte tokenizer has {VOCABULARY} entries: leave vocabulary_size out")

    @classmethod
    def name(cls, settings: TokenizerSettings) -> str:
        """Without a size."""
        return settings.type

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> HuggingFaceTokenizer:
        """Nothing is read of the texts."""
        from tokenizers import Tokenizer as HFTokenizer
        from tokenizers import decoders, models, pre_tokenizers

        entries = [SEPARATOR, *sorted(pre_tokenizers.ByteLevel.alphabet())]
        hf = HFTokenizer(models.BPE({entry: number for number, entry in enumerate(entries)}, []))
        hf.normalizer = normalizer(settings)
        hf.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=settings.prefix_space, use_regex=False)
        hf.decoder = decoders.ByteLevel()
        hf.add_special_tokens([SEPARATOR])
        return HuggingFaceTokenizer(hf)
