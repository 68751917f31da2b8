"""Real text for every test: passages of the embedded Wikipedia excerpt, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from command import SMALL, tokir
from tokir.config import TokenizerSettings
from tokir.data import Dataset, beir, load
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


@pytest.fixture(scope="session")
def data(tmp_path_factory, wiki) -> Path:
    """The first 800 passages of the embedded set, 50 words of each, and the queries that lie wholly among them."""
    folder = tmp_path_factory.mktemp("data")
    whole = wiki.corpus.records(0, 800)
    documents = [document._replace(text=" ".join(document.text.split()[:50])) for document in whole]
    ids = {document.id for document in documents}
    qrels = {
        split: {query: row for query, row in judged.items() if row.keys() <= ids}
        for split, judged in wiki.qrels.items()
    }
    queries = {query: wiki.queries[query] for judged in qrels.values() for query in judged}
    beir.write(folder, documents, queries, qrels)
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory, data) -> Path:
    """A small finished study; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    tokir("run", "quickstart", "--data", data, "--out", folder, "--quiet", *SMALL)
    return folder
