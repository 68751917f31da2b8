"""Cross-entropy of next-token logits, with its gradient in the same pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CELLS = {"cpu": 2**18}  # logits at a time: 1 MB of float32, which stays in a cache
MOST_CELLS = 2**26  # the same where launching an operation costs more than memory does


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over tokens of the cross-entropy, in nats.

    Some rows at a time are in float32, whatever the logits are in; beside the logits there is their gradient alone.

    Args:
        logits: (tokens, vocabulary).
        targets: (tokens,) ids.
    """
    loss: Tensor = _CrossEntropy.apply(logits, targets)  # type: ignore[no-untyped-call]
    return loss


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        tokens, vocabulary = logits.shape
        rows = max(1, CELLS.get(logits.device.type, MOST_CELLS) // vocabulary)
        gradient, total = torch.empty_like(logits), torch.zeros((), device=logits.device)
        for start in range(0, tokens, rows):
            part = slice(start, start + rows)
            scores, wanted = logits[part].float(), targets[part, None]
            largest = scores.amax(1, keepdim=True)
            powers = (scores - largest).exp_()
            sums = powers.sum(1, keepdim=True)
            total += (largest + sums.log() - scores.gather(1, wanted)).sum()
            powers.mul_(1 / (tokens * sums)).scatter_add_(1, wanted, torch.full_like(sums, -1 / tokens))
            gradient[part] = powers
        ctx.gradient = gradient
        return total / tokens

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient * gradients[0], None
