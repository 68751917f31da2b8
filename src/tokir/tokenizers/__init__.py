"""Tokenizers: trained on the corpus or read from a file, measured on their own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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


def train_tokenizer(texts: Sequence[str], settings: TokenizerSettings) -> Tokenizer:
    """Train a tokenizer: the same texts and settings give the same tokenizer, byte for byte.

    Of texts that hold more than ``SAMPLE`` characters the first part of each is read, the same share of all.

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


def _sample(texts: Sequence[str]) -> Iterator[str]:
    """Of each text as much as makes ``SAMPLE`` characters of all: more change no vocabulary, and cost memory."""
    share = min(1.0, SAMPLE / max(1, sum(map(len, texts))))
    for text in texts:
        yield text[: math.ceil(share * len(text))]
