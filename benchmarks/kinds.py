"""Kinds of training by their default settings, whose steps several benchmarks time."""

from __future__ import annotations

from typing import Any

PASSAGES = 2_000
# By name: architecture, and whether it is trained to retrieve.
KINDS = {
    "static": ("static", True),
    "convolution": ("convolution", True),
    "LSTM, to retrieve": ("lstm", True),
    "LSTM language model": ("lstm", False),
    "Transformer language model": ("transformer", False),
}


def prepared(architecture: str, retrieves: bool) -> tuple[Any, Any]:
    """The objective over passages of the embedded corpus, and what builds the model."""
    from tokir.config import ArchitectureSettings, RetrievalSettings, TokenizerSettings, TrainingSettings
    from tokir.data import load
    from tokir.models import build_language_model, build_retriever
    from tokir.tokenizers import train_tokenizer
    from tokir.training.contrastive import OwnPairs
    from tokir.training.language_model import LanguageModelObjective
    from tokir.training.pairs import TokenisedPassages
    from tokir.training.retrieval import RetrievalObjective, ValidationPool
    from tokir.training.texts import Texts

    texts = load("wiki").corpus.passages(0, PASSAGES)
    tokenizer = train_tokenizer(texts, TokenizerSettings())
    own = ArchitectureSettings.of(architecture)
    if not retrieves:
        training = TrainingSettings()
        language = LanguageModelObjective(tokenizer, texts, texts[:1], training, own)
        return language, lambda: build_language_model(architecture, tokenizer.vocabulary_size, training)
    settings = RetrievalSettings()
    passages = TokenisedPassages(tokenizer, [""] * len(texts), texts)
    pairs = OwnPairs(passages, "crop", settings.query_tokens, settings.passage_tokens)
    pool = ValidationPool(Texts.of([]), [], [])
    objective = RetrievalObjective(passages, [(pairs, 1.0)], pool, settings, own, False, 10**9)
    return objective, lambda: build_retriever(architecture, tokenizer.vocabulary_size, settings, 256)
