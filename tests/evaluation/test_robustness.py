import unicodedata
from string import ascii_lowercase
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.config import VariantName
from tokir.evaluation.robustness import VARIANTS, perturb

KEYS = {"typo-1": 1, "typo-2": 2}  # wrong ones
LENGTHS = {"typo-1": 0, "typo-2": 0, "swap": 0, "look-alike": 0, "drop": -1, "joined": -1, "split": 1}


@pytest.mark.parametrize("variant", VARIANTS)
@given(text=st.text(), seed=st.integers(0, 9), place=st.integers(0, 9))
def test_a_slip_is_one_of_its_kind(variant, text, seed, place):
    slipped = perturb(text, variant, seed, place)
    assert perturb(text, variant, seed, place) == slipped
    assert perturb(text, variant, seed, place, times=0) == text
    if variant in LENGTHS:
        assert len(slipped) - len(text) in (0, LENGTHS[variant])
    if variant in KEYS:
        letters = sum(c.lower() in ascii_lowercase for c in text)
        assert sum(a != b for a, b in zip(text, slipped, strict=True)) == min(KEYS[variant], letters)
    if variant == "swap":
        assert sorted(slipped) == sorted(text)
    if variant in ("joined", "split"):
        assert slipped.replace(" ", "") == text.replace(" ", "")
    if variant == "strip-diacritics":
        assert perturb(slipped, variant, seed, place) == slipped


def test_every_name_of_the_settings_is_a_slip():
    assert set(get_args(VariantName)) == set(VARIANTS)


def test_each_kind_does_what_it_says():
    text = "Rilès painted café walls"
    slipped = {variant: perturb(text, variant, 0, 0) for variant in VARIANTS}
    differing = {
        v: sum(a != b for a, b in zip(text, slipped[v], strict=True)) for v in ("typo-1", "typo-2", "swap")
    }
    assert differing == {"typo-1": 1, "typo-2": 2, "swap": 2}
    assert slipped["upper"] == "RILÈS PAINTED CAFÉ WALLS" and slipped["lower"] == text.lower()
    assert slipped["strip-diacritics"] == "Riles painted cafe walls"
    marks = [len([c for c in unicodedata.normalize("NFD", t) if unicodedata.combining(c)]) for t in (
        text, slipped["add-diacritics"])]  # fmt: skip
    assert marks == [2, 3]
    odd = [a for a, b in zip(slipped["look-alike"], text, strict=True) if a != b]
    assert len(odd) == 1 and "CYRILLIC" in unicodedata.name(odd[0])
    assert len(slipped["joined"].split()) == 3 and len(slipped["split"].split()) == 5
    assert len({perturb(text, "drop", 0, place) for place in range(30)}) > 5
