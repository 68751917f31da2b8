"""A recurrent language model (Hochreiter and Schmidhuber, 1997; as a language model Zaremba et al., 2014)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tokir.models.embedding import table
from tokir.models.network import Network, NetworkShape


@dataclass(frozen=True)
class LSTMConfig:
    """2,078,672 parameters at a vocabulary of 2,000."""

    vocabulary_size: int
    embedding_width: int = 256
    width: int = 256
    layers: int = 2
    dropout: float = 0.1  # after the embedding, between layers and before the output
    buckets: int = 0  # of each hash table, where token vectors are hashed

    @classmethod
    def of(cls, shape: NetworkShape) -> LSTMConfig:
        """As wide an embedding as its states; it reads sequences of any length."""
        return cls(shape.vocabulary_size, shape.width, shape.width, dropout=shape.dropout, buckets=shape.buckets)

    def build(self, predicts: bool = True) -> LSTM:
        """A freshly initialised LSTM."""
        return LSTM(self, predicts)


class LSTM(Network):
    """Token ids to states and next-token logits; the output table is not tied to the embedding.

    Args:
        config: sizes.
        predicts: with the output table; without it there are states only.
    """

    def __init__(self, config: LSTMConfig, predicts: bool = True) -> None:
        super().__init__()
        self.config = config
        self.dimensions = config.width
        self.embedding = table(config.vocabulary_size, config.embedding_width, config.buckets)
        # Layer by layer: between layers of its own, cuDNN drops by a random state that cannot be saved with a training.
        widths = [config.embedding_width, *[config.width] * (config.layers - 1)]
        self.recurrent = nn.ModuleList(nn.LSTM(width, config.width, batch_first=True) for width in widths)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.width, config.vocabulary_size) if predicts else None
        # Twice torch's default: gates that see larger inputs learn several times as fast at first.
        nn.init.normal_(self.embedding.weight, std=2.0)

    def states(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """States of the last layer; each window starts from the zero state, and padding comes after its text."""
        states: Tensor = self.embedding(tokens)  # (batch, time, embedding)
        for layer in self.recurrent:
            states = layer(self.dropout(states))[0]  # (batch, time, width)
        return states

    def forward(self, tokens: Tensor) -> Tensor:
        """Next-token logits."""
        assert self.output is not None
        logits: Tensor = self.output(self.dropout(self.states(tokens)))  # (batch, time, vocabulary)
        return logits
