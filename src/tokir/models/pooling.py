"""States of a passage's windows to one vector."""

from __future__ import annotations

import torch
from torch import Tensor


def pool_windows(states: Tensor, lengths: Tensor, owners: Tensor, count: int) -> Tensor:
    """Mean state over all tokens of each text, however many windows the text was cut into.

    Args:
        states: (windows, time, width), padded on the right.
        lengths: (windows,) tokens in each window.
        owners: (windows,) the text a window belongs to, in ``range(count)``.
        count: number of texts.

    Returns:
        (count, width); a text without tokens is the zero vector.
    """
    mask = torch.arange(states.shape[1], device=states.device) < lengths[:, None]  # (windows, time)
    sums = torch.einsum("bt,btw->bw", mask.to(states.dtype), states)
    totals = torch.zeros(count, states.shape[2], dtype=states.dtype, device=states.device)
    totals.index_add_(0, owners, sums)
    tokens = torch.zeros(count, dtype=states.dtype, device=states.device)
    tokens.index_add_(0, owners, lengths.to(states.dtype))
    return totals / tokens.clamp(min=1)[:, None]
