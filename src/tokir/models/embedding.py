"""Token ids to vectors: a row of a table for each, or rows of several hash tables put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Bags:
    """Texts laid end to end, seen from their tokens and, sorted once, from the distinct ids among these.

    Attributes:
        ids: (distinct,) ids that occur, ascending.
        places: (all tokens,) where in ``ids`` each token is.
        starts: (texts,) where each text begins among the tokens.
        owners: (all tokens,) the text that each token is of, ordered by the token's id.
        id_starts: (distinct,) where each id begins in ``owners``.
    """

    ids: Tensor
    places: Tensor
    starts: Tensor
    owners: Tensor
    id_starts: Tensor

    @classmethod
    def of(cls, tokens: Tensor, lengths: Tensor) -> Bags:
        """Of the ids (all tokens,) of texts of these ``lengths`` (texts,)."""
        ordered, order = tokens.sort(stable=True)
        ids, places, counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
        texts = torch.arange(len(lengths), device=tokens.device)
        owners = texts.repeat_interleave(lengths, output_size=len(tokens))
        return cls(
            ids,
            torch.empty_like(places).scatter_(0, order, places),
            lengths.cumsum(0) - lengths,
            owners[order],
            counts.cumsum(0) - counts,
        )

    def sums(self, rows: Tensor) -> Tensor:
        """The sum of the rows of each text's tokens, (texts, width), of ``rows`` (distinct, width)."""
        sums: Tensor = _Sums.apply(rows, self)  # type: ignore[no-untyped-call]
        return sums


class _Sums(torch.autograd.Function):
    """A sum over the tokens of each text, whose gradient is the sum over the texts of each id.

    So both ways are one look-up of rows that are summed as they are read. torch's own gradient adds token after token
    into a table of zeros, which takes three times as long.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, bags: Bags) -> Tensor:
        ctx.bags = bags
        return functional.embedding_bag(bags.places, rows, bags.starts, mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        bags = ctx.bags
        sums = functional.embedding_bag(bags.owners, gradients[0].contiguous(), bags.id_starts, mode="sum")
        return sums, None
