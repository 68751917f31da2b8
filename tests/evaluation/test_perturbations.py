import hashlib
import unicodedata
from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.config import EvaluationSettings
from tokir.evaluation.keyboards import neighbours
from tokir.evaluation.perturbations import Perturbation, perturb, perturbed
from tokir.evaluation.registry import PERTURBATIONS
from tokir.words import characters

KEYS = {"typo-1": 1, "typo-2": 2}  # wrong ones
LENGTHS = {"swap": 0, "drop": -1, "split": 1}  # in characters as a reader sees them
TEXT = "Rilès painted café walls"
QUERIES = {
    "Latin": TEXT,
    "Cyrillic": "Где находится ёлка й",
    "Greek": "Πού είναι ο Όμηρος",
    "Hebrew": "היכן נמצאת ירושלים",
    "Arabic": "أين تقع مدينة مكة",
    "Devanagari": "हिन्दी भाषा कहाँ बोली जाती है",
    "Thai": "กรุงเทพอยู่ที่ไหน",
    "Hangul": "한국어는 언제 만들었나",
    "Japanese": "手塚治虫のデビュー作は何かな",
    "Chinese": "北京在哪里",
}
# Marks only on letters: a stray virama, for one, makes a single character of what follows it.
LETTERS = [c for c in "".join(QUERIES.values()) + "ÀéßİŁøſ \n.1" if len(characters(f"a{c}")) == 2]
LETTERS += ["मि", "ที่", "a\u0323", "مَ"]
TYPED = st.lists(st.sampled_from(LETTERS)).map(lambda parts: unicodedata.normalize("NFC", "".join(parts)))
# What each gave for Latin text before it knew of other scripts; a digest of all texts, seeds and positions.
LATIN = (TEXT, "Who wrote Don Quixote, and when?", "straße nach İzmir 1984 ø ≠ ñandú", "Đà Nẵng a b",
         "  x\r\ny  ", "naïve Bayes vs. k-NN (2019)")  # fmt: skip
BEFORE = {
    "typo-1": "5583719046a9", "typo-2": "30c00d0721aa", "drop": "623cab804765", "swap": "dbf65169a4af",
    "upper": "a6eb4b59b20f", "lower": "6f5d13784b24", "strip-diacritics": "28f4c217f032",
    "add-diacritics": "d45f80bbfc21", "look-alike": "4fccb69a78af", "joined": "b7173587054e", "split": "e45e9a7d2218",
}  # fmt: skip


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(text=st.one_of(st.text(), TYPED), seed=st.integers(0, 9), position=st.integers(0, 9))
def test_a_perturbation_is_one_of_its_kind(name, text, seed, position):
    changed = perturb(text, name, seed, position)
    changed.encode()
    assert perturb(text, name, seed, position) == changed
    form = next((form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, text)), None)
    assert form is None or unicodedata.is_normalized(form, changed)
    if name in ("joined", "split"):
        joined = [unicodedata.normalize("NFC", "".join(one.split())) for one in (text, changed)]
        assert joined[0] == joined[1]
    if name == "strip-diacritics":
        assert perturb(changed, name, seed, position) == changed


@pytest.mark.parametrize("name", [*LENGTHS, *KEYS, "look-alike"])
@given(text=TYPED, seed=st.integers(0, 9), position=st.integers(0, 9))
def test_as_many_characters_change_as_is_said(name, text, seed, position):
    changed = perturb(text, name, seed, position)
    if name in LENGTHS:
        assert len(characters(changed)) - len(characters(text)) in (0, LENGTHS[name])
        assert name != "swap" or sorted(characters(changed)) == sorted(characters(text))
    else:
        keys = sum(len(neighbours(character)) > 0 for character in text)
        differing = sum(a != b for a, b in zip(text, changed, strict=True))
        assert differing == min(KEYS[name], keys) if name in KEYS else differing <= 1


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_latin_text_is_perturbed_as_it_always_was(name):
    found = [perturb(text, name, seed, number) for seed in range(3) for number in range(5) for text in LATIN]
    assert hashlib.sha256("\n".join(found).encode()).hexdigest()[:12] == BEFORE[name]


def test_each_script_is_perturbed_where_that_makes_sense():
    same = {
        script: {name for name in PERTURBATIONS if perturbed({"q": text}, name, 0) == {"q": text}}
        for script, text in QUERIES.items()
    }
    no_case = {"upper", "lower"}
    no_marks = {"strip-diacritics", "add-diacritics"}
    assert same == {
        "Latin": set(),
        "Cyrillic": set(),
        "Greek": set(),
        "Hebrew": no_case | {"look-alike", "strip-diacritics"},  # these words have no points to strip
        "Arabic": no_case | {"look-alike"},
        "Devanagari": no_case | no_marks | {"look-alike"},
        "Thai": no_case | no_marks | {"look-alike", "joined"},
        "Hangul": no_case | no_marks | {"look-alike"},
        "Japanese": no_case | no_marks | {"look-alike", "joined"},
        "Chinese": no_case | no_marks | {"look-alike", "joined", "typo-1", "typo-2"},
    }


def test_a_text_in_form_d_is_perturbed_as_in_form_c():
    for name in PERTURBATIONS:
        for text in QUERIES.values():
            apart = unicodedata.normalize("NFD", text)
            changed = perturb(text, name, 0, 0)
            assert perturb(apart, name, 0, 0) == (
                apart if changed == text else unicodedata.normalize("NFD", changed)
            )


