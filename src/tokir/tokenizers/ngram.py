"""Letter n-grams of words, hashed into a table of rows.

The oldest tokenization made for retrieval: DSSM's letter trigrams (Huang et al., 2013), fastText's n-grams of several
lengths beside the word itself (Bojanowski et al., 2017). Nothing is trained and nothing is unknown; a misspelt word
keeps most of its n-grams.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tokir.artifacts import write_json
from tokir.errors import TokirError
from tokir.tokenizers.native import MOST_ENTRIES
from tokir.tokenizers.normalization import normalized_text
from tokir.tokenizers.protocol import Span, Tokenizer, TokenizerKind
from tokir.tokenizers.registry import Form
from tokir.untrusted import built, read_json
from tokir.words import SPACELESS, begins_with, runs

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

TYPE = "ngram"
LENGTHS, LONGEST = (3, 5), 10
MOST_HASHES = 8
OPEN, CLOSE = MARKS = ("<", ">")  # of a word's two ends; no word holds them
FIRST = 1  # row of the first n-gram; row 0 is the separator's
REMEMBERED = 200_000  # words whose rows are kept at hand,
LONGEST_REMEMBERED = 50  # and the letters of the longest of them
DENSE = ("Han", "Hiragana", "Katakana", "Hangul")  # scripts whose characters say about as much as three letters
APART = (*SPACELESS, "Hangul")  # whose runs end where another script begins
_ASCII = re.compile(r"\w+")


class Word(NamedTuple):
    """A run of letters, ready to be cut."""

    marked: str  # with the marks of its ends, where they are those of a word
    first: int  # length of the mark before it
    sizes: range  # of its n-grams
    whole: bool  # is it a feature as a whole too, being no n-gram itself?


class NGramTokenizer:
    """A text as the bag of the n-grams of its words, each the number of a row.

    A word is a run of letters, marks, digits and connectors; what stands between is left out. It gets a mark at either
    end, so that ``<the>`` differs from the ``the`` of ``<other>``. In scripts without spaces a run has no marks and is
    no feature as a whole; where a character is a syllable or a word, n-grams are two characters shorter.

    Args:
        rows: of the table, the separator's included.
        lengths: of the shortest and the longest n-gram, in characters, marks included.
        with_words: is the word itself a feature too, beside its n-grams?
        hashes: rows that each n-gram has (Svenstrup et al., 2017): two n-grams rarely share all of them.
        normalization: form of Unicode applied first.
        lowercase: are texts lower-cased first?
    """

    overlaps = True
    separator_id = 0
    unknown_id = None

    def __init__(
        self,
        rows: int,
        lengths: tuple[int, int] = LENGTHS,
        with_words: bool = True,
        hashes: int = 1,
        normalization: str | None = None,
        lowercase: bool = False,
    ) -> None:
        self.vocabulary_size, self._lengths, self._with_words, self._hashes = rows, lengths, with_words, hashes
        self._normalization, self._lowercase = normalization, lowercase
        self._rows: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Rows of each text, those of one word after those of another."""
        return [self._encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """TokirError: a row does not say which n-gram it stands for."""
        raise TokirError("hashed n-grams cannot be put back into text: a row of the table stands for many of them")

    def normalize(self, text: str) -> str:
        """``text`` in its normalization form, in lower case, as was asked for."""
        return normalized_text(text, self._normalization, self._lowercase)

    def pieces(self, text: str) -> list[str]:
        """The n-grams with their marks, as often as they have rows."""
        features = (feature for run in runs(self.normalize(text), APART) for feature in self._features(run.text))
        return [feature for feature in features for _ in range(self._hashes)]

    def spans(self, text: str) -> list[Span]:
        """Which characters of ``normalize(text)`` each n-gram covers; those of one word overlap."""
        return [
            Span(run.start + first, run.start + last, True, False)
            for run in runs(self.normalize(text), APART)
            for first, last in self._covered(run.text)
            for _ in range(self._hashes)
        ]

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Rows of each word."""
        return [len(ids) for ids in self.encode(words)]

    def save(self, path: Path) -> None:
        """Write what :meth:`NGram.load` reads, atomically."""
        about: dict[str, Any] = {"type": TYPE, "rows": self.vocabulary_size, "lengths": list(self._lengths)}
        about |= {"with_words": self._with_words, "hashes": self._hashes}
        write_json(path, about | {"normalization": self._normalization, "lowercase": self._lowercase})

    # -- how a text is cut ----------------------------------------------------------------------------------

    def _encode(self, text: str) -> list[int]:
        text = self.normalize(text)
        known, found = self._rows, []
        letters = _ASCII.findall(text) if text.isascii() else [run.text for run in runs(text, APART)]
        for run in letters:
            rows = known.get(run)
            if rows is None:
                if len(known) >= REMEMBERED:
                    known.clear()
                rows = [row for feature in self._features(run) for row in self._hash(feature)]
                if len(run) <= LONGEST_REMEMBERED:
                    known[run] = rows
            found += rows
        return found

    def _features(self, run: str) -> list[str]:
        """The n-grams of a run of letters, shortest first, and the word itself where it is none of them."""
        marked, _, sizes, whole = self._word(run)
        found = [marked[i : i + size] for size in sizes for i in range(len(marked) - size + 1)]
        return [*(gram for gram in found if gram not in MARKS), *([marked] if whole else [])]

    def _covered(self, run: str) -> list[tuple[int, int]]:
        """The letters of ``run``, from and up to, that each of its features covers."""
        marked, first, sizes, whole = self._word(run)
        places = [(i, i + size) for size in sizes for i in range(len(marked) - size + 1)]
        inside = [(a, b) for a, b in places if marked[a:b] not in MARKS] + ([(0, len(marked))] if whole else [])
        return [(max(0, a - first), min(len(run), b - first)) for a, b in inside]

    def _word(self, run: str) -> Word:
        shortest, longest = self._lengths
        if begins_with(run, DENSE):
            shortest, longest = max(1, shortest - 2), max(1, longest - 2)
        spaced = not begins_with(run, SPACELESS)
        marked = f"{OPEN}{run}{CLOSE}" if spaced else run
        sizes = range(min(shortest, len(marked)), min(longest, len(marked)) + 1)  # a shorter run is one as it is
        return Word(marked, int(spaced), sizes, self._with_words and spaced and len(marked) > longest)

    def _hash(self, feature: str) -> list[int]:
        drawn = hashlib.blake2b(feature.encode(), digest_size=8 * self._hashes).digest()
        rows = self.vocabulary_size - FIRST
        return [FIRST + int.from_bytes(drawn[i : i + 8], "little") % rows for i in range(0, len(drawn), 8)]


@dataclass(frozen=True)
class _Saved:
    """The file of a tokenizer."""

    type: str
    rows: int
    lengths: tuple[int, int]
    with_words: bool
    hashes: int
    normalization: Form | None
    lowercase: bool


class NGram(TokenizerKind):
    """Hashed letter n-grams; ``vocabulary_size`` is the number of rows."""

    label = "letter n-grams"
    overlaps = True
    takes = frozenset({"lowercase", "normalization", "shortest_ngram", "longest_ngram", "with_words", "hashes"})

    @classmethod
    def check(cls, settings: TokenizerSettings) -> None:
        """The shortest is no longer than the longest, and there is a row for an n-gram."""
        super().check(settings)
        if settings.shortest_ngram > settings.longest_ngram:
            raise ValueError(
                f"shortest_ngram is {settings.shortest_ngram}, longer than longest_ngram, {settings.longest_ngram}"
            )

    @classmethod
    def name(cls, settings: TokenizerSettings) -> str:
        """What differs from the usual follows the number of rows, for example ``ngram-2k-3to3-only``."""
        name, lengths = super().name(settings), (settings.shortest_ngram, settings.longest_ngram)
        name += f"-{lengths[0]}to{lengths[1]}" if lengths != LENGTHS else ""
        name += "" if settings.with_words else "-only"
        return name + (f"-{settings.hashes}hashes" if settings.hashes > 1 else "")

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
        """Nothing is read of the texts."""
        return NGramTokenizer(
            settings.vocabulary_size,
            (settings.shortest_ngram, settings.longest_ngram),
            settings.with_words,
            settings.hashes,
            settings.normalization,
            settings.lowercase,
        )

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """From the description that was saved."""
        try:
            about = built(_Saved, read_json(path))
            shortest, longest = about.lengths
            if not (FIRST < about.rows <= MOST_ENTRIES and 1 <= shortest <= longest <= LONGEST):
                raise ValueError(f"{about.rows} rows for n-grams of {shortest} to {longest} characters")
            if not 1 <= about.hashes <= MOST_HASHES:
                raise ValueError(f"hashes is {about.hashes}")
            return NGramTokenizer(about.rows, about.lengths, *astuple(about)[3:])
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise TokirError(f"{path}: no tokenizer can be read from it: {error}") from None
