"""Which keys lie next to each other, on the keyboard of each script.

Layouts are those of national standards, as X.Org's xkeyboard-config has them (symbols us, ru, gr, il, ara, in, th):
QWERTY, Russian ЙЦУКЕН, Greek ELOT 1000, Hebrew SI-1452, Arabic 101, Devanagari InScript (IS 13194), Thai Kedmanee
(TIS 820); and Korean with two sets of keys (KS X 5002). Kana are typed in Latin letters (JIS X 4063, Kunrei spelling).
Letters that have no key of their own there, such as those with accents, and scripts whose layout is not listed have no
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from unicodedata import category

Rows = tuple[str, ...]
"""The keys of digits, if there are letters on them, and the three rows below, each from its first key; spaces are keys
that are no letters."""

_QWERTY: Rows = ("", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_LAYOUTS: tuple[Rows, ...] = (
    _QWERTY,
    ("", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    ("", " ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"),
    ("", "  קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"),
    ("", "ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر ىةوزظ"),
    ("", "\u064e\u064b\u064f\u064c إ", "\u0650\u064d   أ", " \u0652   آ"),  # with the shift key
    (" " * 11 + "\u0943", "\u094c\u0948\u093e\u0940\u0942बहगदजड", "\u094b\u0947\u094d\u093f\u0941परकतचट",
     "\u0946\u0902मनवलस  य"),
    (" " * 11 + "ऋ", "औऐआईऊभङघधझढञ", "ओएअइउफऱखथछठ", "ऎ\u0901णऩऴळशष"),
    ("ๅ  ภถ\u0e38\u0e36คตจขช", "ๆไำพะ\u0e31\u0e35รนยบล", "ฟหกดเ\u0e49\u0e48าสวง", "ผปแอ\u0e34\u0e37ทมใฝ"),
    (" " * 5 + "\u0e39", "  ฎฑธ\u0e4d\u0e4aณ ญฐ", "ฤฆฏโฌ\u0e47\u0e4bษศซ", "  ฉฮ\u0e3a\u0e4c ฒฬฦ"),
)  # fmt: skip
_KOREAN: tuple[Rows, ...] = (
    ("", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"),
    ("", "ㅃㅉㄸㄲㅆ   ㅒㅖ", "", ""),
)
# The letters of a syllable in the order of Unicode: first, vowel, last.
_JAMO = (
    "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ",
    "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ",
    " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ",
)
_SYLLABLES = 0xAC00
_VOWELS = "aiueo"
_KANA = {
    "": "あいうえお", "k": "かきくけこ", "g": "がぎぐげご", "s": "さしすせそ", "z": "ざじずぜぞ", "t": "たちつてと",
    "d": "だぢづでど", "n": "なにぬねの", "h": "はひふへほ", "b": "ばびぶべぼ", "p": "ぱぴぷぺぽ", "m": "まみむめも",
    "y": "や ゆ よ", "r": "らりるれろ", "w": "わ   を",
}  # fmt: skip
_KATAKANA = 0x60  # code points above the same hiragana


@cache
def neighbours(character: str) -> Sequence[str]:
    """What stands in place of a character after a slip to a neighbouring key; empty where that is not known.

    Letters become letters and signs signs, capitals capitals. Of a syllable of Hangul one letter changes that is a key
    of its own, of a kana the consonant or the vowel, where that gives another kana.
    """
    if near := _near().get(character.lower()):
        cased = [key.upper() if character.isupper() else key for key in near]
        return [key for key in cased if key != character]
    return [*_syllables(character), *_kana(character)]


@cache
def _near() -> dict[str, list[str]]:
    return {key: near for rows in _LAYOUTS for key, near in _beside(rows)}


def _beside(rows: Rows) -> Iterator[tuple[str, list[str]]]:
    """Each key with those left and right of it, and those that it touches in the rows above and below."""
    for row, keys in enumerate(rows):
        for column, key in enumerate(keys):
            near = [keys[c] for c in (column - 1, column + 1) if 0 <= c < len(keys)]
            for other, columns in ((row - 1, (column, column + 1)), (row + 1, (column - 1, column))):
                if 0 <= other < len(rows):
                    near += [rows[other][c] for c in columns if 0 <= c < len(rows[other])]
            # Letters are of a category L*, vowel signs and other marks of one M*.
            yield key, [one for one in near if one != " " and category(one)[0] == category(key)[0]]


def _syllables(character: str) -> Iterator[str]:
    """Syllables of Hangul that differ in one letter."""
    number = ord(character) - _SYLLABLES
    sizes = [len(letters) for letters in _JAMO]
    if not 0 <= number < sizes[0] * sizes[1] * sizes[2]:
        return
    parts = [number // (sizes[1] * sizes[2]), number // sizes[2] % sizes[1], number % sizes[2]]
    near = {key: keys for rows in _KOREAN for key, keys in _beside(rows)}
    for place, letters in enumerate(_JAMO):
        for key in near.get(letters[parts[place]], ()):
            if key in letters:
                first, vowel, last = (letters.index(key) if i == place else part for i, part in enumerate(parts))
                yield chr(_SYLLABLES + (first * sizes[1] + vowel) * sizes[2] + last)


def _kana(character: str) -> Iterator[str]:
    """Kana whose spelling in Latin letters differs in one."""
    near = _near()
    for shift in (0, _KATAKANA):
        for consonant, row in _KANA.items():
            for vowel, kana in zip(_VOWELS, row, strict=True):
                if kana == " " or character != chr(ord(kana) + shift):
                    continue
                found = [_KANA[key][_VOWELS.index(vowel)] for key in near.get(consonant, ()) if key in _KANA]
                found += [row[_VOWELS.index(key)] for key in near[vowel] if key in _VOWELS]
                yield from (chr(ord(one) + shift) for one in found if one != " ")
