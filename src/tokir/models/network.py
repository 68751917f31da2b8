"""What every network is to the rest of tokir: token ids in, states out, and of language models next-token logits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from tokir.models.embedding import Table

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class NetworkShape:
    """What a study decides of a network, whatever its architecture."""

    vocabulary_size: int
    width: int  # of its states
    window: int  # the longest sequence it has to read, in tokens
    dropout: float
    causal: bool = True  # a language model, or one that reads as the language model whose weights it starts from
    buckets: int = 0  # of each hash table, where token vectors are hashed


class NetworkConfig(Protocol):
    """Sizes of a network, a frozen dataclass of JSON values that is saved with its weights."""

    @classmethod
    def of(cls, shape: NetworkShape) -> Self:
        """The configuration of this architecture with that shape."""

    def build(self, predicts: bool = True) -> Network:
        """A freshly initialised network, with an output table where it ``predicts``; else it has states only."""


class Network(nn.Module):
    """Base of every network: the attributes that trainings, encoders and retrievers rely on."""

    config: Any  # the :class:`NetworkConfig` it was built from
    dimensions: int  # width of its states
    embedding: Table

    @abstractmethod
    def states(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, time) token ids to (batch, time, dimensions); ``mask`` (batch, time) is True where there is text."""

    def pooled(self, tokens: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
        """(batch, dimensions): the sum of the states of each text by ``weights`` (batch, time), zero without text."""
        return torch.einsum("bt,btw->bw", weights, self.states(tokens, mask).float())

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, time) token ids to next-token logits, (batch, time, vocabulary), of what can be a language model."""
        raise NotImplementedError

    def num_parameters(self) -> int:
        """Trained numbers, all of them."""
        return sum(parameter.numel() for parameter in self.parameters())
