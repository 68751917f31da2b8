"""Texts that every export has to encode as the run does."""

from __future__ import annotations

import pytest

from tokir.data import load

MORE = [
    "<|endoftext|><|endoftext|>", "x[UNK]y", "[ UNK ]", "<unk", "</s>", "<0x0A>", "a\u0301b", "ǅ Ǆ", "ΣΣ aΣb Σ\u0301",
    "1\u20442", "\u1680x\u180ey", "\u0e40\u0e2d", "‮abc", "𝒳 𝟘", "a" * 120, "ab" * 3000, "word " * 2000,
]  # fmt: skip


@pytest.fixture(scope="session")
def nasty(passages) -> list[str]:
    """Texts of every kind, and real ones that are spoilt."""
    characters = [chr(point) for point in [*range(0x250), *range(0x300, 0x3100, 7), *range(0x1F300, 0x1F600, 11)]]
    runs = ["".join(characters[i : i + 12]) for i in range(0, len(characters), 12)]
    spoilt = [f"{text[:60].upper()}<|endoftext|>{text[60:90]}  [UNK]\t{text[90:120]}" for text in passages[:40]]
    return [*MORE, *runs, *(f"a {run} b" for run in runs[:40]), *spoilt, *passages[:40]]


@pytest.fixture(scope="session")
def corpus(data):
    return load(str(data)).corpus
