"""Queries as people really type them: the same query with a typo or the like, made by rule from a seed.

Each perturbation is a function of text and random state, for the scripts in which it makes sense. A text that it
cannot change (no diacritics to strip, no two words to join, a script without capitals) stays as it is; what changes no
query of a data set is not evaluated on it. A text in normalization form C or D stays in it, and one in neither is
changed where the perturbation changes it, and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

import numpy as np

from tokir.evaluation.keyboards import neighbours
from tokir.evaluation.registry import PERTURBATIONS
from tokir.words import characters

Edit = Callable[[str, np.random.Generator], str]

_ACUTE = "\u0301"
_ARABIC = "".join(map(chr, range(0x0621, 0x064B))).replace("\u0640", "")  # without the tatweel, which is no letter
_HEBREW = "".join(map(chr, range(0x05D0, 0x05EB)))
# The letters of a script that may get a mark too many, in lower case, and the marks.
_MARKS: dict[str, str] = {
    "aeiou": f"{_ACUTE}\u0300\u0302\u0308\u0303",  # acute, grave, circumflex, diaeresis, tilde
    "аеиоуыэюя": _ACUTE,  # of Russian: where a word is stressed
    "αεηιουω": _ACUTE,  # of Greek: tonos
    _ARABIC: "\u064e\u064f\u0650\u0651\u0652",  # vowels, shadda, sukun
    _HEBREW: "\u05b0\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9",  # sheva, vowels
}
# Marks that a writer may leave out are the points of Hebrew and Arabic (combining classes 10 to 36) and what stands
# above or below a letter (200 and more); viramas, nuktas, voicing marks and Thai vowels are spelling.
_POINTS, _ABOVE_OR_BELOW = range(10, 37), 200
# What is a letter by itself, of Cyrillic and of Arabic; an alef's hamza or madda is often left out.
_LETTERS_WITH_MARKS = frozenset("йїўѓќ" + "ؤئۓۂۀ")
# Letters that look alike in Unicode's list of confusables (UTS 39, 15.0): those of Latin become Cyrillic, those of
# Cyrillic Latin, or else Greek, those of Greek Latin, or else Cyrillic.
_LATIN = dict(zip("aceopxyijsABCEHIKMOPTX", "асеорхуіјѕАВСЕНІКМОРТХ", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορυ", "ABEZHIKMNOPTYXayivopu", strict=True))
_CYRILLIC_GREEK = dict(zip("ГЛПФкптфє", "ΓΛΠΦκπτφε", strict=True))
_LOOK_ALIKES = {
    **_LATIN,
    **{other: letter for letter, other in _LATIN.items()},
    **dict(zip("УЬһԁԛԝг", "Ybhdqwr", strict=True)),
    **_CYRILLIC_GREEK,
    **_GREEK,
    **{other: letter for letter, other in _CYRILLIC_GREEK.items()},
}


def _at(text: Sequence[str], rng: np.random.Generator, fits: Callable[[int], bool]) -> int | None:
    """A random position in ``text`` that fits; None where there is none."""
    positions = [position for position in range(len(text)) if fits(position)]
    return positions[int(rng.integers(len(positions)))] if positions else None


def _of(parts: Sequence[str]) -> str:
    """The parts as one text in normalization form C."""
    return unicodedata.normalize("NFC", "".join(parts))


def _typos(text: str, rng: np.random.Generator, number: int) -> str:
    typed: dict[int, str] = {}  # by position; a second typo at the position of the first could undo it
    for _ in range(number):
        position = _at(text, rng, lambda i: i not in typed and len(neighbours(text[i])) > 0)
        if position is not None:
            near = neighbours(text[position])
            typed[position] = near[int(rng.integers(len(near)))]
    return _of([typed.get(position, key) for position, key in enumerate(text)])


def _drop(text: str, rng: np.random.Generator) -> str:
    seen = characters(text)
    # A word of one letter would be lost as a whole.
    position = _at(
        seen, rng, lambda i: _letter(seen[i]) and "".join(seen[max(0, i - 1) : i + 2]).strip() != seen[i]
    )
    return text if position is None else _of([*seen[:position], *seen[position + 1 :]])


def _swap(text: str, rng: np.random.Generator) -> str:
    seen = characters(text)
    position = _at(seen[:-1], rng, lambda i: _letter(seen[i]) and _letter(seen[i + 1]) and seen[i] != seen[i + 1])
    if position is None:
        return text
    return _of([*seen[:position], seen[position + 1], seen[position], *seen[position + 2 :]])


def _letter(character: str) -> bool:
    """Is it a letter, with marks or without?"""
    return character[0].isalpha()


def _upper(text: str, rng: np.random.Generator) -> str:
    return _of([text.upper()])


def _lower(text: str, rng: np.random.Generator) -> str:
    return _of([text.lower()])


def _strip(text: str, rng: np.random.Generator) -> str:
    kept: list[str] = []
    for mark in unicodedata.normalize("NFD", text):
        place = unicodedata.combining(mark)
        if place in _POINTS or place >= _ABOVE_OR_BELOW:
            letter = unicodedata.normalize("NFC", "".join(kept[-1:]) + mark)
            if letter.lower() not in _LETTERS_WITH_MARKS:
                continue
        kept.append(mark)
    return unicodedata.normalize("NFC", "".join(kept))


def _mark(text: str, rng: np.random.Generator) -> str:
    position = _at(text, rng, lambda i: _marks(text[i : i + 2]) != "")
    if position is None:
        return text
    marks = _marks(text[position : position + 2])
    marked = unicodedata.normalize("NFC", text[position] + marks[int(rng.integers(len(marks)))])
    return _of([text[:position], marked, text[position + 1 :]])


def _marks(pair: str) -> str:
    """The marks for the first of two characters; none where one stands on it already."""
    if unicodedata.combining(pair[-1]):
        return ""
    return next((marks for letters, marks in _MARKS.items() if pair[0].lower() in letters), "")


def _look_alike(text: str, rng: np.random.Generator) -> str:
    position = _at(text, rng, lambda i: text[i] in _LOOK_ALIKES)
    if position is None:
        return text
    return _of([text[:position], _LOOK_ALIKES[text[position]], text[position + 1 :]])


def _join(text: str, rng: np.random.Generator) -> str:
    parts = re.split(r"(\s+)", text)  # every second one is white space
    position = _at(parts[:-1], rng, lambda i: i % 2 == 1 and _is_word(parts[i - 1]) and _is_word(parts[i + 1]))
    return text if position is None else _of([*parts[:position], *parts[position + 1 :]])


def _is_word(part: str) -> bool:
    return any(map(str.isalnum, part))


def _split(text: str, rng: np.random.Generator) -> str:
    seen = characters(text)
    position = _at(seen, rng, lambda i: i > 0 and _letter(seen[i]) and _letter(seen[i - 1]))
    return text if position is None else _of([*seen[:position], " ", *seen[position:]])


@dataclass(frozen=True)
class Perturbation:
    """A kind of change to a query.

    Attributes:
        words: what it does, for a reader: ``"one letter left out"``.
        edit: makes the change to a text in normalization form C.
        stream: number of its stream of random draws; by default one made from its name.
    """

    words: str
    edit: Edit
    stream: int | None = None

    def apply(self, text: str, rng: np.random.Generator) -> str:
        """The text after the change: as it was where it is not changed, in form D where it was in that."""
        composed = unicodedata.normalize("NFC", text)
        changed = self.edit(composed, rng)
        if changed == composed:
            return text
        if text == composed:
            return changed
        return (
            unicodedata.normalize("NFD", changed)
            if unicodedata.is_normalized("NFD", text)
            else _put(text, changed)
        )


def _put(text: str, changed: str) -> str:
    """A text in neither form, with what differs in ``changed``, which is in form C, put into it."""
    parts, after = characters(text), characters(changed)
    composed = [unicodedata.normalize("NFC", part) for part in parts]
    kept: list[str] = []
    for what, start, stop, first, last in SequenceMatcher(None, composed, after, autojunk=False).get_opcodes():
        kept += parts[start:stop] if what == "equal" else after[first:last]
    return "".join(kept)


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


def perturb(text: str, name: str, seed: int, position: int) -> str:
    """``text`` after the perturbation ``name``.

    Args:
        text: a query.
        name: of an entry of ``PERTURBATIONS``.
        seed: of the study's evaluation.
        position: of the query among the evaluated ones; seed and position decide where the text is changed.
    """
    kind = PERTURBATIONS[name]
    rng = np.random.default_rng([seed, _stream(name) if kind.stream is None else kind.stream, position])
    return kind.apply(text, rng)


def perturbed(queries: Mapping[str, str], name: str, seed: int) -> dict[str, str]:
    """All queries, by id, after the perturbation ``name``; equal to ``queries`` where it does not apply to any."""
    return {query: perturb(text, name, seed, number) for number, (query, text) in enumerate(queries.items())}


def _stream(name: str) -> int:
    """A number that does not depend on which other perturbations there are."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
