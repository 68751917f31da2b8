"""Token ids to vectors: a row of a table for each, or rows of several hash tables put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# One multiplier for each hash function; modulo a prime first, so that ids that meet in one table part in the others.
FACTORS = (
    374_761_393,
    668_265_263,
    974_634_777,
    1_274_126_177,
    1_103_515_245,
    1_664_525_003,
    1_812_433_253,
    69_069_067,
)
MODULUS = 2**31 - 1


class HashedEmbedding(nn.Module):
    """Vectors of ids without a list of them, as CANINE has them for characters (Clark et al., 2022).

    Each of eight hash functions sends an id to one of ``buckets`` rows of a table of its own; the eight rows, an eighth
    of the width each, lie side by side. Two ids share a row now and then, but no two characters share all eight.
    """

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.factors: Tensor
        # Saved with the weights, which are of no use without them.
        self.register_buffer("factors", torch.tensor(FACTORS))
        self.weight = nn.Parameter(torch.empty(len(FACTORS) * buckets, width // len(FACTORS)))

    def rows(self, ids: Tensor) -> Tensor:
        """(...) ids to (..., 8) rows of the weight."""
        firsts = torch.arange(len(FACTORS), device=ids.device) * self.buckets
        return (ids[..., None].long() + 1) * self.factors % MODULUS % self.buckets + firsts

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids to (..., width)."""
        return functional.embedding(self.rows(ids), self.weight).flatten(-2)


Table = nn.Embedding | HashedEmbedding


def table(vocabulary_size: int, width: int, buckets: int) -> Table:
    """A table of one row for each id, or where ``buckets`` is not 0 a hashed one."""
    return HashedEmbedding(buckets, width) if buckets else nn.Embedding(vocabulary_size, width)


def unit_rows(vectors: Tensor) -> Tensor:
    """Each row brought to length one, (rows, width); a row of zeros stays, and its gradient stays as it is.

    A token that nothing was seen of may begin at zero. By ``functional.normalize`` the gradient of a text of such
    tokens alone would be 1e12 times as large, and clipping would leave nothing of all others.
    """
    lengths = vectors.norm(dim=1, keepdim=True)
    return vectors / torch.where(lengths > 0, lengths, 1.0)


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
    """Texts laid end to end, seen from their tokens and, sorted once, from the ids that these are.

    Attributes:
        ids: (rows,) the ids that occur, ascending; None: all of the table, since most of them occur.
        places: (all tokens,) where in ``ids`` each token is.
        starts: (texts,) where each text begins among the tokens.
        owners: (all tokens,) the text that each token is of, ordered by the token's id.
        id_starts: (rows,) where each id begins in ``owners``.
    """

    ids: Tensor | None
    places: Tensor
    starts: Tensor
    owners: Tensor
    id_starts: Tensor

    @classmethod
    def of(cls, tokens: Tensor, lengths: Tensor, rows: int) -> Bags:
        """Of the ids (all tokens,) of texts of these ``lengths`` (texts,), out of a table of so many rows."""
        ordered, order = tokens.sort(stable=True)
        ids, places, counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
        texts = torch.arange(len(lengths), device=tokens.device)
        owners = texts.repeat_interleave(lengths, output_size=len(tokens))[order]
        starts = lengths.cumsum(0) - lengths
        if 2 * len(ids) > rows:
            counts = torch.zeros(rows, dtype=counts.dtype, device=counts.device).scatter_(0, ids, counts)
            return cls(None, tokens, starts, owners, counts.cumsum(0) - counts)
        places = torch.empty_like(places).scatter_(0, order, places)
        return cls(ids, places, starts, owners, counts.cumsum(0) - counts)

    def sums(self, vectors: Tensor, weights: Tensor) -> Tensor:
        """The weighted sums of the vectors of each text's tokens, (texts, width).

        Args:
            vectors: (rows, width) of ``ids``.
            weights: (rows,) of them.
        """
        sums: Tensor = _Sums.apply(vectors, weights, self)  # type: ignore[no-untyped-call]
        return sums


class _Sums(torch.autograd.Function):
    """Weighted sums over the tokens of each text, whose gradient is made of sums over the texts of each id.

    So both ways are one look-up of rows that are summed as they are read. torch's own gradients add token after token
    into a table of zeros, which takes several times as long.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weights: Tensor, bags: Bags) -> Tensor:
        ctx.save_for_backward(vectors, weights)
        ctx.bags, ctx.scratch = bags, vectors * weights[:, None]
        return functional.embedding_bag(bags.places, ctx.scratch, bags.starts, mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        vectors, weights = ctx.saved_tensors
        bags = ctx.bags
        sums = functional.embedding_bag(bags.owners, gradients[0].contiguous(), bags.id_starts, mode="sum")
        of_weights = torch.mul(sums, vectors, out=ctx.scratch).sum(1)  # memory that is new is slow to write to
        return sums.mul_(weights[:, None]), of_weights, None
