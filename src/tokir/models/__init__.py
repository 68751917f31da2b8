"""The models, each on one page, and what turns their states into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokir.config import ArchitectureName, RetrievalSettings, TrainingSettings

if TYPE_CHECKING:
    from tokir.models.lstm import LSTM
    from tokir.models.retriever import Retriever
    from tokir.models.transformer import Transformer, TransformerConfig

    LanguageModel = LSTM | Transformer
    Model = LanguageModel | Retriever

WIDTH = 256  # of the reference set-up


def build_language_model(
    architecture: ArchitectureName, vocabulary_size: int, training: TrainingSettings, width: int = WIDTH
) -> LanguageModel:
    """A freshly initialised language model; torch's global random state decides the weights."""
    if architecture == "lstm":
        from tokir.models.lstm import LSTM, LSTMConfig

        return LSTM(LSTMConfig(vocabulary_size, width, width, dropout=training.dropout))
    from tokir.models.transformer import Transformer

    return Transformer(_transformer(vocabulary_size, training.sequence_length, width, training.dropout))


def build_retriever(
    architecture: ArchitectureName,
    vocabulary_size: int,
    settings: RetrievalSettings,
    window: int,
    *,
    width: int = WIDTH,
    causal: bool = False,
    buckets: int = 0,
) -> Retriever:
    """A freshly initialised retriever.

    Args:
        architecture: its network, or static for none.
        vocabulary_size: entries of its token table.
        settings: dimensions and dropout.
        window: the longest text, in tokens, that its network reads at once.
        width: of its network's states.
        causal: a Transformer that reads as the language model whose weights it starts from.
        buckets: of each hash table, where token vectors are hashed.
    """
    from tokir.models.lstm import LSTMConfig
    from tokir.models.retriever import Retriever, RetrieverConfig

    network: LSTMConfig | TransformerConfig | None = None
    if architecture == "lstm":
        network = LSTMConfig(vocabulary_size, width, width, dropout=settings.dropout, buckets=buckets)
    elif architecture == "transformer":
        network = _transformer(vocabulary_size, window, width, settings.dropout, causal, buckets)
    return Retriever(RetrieverConfig(vocabulary_size, settings.dimensions, network, buckets))


def _transformer(
    vocabulary_size: int, window: int, width: int, dropout: float, causal: bool = True, buckets: int = 0
) -> TransformerConfig:
    from tokir.models.transformer import TransformerConfig

    return TransformerConfig(
        vocabulary_size, window, width, feed_forward=4 * width, dropout=dropout, causal=causal, buckets=buckets
    )


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
