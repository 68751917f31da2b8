"""States of a passage's windows to one vector."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def pool_windows(states: Tensor, weights: Tensor, owners: Tensor, count: int) -> Tensor:
    """Weighted mean of the states of each text, however many windows the text was cut into.

    Args:
        states: (windows, time, width).
        weights: (windows, time) of each token; zero for padding.
        owners: (windows,) the text a window belongs to, in ``range(count)``.
        count: number of texts.

    Returns:
        (count, width); a text without tokens is the zero vector.
    """
    sums = torch.einsum("bt,btw->bw", weights, states)
    totals = torch.zeros(count, states.shape[2], dtype=states.dtype, device=states.device)
    totals.index_add_(0, owners, sums)
    mass = torch.zeros(count, dtype=states.dtype, device=states.device)
    mass.index_add_(0, owners, weights.sum(1))
    return totals / torch.where(mass > 0, mass, 1)[:, None]


def smooth_inverse_frequency(counts: NDArray[np.int64], a: float = 1e-3) -> NDArray[np.float32]:
    """Weight ``a / (a + p)`` of each token, p its share of the text (SIF; Arora et al., 2017).

    Args:
        counts: (vocabulary,) occurrences of each token in the training documents.
        a: the share at which a token counts half.
    """
    share = counts / max(1, counts.sum())
    weights: NDArray[np.float32] = (a / (a + share)).astype(np.float32)
    return weights
