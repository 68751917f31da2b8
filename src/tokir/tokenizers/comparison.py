"""Tokenizers side by side on the same text, without any model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from unicodedata import category

from tokir.tokenizers.measures import ComparedTokenizer, Cut, TrainedTokenizerRecord
from tokir.tokenizers.protocol import Tokenizer
from tokir.words import runs, without_spaces, words

SHOWN = 6  # words, names and numbers whose cuts are shown
TIMED = 2_000_000  # characters, at most, that are encoded against the clock
PASSES = 3
LONG = 8  # letters of a word worth showing
LONG_UNCASED = 5  # the same in scripts without capitals: most write no vowels, or a syllable as one letter


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
    """Frequent long words, names that occur once, and numbers; the same for the same texts.

    Where most words have no capitals, none is told to be a name, and words that occur once are shown. In scripts
    without spaces it is phrases that occur often: what stands between punctuation or other scripts.
    """
    counts, phrases = _counted(texts)
    if without_spaces(texts):
        found = {"frequent phrase": _most((one for one in phrases if len(one) >= LONG_UNCASED), phrases)}
    else:
        found = _chosen_words(counts)
    numbers = sorted(
        (w for w in counts if any(c.isdigit() for c in w) and w.isalnum()), key=lambda w: (-len(w), w)
    )
    found["number"] = _spread(numbers)
    return {kind: shown for kind, shown in found.items() if shown}


def _chosen_words(counts: Counter[str]) -> dict[str, list[str]]:
    """Of words with the number of times that they occur."""
    letters = {word for word in counts if all(category(c)[0] in "LM" for c in word)}
    cased = {word for word in letters if word.lower() != word.upper()}
    frequent = [w for w in letters if w == w.lower() and len(w) >= (LONG if w in cased else LONG_UNCASED)]
    once = sorted(word for word in letters if counts[word] == 1)
    if 2 * len(cased) > len(letters):
        kind = "rare name"
        rare = [w for w in once if len(w) >= LONG and w.istitle() and w.lower() not in counts]
    else:
        kind, rare = "rare word", [w for w in once if len(w) >= LONG_UNCASED and w not in cased]
    return {"frequent word": _most(frequent, counts), kind: _spread(rare)}


def _counted(texts: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each word occurs, and each run of a script without spaces."""
    spaced: Counter[str] = Counter()  # no word or run crosses white space, and most parts are the same ones
    for text in texts:
        spaced.update(text.split())
    found: Counter[str] = Counter()
    phrases: Counter[str] = Counter()
    for part, count in spaced.items():
        for word in words(part):
            found[word] += count
        for run in runs(part):
            if run.apart:
                phrases[run.text] += count
    return found, phrases


def _most(texts: Iterable[str], counts: Counter[str]) -> list[str]:
    """A few of those that occur most often."""
    return sorted(texts, key=lambda text: (-counts[text], text))[:SHOWN]


def _spread(words: list[str]) -> list[str]:
    """A few from all over a list."""
    step = max(1, len(words) // SHOWN)
    return words[::step][:SHOWN]
