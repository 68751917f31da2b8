import unicodedata
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.config import EvaluationSettings
from tokir.evaluation.perturbations import Perturbation, perturb
from tokir.evaluation.registry import PERTURBATIONS

KEYS = {"typo-1": 1, "typo-2": 2}  # wrong ones
LENGTHS = {"typo-1": 0, "typo-2": 0, "swap": 0, "look-alike": 0, "drop": -1, "joined": -1, "split": 1}
TEXT = "Rilès painted café walls"


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(text=st.text(), seed=st.integers(0, 9), position=st.integers(0, 9))
def test_a_perturbation_is_one_of_its_kind(name, text, seed, position):
    changed = perturb(text, name, seed, position)
    assert perturb(text, name, seed, position) == changed
    assert perturb(text, name, seed, position, times=0) == text
    if name in LENGTHS:
        assert len(changed) - len(text) in (0, LENGTHS[name])
    if name in KEYS:
        letters = sum(c.lower() in ascii_lowercase for c in text)
        assert sum(a != b for a, b in zip(text, changed, strict=True)) == min(KEYS[name], letters)
    if name == "swap":
        assert sorted(changed) == sorted(text)
    if name in ("joined", "split"):
        assert changed.replace(" ", "") == text.replace(" ", "")
    if name == "strip-diacritics":
        assert perturb(changed, name, seed, position) == changed


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
