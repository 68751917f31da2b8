"""How much each token counts in the mean over a text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_inverse_frequency(counts: NDArray[np.int64], a: float = 1e-3) -> NDArray[np.float32]:
    """Weight ``a / (a + p)`` of each token, p its share of the text (SIF; Arora et al., 2017).

    Args:
        counts: (vocabulary,) occurrences of each token in the training documents.
        a: the share at which a token counts half.
    """
    share = counts / max(1, counts.sum())
    weights: NDArray[np.float32] = (a / (a + share)).astype(np.float32)
    return weights
