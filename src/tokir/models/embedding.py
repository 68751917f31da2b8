"""Token ids to vectors: a row of a table for each, or rows of several hash tables put together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PRIMES = (31, 43, 59, 61, 73, 97, 103, 113)  # one for each hash function


class HashedEmbedding(nn.Module):
    """Vectors of ids without a list of them, as CANINE has them for characters (Clark et al., 2022).

    Each of eight hash functions sends an id to one of ``buckets`` rows of a table of its own; the eight rows, an eighth
    of the width each, lie side by side. Two ids share a row now and then, but hardly ever all eight.
    """

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.weight = nn.Parameter(torch.empty(len(PRIMES) * buckets, width // len(PRIMES)))

    def rows(self, ids: Tensor) -> Tensor:
        """(...) ids to (..., 8) rows of the weight."""
        primes = torch.tensor(PRIMES, device=ids.device)
        firsts = torch.arange(len(PRIMES), device=ids.device) * self.buckets
        return (ids[..., None].long() + 1) * primes % self.buckets + firsts

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids to (..., width)."""
        return functional.embedding(self.rows(ids), self.weight).flatten(-2)


Table = nn.Embedding | HashedEmbedding


def table(vocabulary_size: int, width: int, buckets: int) -> Table:
    """A table of one row for each id, or where ``buckets`` is not 0 a hashed one."""
    return HashedEmbedding(buckets, width) if buckets else nn.Embedding(vocabulary_size, width)


CELL = 8  # a cell of a matrix of counts costs an eighth of what a token costs that is looked up


def counts_pay(tokens: int, texts: int, vocabulary_size: int) -> bool:
    """Is a matrix of counts times the table faster than looking each token up? Where tokens are many and rows few."""
    return tokens * CELL > texts * vocabulary_size


def counted(ids: Tensor, lengths: Tensor, vocabulary_size: int) -> Tensor:
    """How often each entry occurs in each text, (texts, vocabulary) of floats.

    Args:
        ids: (all tokens,) of the texts, one text after the other.
        lengths: (texts,) tokens of each.
        vocabulary_size: entries.
    """
    texts = torch.arange(len(lengths), device=ids.device).repeat_interleave(lengths, output_size=len(ids))
    counts = torch.bincount(texts * vocabulary_size + ids, minlength=len(lengths) * vocabulary_size)
    return counts.view(len(lengths), vocabulary_size).float()


def weighted_sums(table: Table, ids: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of the vectors of each text, without a (tokens, width) copy in between.

    Args:
        table: of vectors.
        ids: (all tokens,) of the texts, one text after the other.
        starts: (texts,) where each begins.
        weights: (all tokens,).

    Returns:
        (texts, width).
    """
    columns = [ids]
    if isinstance(table, HashedEmbedding):
        columns = list(table.rows(ids).unbind(1))
    sums = [
        functional.embedding_bag(column, table.weight, starts, mode="sum", per_sample_weights=weights)
        for column in columns
    ]
    return torch.cat(sums, dim=1) if len(sums) > 1 else sums[0]
