"""What a word is, in every script: the one place that knows which scripts are written without spaces.

Where a script has spaces, words are those of the Unicode Standard (Annex 29), marks with their letters. Chinese,
Japanese, Thai, Lao, Khmer and Burmese have no spaces between words, and only a dictionary could tell them apart; there
is none here. So a run of such a script is not called a word, nor cut into what would look like words: measures per word
are not taken of it (``without_spaces``), and what needs short parts of it takes a few characters (``pieces``). A
character is what a reader sees as one, a grapheme cluster of the same annex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

SPACELESS = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
SHARE = 0.2  # of the letters; above it a text is taken to be without spaces between its words
PIECE = 3  # characters; a word has two on average in Chinese and Japanese, three or four in Thai
_FIRST = "\u0e00"  # below it are no spaceless scripts
_COMBINING = "\u0300"  # below it are neither marks nor scripts that are cut in a way of their own
_LONGEST = 64  # code points of a character as a reader sees it, in any text that is one
_SPACED = re.compile(r"\S+")


class Run(NamedTuple):
    """Letters, marks, digits and connectors side by side.

    Attributes:
        text: the run.
        apart: is it of the scripts that were to be set apart?
        start: where it begins.
    """

    text: str
    apart: bool
    start: int


def runs(text: str, apart: tuple[str, ...] = SPACELESS) -> Iterator[Run]:
    """The runs of a text in its order; a run of the scripts ``apart`` ends where another script begins.

    A joiner belongs to the word that it stands in, as in Persian and Sinhala.
    """
    letter = rf"[\p{{L}}\p{{M}}\p{{N}}\p{{Pc}}--[{_of(apart)}]]"
    for found in _compiled(_apart(apart, rf"{letter}(?:[\u200c\u200d]?{letter})*")).finditer(text):
        yield Run(found[0], found.lastgroup is not None, found.start())


def begins_with(text: str, scripts: tuple[str, ...]) -> bool:
    """Is the first character of a text of one of ``scripts``?"""
    return text[:1] >= _COMBINING and _compiled(f"[{_of(scripts)}]").match(text) is not None


def words(text: str) -> list[str]:
    """The words of a text in its order; what stands in a script without spaces is left out.

    >>> words("Don't panic: Café Zürich, 東京タワー 333 m")
    ["Don't", 'panic', 'Café', 'Zürich', '333', 'm']
    """
    to_boundary = _apart(SPACELESS, rf"[\p{{L}}\p{{Nd}}\p{{Nl}}--[{_of(SPACELESS)}]]") + r"(?s:.)*?\b"
    found = _compiled(to_boundary, default_boundaries=True).finditer(text)
    return [one[0] for one in found if one.lastgroup is None]


def characters(text: str) -> list[str]:
    """The characters of a text as a reader sees them, so that marks and vowel signs stay with their letters."""
    if text.isascii() and "\r" not in text:
        return list(text)
    found: list[str] = _compiled(r"\X").findall(text)
    return found


def without_spaces(texts: Sequence[str]) -> bool:
    """Is more than a fifth of the letters of all texts of scripts without spaces, so that spaces part no words?"""
    letter = rf"[[{_of(SPACELESS)}]&&\p{{L}}]"
    spaceless = sum(len(_compiled(letter).findall(text)) for text in texts if text and max(text) >= _FIRST)
    return spaceless > 0 and spaceless > SHARE * sum(character.isalpha() for text in texts for character in text)


def pieces(text: str) -> list[tuple[int, int]]:
    """Start and end of each part of a text that may pass for a word.

    These are what white space parts; in a text without spaces between its words up to ``PIECE`` characters of a run,
    with the punctuation behind them.
    """
    spaced = [found.span() for found in _SPACED.finditer(text)]
    if not without_spaces([text]):
        return spaced
    of = _of(SPACELESS)
    piece = _compiled(rf"(?:(?=[{of}])\X){{1,{PIECE}}}[^\s\p{{L}}\p{{M}}\p{{N}}{of}]*|[^\s{of}]+")
    return [found.span() for start, stop in spaced for found in piece.finditer(text, start, stop)]


def shortened(text: str, length: int) -> str:
    """At most ``length`` characters of ``text`` on one line, and an ellipsis where it goes on.

    It ends between two words; in a script without spaces, or where there is no space, between two characters.
    """
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    cut = last = ""
    for character in characters(text[: length + _LONGEST]):
        if len(cut) + len(character) > length:
            break
        cut, last = cut + character, character
    if text[len(cut)] == " " or begins_with(last, SPACELESS):
        return cut + "…"
    return (_compiled(rf"[^\s{_of(SPACELESS)}]+$").sub("", cut).rstrip() or cut) + "…"


def spaceless_character() -> str:
    r"""A pattern of one character of a script without spaces, as :mod:`regex` and HF ``tokenizers`` both read it.

    What ``\X`` is to the latter ends behind a sign that joins two consonants, of Khmer or Burmese: it goes on there.
    """
    return rf"(?=[{_of(SPACELESS)}])\X(?:(?<=[\u17d2\u1039])\X)*"


def _of(scripts: Sequence[str]) -> str:
    """What stands in a class of characters for scripts."""
    # The prolonged sound mark of Japanese, and the marks of half-width katakana, are of no single script.
    return "".join(rf"\p{{{name}}}" for name in scripts) + "ーｰ\uff9e\uff9f"


def _apart(scripts: Sequence[str], others: str) -> str:
    """A run of ``scripts``, in a group, or ``others``."""
    of = _of(scripts)
    return rf"(?P<apart>[{of}][{of}\p{{M}}]*)|{others}"


@lru_cache(maxsize=16)
def _compiled(pattern: str, default_boundaries: bool = False) -> Any:
    """A pattern with sets; with ``default_boundaries`` a boundary of words is one of Annex 29."""
    import regex

    return regex.compile(pattern, regex.V1 | (regex.WORD if default_boundaries else 0))
