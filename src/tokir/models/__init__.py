"""The models, each on one page, and what turns their states into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokir.config import ArchitectureName, RetrievalSettings, TrainingSettings

if TYPE_CHECKING:
    from tokir.models.lstm import LSTM
    from tokir.models.retriever import Retriever
    from tokir.models.transformer import Transformer

    LanguageModel = LSTM | Transformer
    Model = LanguageModel | Retriever


def build_language_model(
    architecture: ArchitectureName, vocabulary_size: int, training: TrainingSettings
) -> LanguageModel:
    """A freshly initialised language model; torch's global random state decides the weights."""
    if architecture == "lstm":
        from tokir.models.lstm import LSTM, LSTMConfig

        return LSTM(LSTMConfig(vocabulary_size, dropout=training.dropout))
    from tokir.models.transformer import Transformer, TransformerConfig

    return Transformer(TransformerConfig(vocabulary_size, training.sequence_length, dropout=training.dropout))


def build_retriever(
    architecture: ArchitectureName,
    vocabulary_size: int,
    settings: RetrievalSettings,
    window: int,
    *,
    causal: bool = False,
) -> Retriever:
    """A freshly initialised retriever.

    Args:
        architecture: its network, or static for none.
        vocabulary_size: entries of its token table.
        settings: width and dropout.
        window: the longest text, in tokens, that its network reads at once.
        causal: a Transformer that reads as the language model whose weights it starts from.
    """
    from tokir.models.lstm import LSTMConfig
    from tokir.models.retriever import Retriever, RetrieverConfig
    from tokir.models.transformer import TransformerConfig

    network: LSTMConfig | TransformerConfig | None = None
    if architecture == "lstm":
        network = LSTMConfig(vocabulary_size, dropout=settings.dropout)
    elif architecture == "transformer":
        network = TransformerConfig(vocabulary_size, window, dropout=settings.dropout, causal=causal)
    return Retriever(RetrieverConfig(vocabulary_size, settings.dimensions, network))


def rebuild(shape: dict[str, Any], architecture: str, objective_retrieves: bool) -> Model:
    """The module that a saved model's configuration describes; TypeError or KeyError when it describes none."""
    from tokir.models.lstm import LSTM, LSTMConfig
    from tokir.models.retriever import Retriever, RetrieverConfig
    from tokir.models.transformer import Transformer, TransformerConfig

    kinds: dict[str, Any] = {"lstm": (LSTM, LSTMConfig), "transformer": (Transformer, TransformerConfig)}
    if objective_retrieves:
        network = shape["network"] and kinds[architecture][1](**shape["network"])
        return Retriever(RetrieverConfig(**{**shape, "network": network}))
    model: Model = kinds[architecture][0](kinds[architecture][1](**shape))
    return model
