"""Queries as people really type them: the same query with a typo or the like, made by rule from a seed.

Each perturbation is a function of text and random state. A text that it cannot change (no diacritics to strip, no two
words to join) stays as it is.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from tokir.evaluation.registry import PERTURBATIONS

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
    """A random position in ``text`` that fits; None where there is none."""
    positions = [position for position in range(len(text)) if fits(position)]
    return positions[int(rng.integers(len(positions)))] if positions else None


def _typos(text: str, rng: np.random.Generator, number: int) -> str:
    typed: dict[int, str] = {}  # by position; a second typo at the position of the first could undo it
    for _ in range(number):
        position = _at(text, rng, lambda i: i not in typed and text[i].lower() in _NEAR)
        if position is not None:
            near = _NEAR[text[position].lower()]
            key = near[int(rng.integers(len(near)))]
            typed[position] = key.upper() if text[position].isupper() else key
    return "".join(typed.get(position, key) for position, key in enumerate(text))


def _drop(text: str, rng: np.random.Generator) -> str:
    # A word of one letter would be lost as a whole.
    position = _at(text, rng, lambda i: text[i].isalpha() and text[max(0, i - 1) : i + 2].strip() != text[i])
    return text if position is None else text[:position] + text[position + 1 :]


def _swap(text: str, rng: np.random.Generator) -> str:
    position = _at(
        text[:-1], rng, lambda i: text[i].isalpha() and text[i + 1].isalpha() and text[i] != text[i + 1]
    )
    return (
        text if position is None else text[:position] + text[position + 1] + text[position] + text[position + 2 :]
    )


def _upper(text: str, rng: np.random.Generator) -> str:
    return text.upper()


def _lower(text: str, rng: np.random.Generator) -> str:
    return text.lower()


def _strip(text: str, rng: np.random.Generator) -> str:
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def _mark(text: str, rng: np.random.Generator) -> str:
    position = _at(text, rng, lambda i: text[i].lower() in "aeiou")
    if position is None:
        return text
    marked = text[position] + _MARKS[int(rng.integers(len(_MARKS)))]
    return text[:position] + unicodedata.normalize("NFC", marked) + text[position + 1 :]


def _look_alike(text: str, rng: np.random.Generator) -> str:
    position = _at(text, rng, lambda i: text[i] in _LOOK_ALIKES)
    return text if position is None else text[:position] + _LOOK_ALIKES[text[position]] + text[position + 1 :]


def _join(text: str, rng: np.random.Generator) -> str:
    position = _at(text, rng, lambda i: text[i] == " " and text[:i].strip() != "" and text[i + 1 :].strip() != "")
    return text if position is None else text[:position] + text[position + 1 :]


def _split(text: str, rng: np.random.Generator) -> str:
    position = _at(text, rng, lambda i: i > 0 and text[i].isalpha() and text[i - 1].isalpha())
    return text if position is None else f"{text[:position]} {text[position:]}"


@dataclass(frozen=True)
class Perturbation:
    """A kind of change to a query.

    Attributes:
        words: what it does, for a reader: ``"one letter left out"``.
        edit: makes the change.
        stream: number of its stream of random draws; by default one made from its name.
    """

    words: str
    edit: Edit
    stream: int | None = None


ONE_TYPO = Perturbation("one neighbouring key", partial(_typos, number=1), 0)
TWO_TYPOS = Perturbation("two neighbouring keys", partial(_typos, number=2), 1)
DROP = Perturbation("one letter left out", _drop, 2)
SWAP = Perturbation("two letters swapped", _swap, 3)
UPPER = Perturbation("capitals only", _upper, 4)
LOWER = Perturbation("no capitals", _lower, 5)
STRIP_DIACRITICS = Perturbation("no diacritics", _strip, 6)
ADD_DIACRITICS = Perturbation("one diacritic too many", _mark, 7)
LOOK_ALIKE = Perturbation("one letter of another script", _look_alike, 8)
JOINED = Perturbation("two words joined", _join, 9)
SPLIT = Perturbation("one word split", _split, 10)


def perturb(text: str, name: str, seed: int, position: int, times: int = 1) -> str:
    """``text`` after the perturbation ``name``.

    Args:
        text: a query.
        name: of an entry of ``PERTURBATIONS``.
        seed: of the study's evaluation.
        position: of the query among the evaluated ones; seed and position decide where the text is changed.
        times: how often it is changed; with zero the text stays as it is.
    """
    kind = PERTURBATIONS[name]
    rng = np.random.default_rng([seed, _stream(name) if kind.stream is None else kind.stream, position])
    for _ in range(times):
        text = kind.edit(text, rng)
    return text


def _stream(name: str) -> int:
    """A number that does not depend on which other perturbations there are."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
