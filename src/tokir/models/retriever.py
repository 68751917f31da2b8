"""A model whose vectors are trained for retrieval: weighted token vectors, and a network's states added to them.

A text's vector is the sum over its tokens of ``weight(token) * (vector(token) + mix(state))``, where the state is
the network's in the token's context. Without a network this is the static model: a weighted bag of token vectors
(Arora et al., 2017, but with learned weights). ``mix`` starts at zero, so every architecture begins as the static
model and learns what context adds to it. Over single letters or bytes there is nothing to add to: a bag of them is
nearly the same for every text. There a network begins by itself.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tokir.models.embedding import Bags, HashedEmbedding, counted, counts_pay, table, unit_rows
from tokir.models.network import Network, NetworkConfig


@dataclass(frozen=True)
class RetrieverConfig:
    """With a network of the reference set-up: 2,144,209 parameters (LSTM), 3,494,097 (Transformer).

    A convolution over bytes makes 558,723.
    """

    vocabulary_size: int
    width: int = 256
    network: NetworkConfig | None = None
    buckets: int = 0  # of each hash table, where token vectors are hashed


class Retriever(nn.Module):
    """Token ids to one vector per text."""

    def __init__(self, config: RetrieverConfig) -> None:
        super().__init__()
        self.config = config
        self.dimensions = config.width
        self.embedding = table(config.vocabulary_size, config.width, config.buckets)
        nn.init.normal_(self.embedding.weight, std=config.width**-0.5)
        self.log_weight = nn.Parameter(torch.zeros(len(self.embedding.weight)))
        self.log_scale = nn.Parameter(torch.tensor(3.0))  # inverse temperature of the softmax over a batch
        self.network: Network | None = config.network.build(predicts=False) if config.network else None
        if self.network is not None:
            self.mix = nn.Linear(self.network.dimensions, config.width, bias=False)
            nn.init.zeros_(self.mix.weight)

    @property
    def hashed(self) -> bool:
        """Do token vectors come from hash tables, which tokens share?"""
        return isinstance(self.embedding, HashedEmbedding)

    @property
    def token_weights(self) -> Tensor:
        """Positive weight of every entry of the vocabulary, (vocabulary,)."""
        return self.weights_of(torch.arange(self.config.vocabulary_size, device=self.log_weight.device))

    def weights_of(self, tokens: Tensor) -> Tensor:
        """Positive weights of token ids, in their shape; hashed ones are the geometric mean of their rows."""
        rows = self.embedding.rows(tokens) if isinstance(self.embedding, HashedEmbedding) else tokens
        # Not log_weight[rows]: its gradient is summed by several threads in an order that is never the same.
        logarithms = torch.index_select(self.log_weight, 0, rows.flatten()).view(rows.shape)
        return (logarithms.mean(-1) if rows is not tokens else logarithms).exp()

    @torch.no_grad()
    def start_weights(self, weights: Tensor, seen: Tensor) -> None:
        """Let ``weights`` (vocabulary,) be those of the tokens.

        A row that several tokens share takes the mean of those among them that are ``seen`` (vocabulary,).
        """
        if not isinstance(self.embedding, HashedEmbedding):  # not self.hashed: this one mypy understands
            self.log_weight.copy_(weights.log())
            return
        tokens = seen.nonzero().flatten()
        rows = self.embedding.rows(tokens).flatten()
        logarithms = weights.log()[tokens].repeat_interleave(len(rows) // max(1, len(tokens)))
        sums, counts = (torch.zeros(len(self.log_weight), dtype=weights.dtype) for _ in range(2))
        sums.index_add_(0, rows, logarithms)
        counts.index_add_(0, rows, torch.ones_like(logarithms))
        rarest = weights.log().max()  # what a token weighs that was never seen
        self.log_weight.copy_(torch.where(counts > 0, sums / counts.clamp(min=1), rarest))

    @torch.no_grad()
    def start_vectors(self, vectors: Tensor) -> None:
        """Let ``vectors`` (vocabulary, width) be those of the tokens, of length one on average; none is hashed."""
        self.embedding.weight.copy_(vectors / vectors.norm(dim=1).mean().clamp(min=1e-9))

    @torch.no_grad()
    def start_alone(self) -> None:
        """Begin with the network's states alone, all of one weight: without token vectors, and a random ``mix``."""
        assert self.network is not None
        nn.init.zeros_(self.embedding.weight)
        nn.init.zeros_(self.log_weight)
        nn.init.normal_(self.mix.weight, std=self.network.dimensions**-0.5)

    def states(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(batch, time) token ids to (batch, time, width): what the weighted sum of a text runs over."""
        states: Tensor = self.embedding(tokens)
        if self.network is not None:
            states = states + self.mix(self.network.states(tokens, mask))
        return states

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Unit vectors of texts laid end to end.

        Args:
            tokens: (all tokens,) ids of the texts, one text after the other.
            lengths: (texts,) tokens of each, at most the network's window.

        Returns:
            (texts, width).
        """
        if self.network is None and self._counts_pay(tokens, lengths):
            counts = counted(tokens, lengths, self.config.vocabulary_size)
            with torch.autocast(counts.device.type, enabled=False):  # sums over many tokens stay in fp32
                return unit_rows(counts @ (self.embedding.weight * self.log_weight.exp()[:, None]))
        sums = self.sums(tokens, lengths)
        if self.network is not None:
            width = max(1, int(lengths.max()))  # no network reads texts of no tokens at all
            positions = torch.arange(width, device=tokens.device)
            mask = positions < lengths[:, None]  # (texts, width)
            padded = torch.zeros(mask.shape, dtype=tokens.dtype, device=tokens.device)
            padded[mask] = tokens
            weights = self.weights_of(tokens)
            spread = torch.zeros(mask.shape, dtype=weights.dtype, device=tokens.device)
            sums = sums + self.mix(self.network.pooled(padded, mask, spread.masked_scatter(mask, weights)))
        return unit_rows(sums.float())

    def sums(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """The sum of the weighted token vectors of each text, (texts, width)."""
        rows = sys.maxsize if isinstance(self.embedding, HashedEmbedding) else len(self.embedding.weight)
        bags = Bags.of(tokens, lengths, rows)
        if bags.ids is None:
            return bags.sums(self.embedding.weight, self.log_weight.exp())
        return bags.sums(self.embedding(bags.ids), self.weights_of(bags.ids))

    def _counts_pay(self, tokens: Tensor, lengths: Tensor) -> bool:
        return not self.hashed and counts_pay(len(tokens), len(lengths), self.config.vocabulary_size)

    def num_parameters(self) -> int:
        """Trained numbers, all of them."""
        return sum(parameter.numel() for parameter in self.parameters())
