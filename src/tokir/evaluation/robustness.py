"""Queries as people really type them: the same query with a slip in it, made by rule from a seed.

Each variant is a function of text, number of edits and random state. Nought edits give the text back; a text that has
no place for an edit (no diacritics to strip, no two words to join) comes back as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
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


def _typo(text: str, rng: np.random.Generator) -> str:
    place = _at(text, rng, lambda i: text[i].lower() in _NEAR)
    if place is None:
        return text
    near = _NEAR[text[place].lower()]
    key = near[int(rng.integers(len(near)))]
    return text[:place] + (key.upper() if text[place].isupper() else key) + text[place + 1 :]


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
    edits: int


VARIANTS: dict[str, Variant] = {
    "typo-1": Variant("one neighbouring key", _typo, 1),
    "typo-2": Variant("two neighbouring keys", _typo, 2),
    "drop": Variant("one letter left out", _drop, 1),
    "swap": Variant("two letters swapped", _swap, 1),
    "upper": Variant("capitals only", _upper, 1),
    "lower": Variant("no capitals", _lower, 1),
    "strip-diacritics": Variant("no diacritics", _strip, 1),
    "add-diacritics": Variant("one diacritic too many", _mark, 1),
    "look-alike": Variant("one letter of another script", _look_alike, 1),
    "joined": Variant("two words joined", _join, 1),
    "split": Variant("one word split", _split, 1),
}


def perturb(text: str, variant: str, seed: int, place: int, edits: int | None = None) -> str:
    """``text`` with the slips of ``variant``.

    Args:
        text: a query.
        variant: a key of :data:`VARIANTS`.
        seed: of the study's evaluation.
        place: of the query among the evaluated ones; seed and place decide where the slips fall.
        edits: how many; by default those of the variant.
    """
    kind = VARIANTS[variant]
    rng = np.random.default_rng([seed, list(VARIANTS).index(variant), place])
    for _ in range(kind.edits if edits is None else edits):
        text = kind.edit(text, rng)
    return text
