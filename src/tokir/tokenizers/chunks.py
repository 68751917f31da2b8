"""Texts cut word by word, each word once: many times as fast where the same words come again and again.

A byte-level tokenizer first parts a text into words, each with the space before it, and cuts every word by itself. So
the tokens of a text are those of its words one after the other, as long as single spaces part them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
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
# The step that puts a space before a text.
FIRST = {"type": "Metaspace", "replacement": " ", "prepend_scheme": "first", "split": False}
BY_ITSELF = ("Lowercase", "NFC", "NFD", "NFKC", "NFKD")  # normalizers that never look across a space
Encode = Callable[[Sequence[str]], list[list[int]]]


class Chunks:
    """Token ids of words.

    Args:
        encode: texts to their token ids.
        normalize: a text after all steps that change it.
        apart: ids that stand for something else than their own text; a text with one is left to others.
        prefixed: is the first word of a text cut as one with a space before it?
    """

    def __init__(
        self, encode: Encode, normalize: Callable[[str], str], apart: frozenset[int], prefixed: bool
    ) -> None:
        self._encode, self._normalize, self._apart, self._prefixed = encode, normalize, apart, prefixed
        self._known: dict[str, tuple[int, ...] | None] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int] | None]:
        """The token ids of each text; None for one that is to be cut as a whole."""
        cut = [text.split(" ") for text in texts]
        if not self._prefixed:  # a first word has a key that no other word has
            for words in cut:
                words[0] = f" {words[0]}"
        known = self._learned({word for words in cut for word in words})
        return [self._joined(words, known) for words in cut]

    def _learned(self, words: set[str]) -> dict[str, tuple[int, ...] | None]:
        known = self._known if len(self._known) < MOST else {}
        new = [word for word in words if word not in known and len(word) <= LONGEST]
        ids = self._encode([word[1:] if word.startswith(" ") else f" {word}" for word in new])
        for word, found in zip(new, ids, strict=True):
            text = word.removeprefix(" ")
            # Normalization may make spaces of other characters.
            changed = text if text.isascii() else self._normalize(text)
            whole = changed.split() == [changed] and self._apart.isdisjoint(found)
            known[word] = tuple(found) if whole else None
        self._known = known
        return known

    @staticmethod
    def _joined(words: list[str], known: dict[str, tuple[int, ...] | None]) -> list[int] | None:
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
        and not getattr(hf.model, "dropout", None)
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
