"""Words as tokens, without stop words, and as their stems."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tokir.artifacts import write_json
from tokir.tokenizers.native import as_sentence
from tokir.tokenizers.normalization import normalizer
from tokir.tokenizers.protocol import SEPARATOR, UNKNOWN, Span, require_unicode
from tokir.untrusted import MOST_OF_A_MODEL, completed, read_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer
    from tokir.config import TokenizerSettings

TYPE = "word"
SPECIAL = (SEPARATOR, UNKNOWN)  # the first two entries
CUTTING = ("normalizer", "pre_tokenizer")  # the parts of a tokenizer.json that find words
ENGLISH = {"en": "english", "en_plus": "english_plus"}  # bm25s abbreviates English alone


def stop_words() -> dict[str, tuple[str, ...]]:
    """The lists of stop words that ``bm25s`` ships, by language."""
    from bm25s import stopwords

    lists = {
        name.removeprefix("STOPWORDS_").lower(): words
        for name, words in vars(stopwords).items()
        if name.startswith("STOPWORDS_")
    }
    return {ENGLISH.get(language, language): tuple(words) for language, words in lists.items()}


def stemming_languages() -> tuple[str, ...]:
    """The stemmers of Snowball (Porter, 2001), by language."""
    import Stemmer

    return tuple(Stemmer.algorithms())


class Kept(NamedTuple):
    """A word of a normalized text that is not a stop word: where it stands, and what it is reduced to."""

    start: int
    stop: int
    stem: str


class ReducedWords:
    """One token for each word that is no stop word, or for its stem; those that have no entry are unknown.

    The stop words are kept with the tokenizer, so that it cuts the same whatever ``bm25s`` is installed.

    Args:
        cutter: its normalizer and its pre-tokenizer find the words; its model is not used.
        stemming: a stemmer of Snowball; None for words as they are.
        left_out: stop words, as they are spelled after normalization.
        entries: words or stems, in the order of their ids.
    """

    separator_id, unknown_id = map(SPECIAL.index, SPECIAL)

    def __init__(
        self, cutter: HFTokenizer, stemming: str | None, left_out: Iterable[str], entries: Sequence[str]
    ) -> None:
        self._cutter, self._stemming = cutter, stemming
        self._left_out, self._entries = frozenset(left_out), tuple(entries)
        self._ids = {entry: number for number, entry in enumerate(entries, start=len(SPECIAL))}
        self.vocabulary_size = len(SPECIAL) + len(self._entries)
        self._stem = None
        if stemming is not None:
            import Stemmer

            self._stem = Stemmer.Stemmer(stemming, 0).stemWord  # its cache of words costs more time than it saves

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings, cut: Any) -> ReducedWords:
        """The most frequent stems of the words that ``cut`` finds; of equally frequent ones the first by code point."""
        left_out: Iterable[str] = stop_words()[settings.stop_words] if settings.stop_words else ()
        cutter = _cutter()
        cutter.pre_tokenizer = cut
        if steps := normalizer(settings):
            cutter.normalizer = steps
            left_out = [steps.normalize_str(word) for word in left_out]
        words = cls(cutter, settings.stemming, left_out, ())
        counts = Counter(word.stem for text in texts for word in words._kept(words.normalize(text)))
        order = sorted(counts, key=lambda stem: (-counts[stem], stem))
        return cls(cutter, settings.stemming, left_out, order[: settings.vocabulary_size - len(SPECIAL)])

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        return [[self._id(word) for word in self._kept(self.normalize(text))] for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """The entries one space apart, since neither the spaces nor what stood between are kept."""
        return " ".join(map(self._entry, ids))

    def normalize(self, text: str) -> str:
        """``text`` in its normalization form, in lower case, as was asked for."""
        require_unicode(text)
        steps = self._cutter.normalizer
        with as_sentence("the tokenizer cannot normalize a text"):
            return text if steps is None else str(steps.normalize_str(text))

    def pieces(self, text: str) -> list[str]:
        """The entries, for readers."""
        return [self._entry(self._id(word)) for word in self._kept(self.normalize(text))]

    def spans(self, text: str) -> list[Span]:
        """Which words of ``normalize(text)`` are tokens: known is one that its entry spells out."""
        text = self.normalize(text)
        return [
            Span(
                word.start,
                word.stop,
                known=word.stem in self._ids and word.stem == text[word.start : word.stop],
                continues=False,
                exact=self._stem is None,
            )
            for word in self._kept(text)
        ]

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; none of a stop word."""
        return [sum(1 for _ in self._kept(self.normalize(word))) for word in words]

    def save(self, path: Path) -> None:
        """Write what :meth:`read` reads, atomically."""
        cutter = json.loads(self._cutter.to_str())
        write_json(
            path,
            {
                "type": TYPE,
                **{part: cutter[part] for part in CUTTING},
                "stemming": self._stemming,
                "stop_words": sorted(self._left_out),
                "entries": self._entries,
            },
        )

    @classmethod
    def read(cls, path: Path) -> ReducedWords:
        """Open what :meth:`save` wrote; TokirError where it is damaged, or asks for a stemmer that is not installed."""
        with as_sentence(f"{path}: no tokenizer can be read from it"):
            found = completed(read_json(path, MOST_OF_A_MODEL), stop_words=[], entries=[])
            cutter = _cutter({part: found[part] for part in CUTTING})
            if cutter.pre_tokenizer is None:
                raise ValueError("it does not say how words are found")
            if not all(isinstance(word, str) for word in (*found["stop_words"], *found["entries"])):
                raise ValueError("an entry or a stop word is no text")
            return cls(cutter, found["stemming"], found["stop_words"], found["entries"])

    def _kept(self, text: str) -> Iterator[Kept]:
        """The words of a normalized text that are no stop words."""
        with as_sentence("the tokenizer cannot cut a text"):
            found = self._cutter.pre_tokenizer.pre_tokenize_str(text)
        for _, (start, stop) in found:
            word = text[start:stop]
            if word not in self._left_out:
                # Of a lone mark or suffix some stemmers leave nothing.
                yield Kept(start, stop, (self._stem(word) or word) if self._stem else word)

    def _id(self, word: Kept) -> int:
        return self._ids.get(word.stem, self.unknown_id)

    def _entry(self, number: int) -> str:
        return SPECIAL[number] if number < len(SPECIAL) else self._entries[number - len(SPECIAL)]


def _cutter(parts: dict[str, Any] | None = None) -> HFTokenizer:
    """A tokenizer of HF ``tokenizers`` that has nothing but ``parts``."""
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import models

    empty = HFTokenizer(models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    return HFTokenizer.from_str(json.dumps(json.loads(empty.to_str()) | parts)) if parts else empty
