"""Queries as people really type them: the same query with a slip in it, made by rule from a seed.

Each variant is a function of text and random state. A text that has no place for a slip (no diacritics to strip, no two
words to join) comes back as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

Edit = Callable[[str, np.random.Generator], str]

# Neighbours on a QWERTY keyboard: the keys left and right of each, and those it touches in the rows above and below.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_MARKS = ("\u0301", "\u0300", "\u0302", "\u0308", "\u0303")  # acute, grave, circumflex, diaeresis, tilde
# Letters of other scripts that look like Latin ones (a part of Unicode's confusables, UTS 39).
_LOOK_ALIKES = dict(zip("aceopxyijsABCEHIKMOPTX", "асеорхуіјѕАВСЕНІКМОРТХ", strict=True))


def _neighbours() -> dict[str, str]:
    found: dict[str, str] = {}
    for row, keys in enumerate(_ROWS):
        for column, key in enumerate(keys):
            near = [keys[c] for c in (column - 1, column + 1) if 0 <= c < len(keys)]
            for other, columns in ((row - 1, (column, column + 1)), (row + 1, (column - 1, column))):
                if 0 <= other < len(_ROWS):
                    near += [_ROWS[other][c] for c in columns if 0 <= c < len(_ROWS[other])]
            found[key] = "".join(near)
    return found


_NEAR = _neighbours()


def _at(text: str, rng: np.random.Generator, fits: Callable[[int], bool]) -> int | None:
    """A random place in ``text`` that fits; None where there is none."""
    places = [place for place in range(len(text)) if fits(place)]
    return places[int(rng.integers(len(places)))] if places else None


def _typos(text: str, rng: np.random.Generator, number: int) -> str:
    typed: dict[int, str] = {}  # by place; a second typo at the place of the first could undo it
    for _ in range(number):
        place = _at(text, rng, lambda i: i not in typed and text[i].lower() in _NEAR)
        if place is not None:
            near = _NEAR[text[place].lower()]
            key = near[int(rng.integers(len(near)))]
            typed[place] = key.upper() if text[place].isupper() else key
    return "".join(typed.get(place, key) for place, key in enumerate(text))


def _drop(text: str, rng: np.random.Generator) -> str:
    # A word of one letter would be lost as a whole.
    place = _at(text, rng, lambda i: text[i].isalpha() and text[max(0, i - 1) : i + 2].strip() != text[i])
    return text if place is None else text[:place] + text[place + 1 :]


def _swap(text: str, rng: np.random.Generator) -> str:
    place = _at(text[:-1], rng, lambda i: text[i].isalpha() and text[i + 1].isalpha() and text[i] != text[i + 1])
    return text if place is None else text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _upper(text: str, rng: np.random.Generator) -> str:
    return text.upper()


def _lower(text: str, rng: np.random.Generator) -> str:
    return text.lower()


def _strip(text: str, rng: np.random.Generator) -> str:
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def _mark(text: str, rng: np.random.Generator) -> str:
    place = _at(text, rng, lambda i: text[i].lower() in "aeiou")
    if place is None:
        return text
    marked = text[place] + _MARKS[int(rng.integers(len(_MARKS)))]
    return text[:place] + unicodedata.normalize("NFC", marked) + text[place + 1 :]


def _look_alike(text: str, rng: np.random.Generator) -> str:
    place = _at(text, rng, lambda i: text[i] in _LOOK_ALIKES)
    return text if place is None else text[:place] + _LOOK_ALIKES[text[place]] + text[place + 1 :]


def _join(text: str, rng: np.random.Generator) -> str:
    place = _at(text, rng, lambda i: text[i] == " " and text[:i].strip() != "" and text[i + 1 :].strip() != "")
    return text if place is None else text[:place] + text[place + 1 :]


def _split(text: str, rng: np.random.Generator) -> str:
    place = _at(text, rng, lambda i: i > 0 and text[i].isalpha() and text[i - 1].isalpha())
    return text if place is None else f"{text[:place]} {text[place:]}"


class Variant(NamedTuple):
    """A kind of slip."""

    words: str
    edit: Edit


VARIANTS: dict[str, Variant] = {
    "typo-1": Variant("one neighbouring key", partial(_typos, number=1)),
    "typo-2": Variant("two neighbouring keys", partial(_typos, number=2)),
    "drop": Variant("one letter left out", _drop),
    "swap": Variant("two letters swapped", _swap),
    "upper": Variant("capitals only", _upper),
    "lower": Variant("no capitals", _lower),
    "strip-diacritics": Variant("no diacritics", _strip),
    "add-diacritics": Variant("one diacritic too many", _mark),
    "look-alike": Variant("one letter of another script", _look_alike),
    "joined": Variant("two words joined", _join),
    "split": Variant("one word split", _split),
}


def perturb(text: str, variant: str, seed: int, place: int, times: int = 1) -> str:
    """``text`` with the slip of ``variant``.

    Args:
        text: a query.
        variant: a key of :data:`VARIANTS`.
        seed: of the study's evaluation.
        place: of the query among the evaluated ones; seed and place decide where the slips fall.
        times: how often the slip is made; nought gives the text back.
    """
    kind = VARIANTS[variant]
    rng = np.random.default_rng([seed, list(VARIANTS).index(variant), place])
    for _ in range(times):
        text = kind.edit(text, rng)
    return text
