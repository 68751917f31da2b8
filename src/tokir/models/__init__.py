"""The language models, each on one page, and what turns their states into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.config import ArchitectureName, TrainingSettings

if TYPE_CHECKING:
    from tokir.models.lstm import LSTM
    from tokir.models.transformer import Transformer

    LanguageModel = LSTM | Transformer


def build_model(architecture: ArchitectureName, vocabulary_size: int, training: TrainingSettings) -> LanguageModel:
    """A freshly initialised model; torch's global random state decides the weights."""
    if architecture == "lstm":
        from tokir.models.lstm import LSTM, LSTMConfig

        return LSTM(LSTMConfig(vocabulary_size, dropout=training.dropout))
    from tokir.models.transformer import Transformer, TransformerConfig

    return Transformer(TransformerConfig(vocabulary_size, training.sequence_length, dropout=training.dropout))
