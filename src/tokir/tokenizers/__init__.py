"""Tokenizers: trained on the corpus or read from a file, measured on their own.

Nothing heavy is imported here: a tokenizer's library loads with its first tokenizer, NumPy with the first measures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.errors import TokirError, require_kind, require_list, require_text
from tokir.tokenizers.protocol import Span, Tokenizer, TokenizerKind, require_unicode
from tokir.tokenizers.registry import TOKENIZERS
from tokir.untrusted import read_json

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

__all__ = [
    "TOKENIZERS",
    "Span",
    "Tokenizer",
    "TokenizerKind",
    "load",
    "train_tokenizer",
]

SAMPLE = 20_000_000  # characters that a tokenizer is trained on, at most
LONGEST_WORD = 1_000  # characters without white space that are trained on as one

# Parts of a longer word: they end where a word ends that no space follows (as in Chinese), if there is one.
_RUN = rf"\S{{1,{LONGEST_WORD}}}"
_PARTS = re.compile(rf"{_RUN}(?!\S)|{_RUN}(?<=\W)(?=\w)|{_RUN}")
_LONG = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def train_tokenizer(texts: Sequence[str], settings: TokenizerSettings) -> Tokenizer:
    """Train a tokenizer: the same texts and settings give the same tokenizer, byte for byte.

    Of texts that hold more than ``SAMPLE`` characters the first part of each is read, the same share of all. What holds
    no white space for more than ``LONGEST_WORD`` characters is read in parts, each as a text of its own: the time of
    training grows with the square of the longest word.

    Raises:
        TokirError: the vocabulary does not fit the texts, one is not valid Unicode, or the file of a ready tokenizer
            cannot be read.
    """
    from tokir.config import TokenizerSettings

    require_list(texts, "texts")
    require_kind(settings, TokenizerSettings, "write TokenizerSettings(type='bpe')")
    return TOKENIZERS[settings.type].train(_sample(texts), settings)


def load(path: Path, kind: str | None = None) -> Tokenizer:
    """Read a saved tokenizer, trained here or elsewhere.

    Args:
        path: of a tokenizer.json, a sentencepiece .model, or whatever a registered kind saves.
        kind: its name in the registry. By default that which ``training.json`` beside it names, as in a run folder, or
            that which the file itself names (see :class:`tokir.tokenizers.file.File`).

    Raises:
        TokirError: the file is missing, damaged, or of no known format.
    """
    if not path.is_file():
        raise TokirError(f"{path}: there is no such file; name a tokenizer.json or a sentencepiece .model")
    return TOKENIZERS[kind or _recorded_kind(path) or "file"].load(path)


def _recorded_kind(path: Path) -> str | None:
    """The kind that a run folder recorded when the tokenizer was trained."""
    try:
        recorded = read_json(path.parent / "training.json")
    except (TokirError, OSError, ValueError):
        return None
    name = recorded.get("type") if isinstance(recorded, dict) else None
    return name if name in TOKENIZERS else None


def _sample(texts: Sequence[str]) -> Iterator[str]:
    """Of each text as much as makes ``SAMPLE`` characters of all: more change no vocabulary, and cost memory."""
    characters = 0
    for text in texts:
        require_text(text)
        require_unicode(text)
        characters += len(text)
    share = min(1.0, SAMPLE / max(1, characters))
    for text in texts:
        yield from _without_long_words(text[: math.ceil(share * len(text))])


def _without_long_words(text: str) -> Iterator[str]:
    """``text`` in parts, cut where a word is longer than ``LONGEST_WORD``; nearly always the text alone."""
    start = 0
    if len(text) > LONGEST_WORD and max(map(len, text.split()), default=0) > LONGEST_WORD:
        for word in _LONG.finditer(text):
            for part in _PARTS.finditer(text, word.start(), word.end()):
                if part.end() < word.end():
                    yield text[start : part.end()]
                    start = part.end()
    yield text[start:]