@pytest.mark.parametrize("name", ["typo-1", "drop", "joined", "split"])
def test_a_text_in_neither_form_is_changed_where_it_is_perturbed_alone(name):
    text = "\u095c\u093e\u0928 \u0930\u095c \u212b\u037e e\u0301t é"
    assert not any(unicodedata.is_normalized(form, text) for form in ("NFC", "NFD"))
    for position in range(20):
        changed = perturb(text, name, 0, position)
        matched = SequenceMatcher(None, text, changed, autojunk=False).get_matching_blocks()
        assert changed != text and sum(block.size for block in matched) >= len(text) - 2


def test_words_are_joined_and_nothing_else():
    for text in ("Qui a\u00a0peint ?", "  Qui  a \n peint", "Qui a peint - ?"):
        joined = {" ".join(perturb(text, "joined", 0, position).split()) for position in range(20)}
        rest = " ".join(text.split())[len("Qui a peint") :]
        assert joined == {f"Quia peint{rest}", f"Qui apeint{rest}"}
    assert perturb("x - y", "joined", 0, 0) == "x - y"


def test_keys_lie_side_by_side_in_each_script():
    assert "".join(neighbours("g")) == "fhtyvb"  # left, right, above, below
    assert set(neighbours("к")) == {*"уева"} and set(neighbours("Κ")) == {*"ΞΛΙΟΜ"}
    assert set(neighbours("ש")) == {*"דז"} and {"ا", "ن"} < set(neighbours("ت"))
    assert {"र", "च"} & set(neighbours("क")) and {"ห", "ด"} < set(neighbours("ก"))
    assert all(one not in neighbours("ด") for one in "\u0e34\u0e49")  # a letter is no sign, ...
    assert set(neighbours("\u064e")) == {"\u064b", "\u0650"}  # ... and a sign no letter
    assert {"닌", "넌", "낭", "안"} < set(neighbours("난")) and {"ぬ", "び"} < set(neighbours("に"))
    assert neighbours("漢") == neighbours("é") == neighbours("ё") == neighbours(" ") == []


def test_marks_are_added_and_stripped_as_a_script_has_them():
    assert perturb("ёлка й их", "strip-diacritics", 0, 0) == "елка й их"
    assert perturb("مُحَمَّد أين", "strip-diacritics", 0, 0) == "محمد اين"
    assert perturb("שָׁלוֹם", "strip-diacritics", 0, 0) == "שלום"
    for spelled in ("سؤال بئر مسؤولية شيئا", "a ≠ b, x ∉ y"):
        assert perturb(spelled, "strip-diacritics", 0, 0) == spelled
    for spelled in ("हिन्दी फ़िल्म", "ที่นี่น้ำ", "がぎ パン"):  # viramas, vowels and voicing are not left out
        assert perturb(spelled, "strip-diacritics", 0, 0) == spelled
    assert perturb("ο", "add-diacritics", 0, 0) == "ό" and perturb("вот", "add-diacritics", 0, 0) == "во\u0301т"
    assert unicodedata.name(perturb("ب", "add-diacritics", 0, 0)[1]).startswith("ARABIC")
    assert perturb("ό", "add-diacritics", 0, 0) == "ό"


def test_letters_look_alike_both_ways():
    for before, after in (("о", "o"), ("Р", "P"), ("Л", "Λ"), ("ν", "v"), ("Π", "П"), ("o", "о")):
        assert perturb(before, "look-alike", 0, 0) == after


def test_every_perturbation_can_be_set():
    assert EvaluationSettings(robustness=list(PERTURBATIONS)).robustness == list(PERTURBATIONS)


def test_each_kind_does_what_it_says():
    changed = {name: perturb(TEXT, name, 0, 0) for name in PERTURBATIONS}
    differing = {
        v: sum(a != b for a, b in zip(TEXT, changed[v], strict=True)) for v in ("typo-1", "typo-2", "swap")
    }
    assert differing == {"typo-1": 1, "typo-2": 2, "swap": 2}
    assert changed["upper"] == "RILÈS PAINTED CAFÉ WALLS" and changed["lower"] == TEXT.lower()
    assert changed["strip-diacritics"] == "Riles painted cafe walls"
    marks = [len([c for c in unicodedata.normalize("NFD", t) if unicodedata.combining(c)]) for t in (
        TEXT, changed["add-diacritics"])]  # fmt: skip
    assert marks == [2, 3]
    odd = [a for a, b in zip(changed["look-alike"], TEXT, strict=True) if a != b]
    assert len(odd) == 1 and "CYRILLIC" in unicodedata.name(odd[0])
    assert len(changed["joined"].split()) == 3 and len(changed["split"].split()) == 5
    assert len({perturb(TEXT, "drop", 0, position) for position in range(30)}) > 5


def test_the_draws_of_a_perturbation_stay_the_same_whatever_is_added(monkeypatch):
    before = {name: perturb(TEXT, name, 3, 5) for name in PERTURBATIONS}
    assert (before["typo-1"], before["drop"], before["split"]) == (
        "Rilès painted café aalls",
        "Rilès paited café walls",
        "Rilès paint ed café walls",
    )
    monkeypatch.setattr(PERTURBATIONS, "_entries", dict(PERTURBATIONS._entries))
    PERTURBATIONS.add("toy", Perturbation("one letter dotted", _dot))
    toy = perturb(TEXT, "toy", 3, 5)
    PERTURBATIONS.add("another", Perturbation("one letter dotted", _dot))
    assert toy == perturb(TEXT, "toy", 3, 5) and toy.count(".") == 1
    assert before == {name: perturb(TEXT, name, 3, 5) for name in before}
    assert len({perturb(TEXT, name, 3, i) for name in ("toy", "another") for i in range(9)}) > 9


def _dot(text: str, rng: np.random.Generator) -> str:
    position = int(rng.integers(len(text)))
    return f"{text[:position]}.{text[position + 1 :]}"
