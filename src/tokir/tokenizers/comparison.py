"""Tokenizers side by side on the same text, without any model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tokir.tokenizers.measures import ComparedTokenizer, Cut, TrainedTokenizerRecord
from tokir.tokenizers.protocol import Tokenizer

SHOWN = 6  # words, names and numbers whose cuts are shown
TIMED = 2_000_000  # characters, at most, that are encoded against the clock
PASSES = 3
LONG = 8  # letters of a word worth showing


class Comparison(NamedTuple):
    """Tokenizers side by side."""

    tokenizers: tuple[ComparedTokenizer, ...]
    cuts: tuple[Cut, ...]


def compare(
    pairs: Sequence[tuple[TrainedTokenizerRecord, Tokenizer]],
    training: Sequence[str],
    held_out: Sequence[str],
    words: Sequence[str],
) -> Comparison:
    """What is known of each tokenizer, how fast it encodes, and how it cuts chosen words.

    Args:
        pairs: of record and tokenizer.
        training: documents that words, rare names and numbers are chosen from, by rule.
        held_out: documents that are encoded against the clock, one at a time on one thread.
        words: chosen by the user.
    """
    timed = _bounded(held_out)
    return Comparison(
        tuple(
            ComparedTokenizer(**record.model_dump(), megabytes_per_second=_speed(tokenizer, timed))
            for record, tokenizer in pairs
        ),
        tuple(
            Cut(kind=kind, text=text, pieces={record.id: tokenizer.pieces(text) for record, tokenizer in pairs})
            for kind, texts in (("chosen", list(words)), *_choose(training).items())
            for text in texts
        ),
    )


def _bounded(texts: Sequence[str]) -> list[str]:
    kept, left = [], TIMED
    for text in texts:
        kept.append(text[:left])
        left -= len(text)
        if left <= 0:
            break
    return kept


def _speed(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Megabytes of UTF-8 a second, the best of a few passes: what else the machine does only slows it down."""
    size = sum(len(text.encode()) for text in texts) / 1e6
    best = float("inf")
    for _ in range(PASSES):
        start = time.perf_counter()
        for text in texts:
            tokenizer.encode([text])
        best = min(best, time.perf_counter() - start)
    return size / best


def _choose(texts: Sequence[str]) -> dict[str, list[str]]:
    """Frequent long words, names that occur once, and numbers; the same for the same texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.split())
    alphabetic = {word: count for word, count in counts.items() if word.isalpha()}
    frequent = sorted((w for w in alphabetic if len(w) >= LONG and w.islower()), key=lambda w: (-counts[w], w))
    once = sorted(
        w for w, n in alphabetic.items() if n == 1 and len(w) >= LONG and w.istitle() and w.lower() not in counts
    )
    numbers = sorted(
        (w for w in counts if any(c.isdigit() for c in w) and w.isalnum()), key=lambda w: (-len(w), w)
    )
    found = {"frequent word": frequent[:SHOWN], "rare name": _spread(once), "number": _spread(numbers)}
    return {kind: words for kind, words in found.items() if words}


def _spread(words: list[str]) -> list[str]:
    """A few from all over a list."""
    step = max(1, len(words) // SHOWN)
    return words[::step][:SHOWN]
