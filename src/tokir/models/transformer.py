"""A causal Transformer (Vaswani et al., 2017), normalised before each block as GPT-2 (Radford et al., 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tokir.models.embedding import table
from tokir.models.network import Network, NetworkShape


@dataclass(frozen=True)
class TransformerConfig:
    """3,428,560 parameters at a vocabulary of 2,000 and windows of 128."""

    vocabulary_size: int
    window: int = 128  # positions that are learned: the longest sequence it can read
    width: int = 256
    layers: int = 3
    heads: int = 4
    feed_forward: int = 1024
    dropout: float = 0.1  # after the embedding and on each residual branch
    causal: bool = True  # else every position sees the whole window
    buckets: int = 0  # of each hash table, where token vectors are hashed

    @classmethod
    def of(cls, shape: NetworkShape) -> TransformerConfig:
        """Feed-forward layers four times as wide as the states."""
        return cls(
            shape.vocabulary_size,
            shape.window,
            shape.width,
            feed_forward=4 * shape.width,
            dropout=shape.dropout,
            causal=shape.causal,
            buckets=shape.buckets,
        )

    def build(self, predicts: bool = True) -> Transformer:
        """A freshly initialised Transformer."""
        return Transformer(self, predicts)


class Block(nn.Module):
    """Causal self-attention, then a feed-forward layer, each on a residual branch."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.causal = config.heads, config.causal
        self.dropout = config.dropout
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attention_output = nn.Linear(config.width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.expand = nn.Linear(config.width, config.feed_forward)
        self.contract = nn.Linear(config.feed_forward, config.width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """States to states, (batch, time, width); without causality ``mask`` (batch, time) says what is text."""
        x = x + functional.dropout(self._attend(self.attention_norm(x), mask), self.dropout, self.training)
        hidden = functional.gelu(self.expand(self.feed_forward_norm(x)))  # (batch, time, feed_forward)
        return x + functional.dropout(self.contract(hidden), self.dropout, self.training)

    def _attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, time, width = x.shape
        split = self.query_key_value(x).view(batch, time, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        # Padding comes after the text, so causal attention never sees it.
        seen = None if self.causal or mask is None else mask[:, None, None, :]
        rounded = query.dtype == torch.bfloat16 and query.device.type == "cpu"
        attend = _attention if rounded and self.training else functional.scaled_dot_product_attention
        mixed = attend(query, key, value, seen, is_causal=self.causal)
        merged: Tensor = self.attention_output(mixed.transpose(1, 2).reshape(batch, time, width))
        return merged


def _attention(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None, is_causal: bool) -> Tensor:
    """The attention of torch in plain products: in bf16 on a CPU a training step is a fifth shorter with it."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5  # (batch, heads, time, time)
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if seen is not None:
        scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, -1) @ value


class Transformer(Network):
    """Token ids to states and next-token logits; the output table is not tied to the embedding.

    Args:
        config: sizes.
        predicts: with the output table; without it there are states only.
    """

    def __init__(self, config: TransformerConfig, predicts: bool = True) -> None:
        super().__init__()
        self.config = config
        self.dimensions = config.width
        self.embedding = table(config.vocabulary_size, config.width, config.buckets)
        self.position = nn.Embedding(config.window, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, config.vocabulary_size) if predicts else None
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # Branches that end on the residual stream start smaller, so their sum keeps its scale.
                ends_branch = name.endswith(("attention_output.weight", "contract.weight"))
                std = 0.02 / (2 * config.layers) ** 0.5 if ends_branch else 0.02
                nn.init.normal_(parameter, std=std)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def states(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """States after the last norm; position t sees positions up to t, or all that ``mask`` lets be seen."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.dropout(self.embedding(tokens) + self.position(positions))  # (batch, time, width)
        for block in self.blocks:
            x = block(x, mask)
        states: Tensor = self.norm(x)  # (batch, time, width)
        return states

    def forward(self, tokens: Tensor) -> Tensor:
        """Next-token logits."""
        assert self.output is not None
        logits: Tensor = self.output(self.states(tokens))  # (batch, time, vocabulary)
        return logits
