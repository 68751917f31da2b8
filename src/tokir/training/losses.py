"""The losses on the scores of a batch, and their gradient, in one pass.

Contrastive: each left text is to find its right one among all of the batch, and the other way round: InfoNCE (van den
Oord et al., 2018), symmetric and with a learned temperature as in CLIP (Radford et al., 2021). Distillation: the
Kullback-Leibler divergence of the student's softmax ranking from the teacher's, in both directions too.

All of this is made of logarithms of sums of exponentials, over rows and over columns, whose gradients are softmaxes. So
value and gradient are computed together, from each exponential once; torch's own operations would write and read the
matrix of scores some thirty times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """What the scores (left, right) of a batch are to become.

    Attributes:
        marked: rows and columns, (2, marks), of what is neither a pair nor a fair negative.
        marked_back: the same of the scores of the left texts with their right ones alone, (left, left).
        places: (left,) the column of each left text's right one; None: they lie on the diagonal. Where it is given, the
            right ones rank nothing: a teacher is followed over the rows alone.
        contrast: weight of the contrastive loss.
        teacher: (left, right) the teacher's scores over its temperature; None: there is no distillation.
    """

    marked: Tensor
    marked_back: Tensor
    places: Tensor | None = None
    contrast: float = 1.0
    teacher: Tensor | None = None


def batch_loss(scores: Tensor, targets: Targets) -> Tensor:
    """The loss of a batch, a scalar.

    Args:
        scores: (left, right), cosines over the temperature.
        targets: what they are to become.
    """
    loss: Tensor = _Loss.apply(scores, targets)  # type: ignore[no-untyped-call]
    return loss


class _Loss(torch.autograd.Function):
    """The loss of scores whose gradient is computed with it."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, targets: Targets) -> Tensor:
        value, ctx.gradient = _value_and_gradient(scores, targets)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient * gradients[0], None


def _value_and_gradient(scores: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    left, right = scores.shape
    find, taught, places = targets.contrast / (2 * left), targets.teacher is not None, targets.places
    by_row = 0.0 if not taught else 0.5 / left if places is None else 1 / left
    by_column = 0.5 / right if taught and places is None else 0.0
    value, gradient = _without(scores, 1, by_row, find, targets.marked)
    if places is None:
        weights = scores.new_zeros(1, right)
        weights[:, :left] = find  # hard negatives find nothing
        back, over_columns = _without(scores, 0, by_column, weights, targets.marked_back)
        gradient += over_columns
        places = torch.arange(left, device=scores.device)
    else:
        back, over_columns = _without(scores.index_select(1, places), 0, 0.0, find, targets.marked_back)
        gradient.index_add_(1, places, over_columns)
    rows = torch.arange(left, device=scores.device)
    value = value + back - 2 * find * scores[rows, places].sum()
    gradient[rows, places] -= 2 * find
    if targets.teacher is not None:
        constant, wanted = _log_sums(targets.teacher, 1, by_row)
        if by_column:
            more, over_columns = _log_sums(targets.teacher, 0, by_column)
            constant, wanted = constant + more, wanted.add_(over_columns)
        value = value - constant + (wanted * (targets.teacher - scores)).sum()
        gradient -= wanted
    return value, gradient


def _without(
    scores: Tensor, dim: int, weight: float, kept_weight: float | Tensor, marked: Tensor
) -> tuple[Tensor, Tensor]:
    """As :func:`_log_sums` by ``weight``, and by ``kept_weight`` for the scores without what is ``marked``."""
    if not marked.shape[1]:
        return _log_sums(scores, dim, weight + kept_weight)
    kept = scores.clone()
    kept[marked[0], marked[1]] = -torch.inf
    value, gradient = _log_sums(kept, dim, kept_weight)
    if weight:
        more, of_all = _log_sums(scores, dim, weight)
        value, gradient = value + more, gradient.add_(of_all)
    return value, gradient


def _log_sums(scores: Tensor, dim: int, weight: float | Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of the sums of exponentials along ``dim``, summed up by ``weight``, and the gradient of that."""
    largest = scores.amax(dim, keepdim=True)
    powers = (scores - largest).exp_()
    sums = powers.sum(dim, keepdim=True)
    return (weight * (largest + sums.log())).sum(), powers.mul_(weight / sums)
