"""Late interaction as the score that a static model is trained with (ColBERT; Khattab and Zaharia, 2020).

As :mod:`tokir.retrieval.maxsim` ranks: the sum, over the left text's tokens, of the token's weight times its best
cosine with any token of the right text, here divided by the sum of these weights, so that it is the size of a cosine.
A token's weight is the learned one times the length of its vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokir.models.embedding import unit_rows
from tokir.training.texts import Texts, Tokens

if TYPE_CHECKING:
    from tokir.models.retriever import Retriever


def late_scores(model: Retriever, left: Texts, right: Texts) -> Tensor:
    """Scores between -1 and 1 of every left text with every right one, (left, right); 0 where one has no tokens.

    A token has the same vector everywhere, so the cosines of the distinct tokens are computed once for all texts. Which
    token is nearest is found outside of the graph, and the gradient goes to that one alone.
    """
    left_ids, left_rows = _numbered(left)
    right_ids, right_rows = _numbered(right)
    device = model.log_weight.device
    with torch.autocast(device.type, enabled=False):
        tokens, others = (torch.from_numpy(ids).to(device) for ids in (left_ids, right_ids))
        vectors = model.embedding(tokens)
        similar = unit_rows(vectors) @ unit_rows(model.embedding(others)).T
        nearest = torch.from_numpy(_nearest(similar.detach().cpu().numpy(), right_rows)).to(device)
        held = torch.tensor([len(rows) > 0 for rows in right_rows], device=device)
        # Not similar[rows, nearest]: of a gather along rows each row is summed on its own, in one order.
        best = similar.gather(1, nearest) * held  # (left tokens, right)
        weights = model.weights_of(tokens) * vectors.norm(dim=1)
        counts = torch.from_numpy(_counts(left_rows, len(left_ids))).to(weights)  # (left, left tokens)
        totals = (counts @ weights).clamp(min=1e-9)
        scores: Tensor = (counts @ (weights[:, None] * best)) / totals[:, None]
        return scores


def _numbered(texts: Texts) -> tuple[Tokens, list[NDArray[np.int64]]]:
    """The distinct ids of all texts, one at least, and each text as positions among them."""
    ids, rows = np.unique(np.append(texts.ids, 0), return_inverse=True)
    return ids, np.split(rows[:-1], texts.starts[1:])


def _nearest(similar: NDArray[np.float32], texts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Which token of each text is nearest to each left token, (left tokens, texts), as a column of ``similar``."""
    columns = np.ascontiguousarray(similar.T)
    nearest = np.zeros((len(texts), len(similar)), dtype=np.int64)
    for row, text in zip(nearest, texts, strict=True):
        if len(distinct := np.unique(text)):
            row[:] = distinct[columns.take(distinct, axis=0).argmax(axis=0)]
    return np.ascontiguousarray(nearest.T)


def _counts(texts: Sequence[NDArray[np.int64]], tokens: int) -> NDArray[np.float32]:
    """How often each text holds each token, (texts, tokens)."""
    return np.stack([np.bincount(text, minlength=tokens) for text in texts]).astype(np.float32)
