"""Texts cut word by word, each word once: many times as fast where the same words come again and again.

A byte-level tokenizer first parts a text into words, each with the space before it, and cuts every word by itself. So
the tokens of a text are those of its words one after the other, as long as single spaces part them. New words are cut
many at a time, as one text, and their tokens are told apart by their bytes: each character of a token's name is one.
Bytes without an entry are lost, so tokens may be too short for their words but never too long; where the sums are equal
at the end of each word, each has its own tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any

from tokir.tokenizers.pipeline import described

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer

WORDS = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}[\\p{L}\\p{M}\u200c\u200d]*| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
"""A word with the space before it, digits, punctuation, or white space.

It is the pattern of GPT-2 (Radford et al., 2019), but marks, and joiners as in Persian and Sinhala, stay with their
letters: else no piece could hold a letter with a vowel sign of Hindi, Tamil or Thai, or with an accent in normalization
form D.
"""
LONGEST = 40  # characters of a word that is kept
MOST = 300_000  # words kept, some 60 MB; then they are forgotten
AT_ONCE = 256  # words cut as one text: the library is far slower with that many separate texts
# The step that puts a space before a text.
FIRST = {"type": "Metaspace", "replacement": " ", "prepend_scheme": "first", "split": False}
BY_ITSELF = ("Lowercase", "NFC", "NFD", "NFKC", "NFKD")  # normalizers that never look across a space
Encode = Callable[[Sequence[str]], list[list[int]]]
Word = tuple[int, ...] | None
"""The token ids of a word; None where a text with it is to be cut as a whole."""


class Chunks:
    """Token ids of words.

    Args:
        encode: texts to their token ids, whatever those stand for.
        normalize: a text after all steps that change it.
        sizes: bytes of text that each id stands for.
        apart: ids that stand for something else than their own text; a text with one is left to others.
        prefixed: is the first word of a text cut as one with a space before it?
    """

    def __init__(
        self,
        encode: Encode,
        normalize: Callable[[str], str],
        sizes: dict[int, int],
        apart: frozenset[int],
        prefixed: bool,
    ) -> None:
        self._encode, self._normalize, self._sizes = encode, normalize, sizes
        self._apart, self._prefixed = apart, prefixed
        self._known: dict[str, Word] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int] | None]:
        """The token ids of each text; None for one that is to be cut as a whole."""
        cut = [text.split(" ") for text in texts]
        if not self._prefixed:  # a first word has a key that no other word has
            for words in cut:
                words[0] = f" {words[0]}"
        known = self._learned(set().union(*cut))
        return [self._joined(words, known) for words in cut]

    def _learned(self, words: set[str]) -> dict[str, Word]:
        known = self._known if len(self._known) < MOST else {}
        first, inner, sizes = [], [], []
        for word in words.difference(known):
            if len(word) > LONGEST:
                continue
            text = word.removeprefix(" ")
            # Normalization may make spaces of other characters.
            changed = text if text.isascii() else self._normalize(text)
            if changed.split() != [changed]:
                known[word] = None
            elif word == text:
                inner.append(word)
                sizes.append(1 + len(changed.encode()))  # with the space before it
            else:
                first.append(word)
        known.update(zip(first, self._each([word[1:] for word in first]), strict=True))
        known.update(zip(inner, self._inside(inner, sizes), strict=True))
        self._known = known
        return known

    def _inside(self, words: list[str], sizes: list[int]) -> list[Word]:
        """The ids of words that follow a space; ``sizes`` are their bytes, that space included."""
        groups = [slice(start, start + AT_ONCE) for start in range(0, len(words), AT_ONCE)]
        texts = self._encode([f" {' '.join(words[group])}" for group in groups])
        found: list[Word] = []
        for group, text in zip(groups, texts, strict=True):
            ends = {end: stop for stop, end in enumerate(accumulate(map(self._sizes.__getitem__, text)), start=1)}
            stops = [0, *map(ends.get, accumulate(sizes[group]))]
            if None not in stops and stops[-1] == len(text) and self._apart.isdisjoint(ids := tuple(text)):
                found += [ids[a:b] for a, b in pairwise(stops)]
            else:  # something in these words is lost, or unknown
                found += self._each([f" {word}" for word in words[group]])
        return found

    def _each(self, texts: list[str]) -> list[Word]:
        """Words cut one by one."""
        return [tuple(ids) if self._apart.isdisjoint(ids) else None for ids in self._encode(texts)]

    @staticmethod
    def _joined(words: list[str], known: dict[str, Word]) -> list[int] | None:
        try:
            return list(chain.from_iterable(map(known.__getitem__, words)))  # type: ignore[arg-type]
        except (KeyError, TypeError):  # a word that is too long, or None
            return None


def cuts_word_by_word(hf: HFTokenizer) -> bool:
    """Is a text cut as its words are, each with the space before it?"""
    added = hf.get_added_tokens_decoder().values()
    cuts = [step for step in described(hf.pre_tokenizer) if step != FIRST]
    return (
        all(token.special for token in added)  # others are found in a text before it is parted
        and type(hf.model).__name__ == "BPE"
        and not (hf.model.dropout or hf.model.continuing_subword_prefix or hf.model.end_of_word_suffix)
        and (_in_words(cuts) or [(step["type"], step.get("use_regex")) for step in cuts] == [("ByteLevel", True)])
        and all(_by_itself(step) for step in described(hf.normalizer))
    )


def _in_words(cuts: list[dict[str, Any]]) -> bool:
    """Are these the steps of tokir's own byte-level BPE?"""
    if [step["type"] for step in cuts] != ["Split", "ByteLevel"]:
        return False
    split, level = cuts
    whole = (split["pattern"], split["behavior"], split["invert"]) == ({"Regex": WORDS}, "Isolated", False)
    return whole and not level["use_regex"] and not level["add_prefix_space"]


def _by_itself(step: dict[str, Any]) -> bool:
    from tokir.tokenizers.normalization import FINAL_SIGMA

    return step["type"] in BY_ITSELF or step.get("pattern") == {"Regex": FINAL_SIGMA}
