"""The models, each on one page, and what turns their states into vectors; torch is loaded when one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokir.models.registry import ARCHITECTURES

if TYPE_CHECKING:
    from tokir.config import RetrievalSettings, TrainingSettings
    from tokir.models.network import Network
    from tokir.models.retriever import Retriever

    LanguageModel = Network
    Model = Network | Retriever

WIDTH = 256  # of the reference set-up
GAIN = 16.0  # of a convolution's gate: Adam moves all weights alike, and the few of the gate have to move fastest


def build_language_model(
    architecture: str, vocabulary_size: int, training: TrainingSettings, width: int = WIDTH
) -> LanguageModel:
    """A freshly initialised language model; torch's global random state decides the weights."""
    from tokir.models.network import NetworkShape

    shape = NetworkShape(vocabulary_size, width, training.sequence_length, training.dropout)
    return ARCHITECTURES[architecture].load().of(shape).build()


def build_retriever(
    architecture: str,
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
        architecture: of its network; a static one has none.
        vocabulary_size: entries of its token table.
        settings: dimensions and dropout.
        window: the longest text, in tokens, that its network reads at once.
        width: of its network's states.
        causal: a network that reads as the language model whose weights it starts from.
        buckets: of each hash table, where token vectors are hashed.
    """
    from tokir.models.network import NetworkShape
    from tokir.models.retriever import Retriever, RetrieverConfig

    entry, network = ARCHITECTURES[architecture], None
    if entry.network is not None:
        network = entry.load().of(NetworkShape(vocabulary_size, width, window, settings.dropout, causal, buckets))
    return Retriever(RetrieverConfig(vocabulary_size, settings.dimensions, network, buckets))


def rebuild(config: dict[str, Any], architecture: str, retrieves: bool) -> Model:
    """The module that a saved configuration describes, with random weights.

    Raises:
        TypeError, KeyError, ValueError, TokirError: it describes none.
    """
    from tokir.models.retriever import Retriever, RetrieverConfig

    entry = ARCHITECTURES[architecture]
    if retrieves:
        network = entry.load()(**config["network"]) if config["network"] else None
        return Retriever(RetrieverConfig(**{**config, "network": network}))
    return entry.load()(**config).build()
