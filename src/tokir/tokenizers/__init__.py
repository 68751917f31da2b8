"""Tokenizers: trained on the corpus or read from a file, measured on their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.tokenizers.intrinsic import intrinsic_measures
from tokir.tokenizers.tokenizer import SentencePieceTokenizer, Tokenizer, TrainedTokenizer, load

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

__all__ = [
    "SentencePieceTokenizer",
    "Tokenizer",
    "TrainedTokenizer",
    "intrinsic_measures",
    "load",
    "train_tokenizer",
]


def train_tokenizer(texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
    """Train a tokenizer: the same texts and settings give the same tokenizer, byte for byte.

    Raises:
        TokirError: the vocabulary does not fit the texts, or the file of a ready one cannot be read.
    """
    from tokir.tokenizers import subword, units

    if settings.type == "file":
        assert settings.file is not None
        return load(Path(settings.file))
    trainers = {
        "bpe": subword.train_bpe,
        "wordpiece-bpe": subword.train_wordpiece,
        "unigram": subword.train_unigram,
        "byte": units.train_byte,
        "character": units.train_character,
        "word": units.train_word,
    }
    return trainers[settings.type](texts, settings)
