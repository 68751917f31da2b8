"""Tokenizers: trained on the corpus or read from a file, measured on their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

SAMPLE = 20_000_000  # characters that a tokenizer is trained on, at most


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
    return trainers[settings.type](_sample(texts), settings)


def _sample(texts: Iterable[str]) -> Iterator[str]:
    """As many of ``texts`` as hold ``SAMPLE`` characters: more change no vocabulary, and cost memory."""
    left = SAMPLE
    for text in texts:
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return
