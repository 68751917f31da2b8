"""A convolution over tokens that weighs its own states (Kim et al., 2016; gates: Dauphin et al., 2017).

It reads bytes or characters in their order, at a cost like that of a bag. A state depends on a few neighbouring tokens
alone, and a batch of texts repeats them, so each distinct window is computed once. The first layer is a convolution
over token vectors; as the distinct tokens of a batch are few, it is computed token by token, and a window sums up
looked-up rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tokir.models import GAIN
from tokir.models.embedding import table
from tokir.models.network import Network, NetworkShape

THRESHOLD = 2.0  # standard deviations that a filter's match has to exceed at first


@dataclass(frozen=True)
class ConvolutionConfig:
    """361,601 parameters at a vocabulary of 257."""

    vocabulary_size: int
    embedding_width: int = 128
    width: int = 512  # filters
    window: int = 5  # tokens that a filter sees, half of them on each side
    buckets: int = 0  # of each hash table, where token vectors are hashed

    @classmethod
    def of(cls, shape: NetworkShape) -> ConvolutionConfig:
        """Twice as many filters as states elsewhere, over vectors half as wide, without dropout."""
        return cls(shape.vocabulary_size, shape.width // 2, 2 * shape.width, buckets=shape.buckets)

    def build(self, predicts: bool = True) -> Convolution:
        """A freshly initialised convolution; it sees what comes next, so it never predicts."""
        return Convolution(self)


class Convolution(Network):
    """Token ids to states; as a language model it would be of no use."""

    def __init__(self, config: ConvolutionConfig) -> None:
        super().__init__()
        self.config = config
        self.dimensions = config.width
        self.embedding = table(config.vocabulary_size, config.embedding_width, config.buckets)
        self.filters = nn.Parameter(torch.empty(config.embedding_width, config.window, config.width))
        self.bias = nn.Parameter(torch.full((config.width,), -THRESHOLD))
        self.gate = nn.Linear(config.width, 1)
        nn.init.normal_(self.embedding.weight)
        # Matches of unit variance under a threshold: a filter answers to few windows, and so tells them apart from
        # the first step on; what answers to every other window would say the same of every text.
        nn.init.normal_(self.filters, std=(config.window * config.embedding_width) ** -0.5)
        nn.init.zeros_(self.gate.weight)

    def states(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """States of the windows around each token; beyond a text's ends there is nothing to match."""
        states, places = self._distinct(tokens, mask)
        return states[places]  # (batch, time, width)

    def pooled(self, tokens: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums of the states of each text, without a copy of each of its states."""
        states, places = self._distinct(tokens, mask)
        return functional.embedding_bag(places, states.float(), mode="sum", per_sample_weights=weights)

    def _distinct(self, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """(windows, width) states of the distinct windows, and (batch, time) which of them each place has."""
        config, half = self.config, self.config.window // 2
        known, ids = torch.unique(tokens, return_inverse=True)
        if mask is not None:
            ids = ids.where(mask, len(known))
        ids = functional.pad(ids, (half, config.window - 1 - half), value=len(known))
        windows = ids.unfold(1, config.window, 1)  # (batch, time, window)
        places = _numbered(windows, len(known) + 1)
        one = torch.empty(int(places.max()) + 1, dtype=torch.long, device=tokens.device)
        # Of equal windows it does not matter whose place is kept.
        one[places.flatten()] = torch.arange(places.numel(), device=tokens.device)
        rows = windows.flatten(0, 1)[one] * config.window + torch.arange(config.window, device=tokens.device)
        matches = (self.embedding(known) @ self.filters.flatten(1)).float().view(-1, config.width)
        beyond = matches.new_zeros(config.window, config.width)
        summed = functional.embedding_bag(rows, torch.cat([matches, beyond]), mode="sum")  # (windows, width)
        states = functional.relu(summed + self.bias)
        return states * torch.sigmoid(GAIN * self.gate(states)), places


def _numbered(windows: Tensor, ids: int) -> Tensor:
    """(batch, time): the number of each of ``windows`` (batch, time, window) of ``ids`` ids among the distinct ones."""
    numbers = torch.zeros_like(windows[..., 0])
    for column in windows.unbind(-1):
        # Numbered anew with each token, so that no product grows beyond an integer.
        numbers = torch.unique(numbers * ids + column, return_inverse=True)[1]
    return numbers
