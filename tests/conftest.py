"""Real text for every test: passages of the embedded Wikipedia excerpt, built once."""

from __future__ import annotations

import pytest

from tokir.config import TokenizerSettings
from tokir.data import Dataset, load
from tokir.tokenizers import Tokenizer, train_tokenizer


@pytest.fixture(scope="session")
def wiki() -> Dataset:
    return load("wiki")


@pytest.fixture(scope="session")
def passages(wiki: Dataset) -> list[str]:
    return wiki.corpus.passages(0, 300)


@pytest.fixture(scope="session")
def tokenizer(passages: list[str]) -> Tokenizer:
    return train_tokenizer(passages, TokenizerSettings(vocabulary_size=600))
