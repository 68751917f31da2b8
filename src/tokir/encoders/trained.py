"""Models trained here, as encoders: a weighted mean of states over all tokens of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tokir.encoders.static import StaticEncoder
from tokir.models.pooling import pool_windows
from tokir.models.retriever import Retriever

if TYPE_CHECKING:
    from tokir.models import Model
    from tokir.tokenizers import Tokenizer

TOKENS_PER_BATCH = 8192  # padded; bounds memory


class TrainedEncoder:
    """Texts longer than ``window`` tokens are read whole, in windows pooled by the weights of their tokens.

    Args:
        model: gives the states.
        tokenizer: cuts the texts.
        window: tokens the model reads at once.
        weights: (vocabulary,) of each token; all equal without.
    """

    def __init__(
        self, model: Model, tokenizer: Tokenizer, window: int, weights: NDArray[np.float32] | None = None
    ) -> None:
        self.model, self.tokenizer, self.window = model.eval(), tokenizer, window
        self.dimensions = model.dimensions
        self.weights = np.ones(tokenizer.vocabulary_size, dtype=np.float32) if weights is None else weights

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return self.tokenizer.encode(texts)

    @torch.inference_mode()
    def embed(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Mean-pooled states, (texts, dimensions); a text without tokens is the zero vector."""
        out = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        # Texts of like length share a batch, so little is padding; batches depend on the texts alone.
        order = sorted(range(len(tokens)), key=lambda i: (len(tokens[i]), i))
        first = 0
        while first < len(order):
            last, windows, width = first, 0, 1
            while last < len(order):
                length = len(tokens[order[last]])
                count = -(-length // self.window)
                padded = max(width, min(length, self.window))
                if last > first and (windows + count) * padded > TOKENS_PER_BATCH:
                    break
                windows, width, last = windows + count, padded, last + 1
            chosen = order[first:last]
            out[chosen] = self._embed_batch([tokens[i] for i in chosen], windows, width)
            first = last
        return out

    def _embed_batch(self, texts: list[list[int]], windows: int, width: int) -> NDArray[np.float32]:
        if not windows:
            return np.zeros((len(texts), self.dimensions), dtype=np.float32)
        padded = np.zeros((windows, width), dtype=np.int64)
        weights = np.zeros((windows, width), dtype=np.float32)
        owners = np.empty(windows, dtype=np.int64)
        row = 0
        for owner, ids in enumerate(texts):
            for start in range(0, len(ids), self.window):
                part = ids[start : start + self.window]
                padded[row, : len(part)], weights[row, : len(part)] = part, self.weights[part]
                owners[row] = owner
                row += 1
        device = self.model.embedding.weight.device
        mask = torch.from_numpy(weights > 0).to(device)
        # (windows, width, dimensions)
        states = self.model.states(torch.from_numpy(padded).to(device), mask).float()
        with torch.autocast(device.type, enabled=False):  # sums over many tokens stay in fp32
            pooled = pool_windows(
                states, torch.from_numpy(weights).to(device), torch.from_numpy(owners).to(device), len(texts)
            )
        vectors: NDArray[np.float32] = pooled.cpu().numpy()
        return vectors


class HashedEncoder:
    """A static retriever whose vectors are put together from hash tables: the sum of its weighted token vectors."""

    def __init__(self, model: Retriever, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer, self.dimensions = model, tokenizer, model.dimensions

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return self.tokenizer.encode(texts)

    @torch.inference_mode()
    def embed(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Sums of token vectors, (texts, dimensions); a text without tokens is the zero vector."""
        device = self.model.log_weight.device
        flat = torch.tensor([i for ids in tokens for i in ids], dtype=torch.long, device=device)
        lengths = torch.tensor([len(ids) for ids in tokens], dtype=torch.long, device=device)
        with torch.autocast(device.type, enabled=False):
            sums = self.model.sums(flat, lengths)
        vectors: NDArray[np.float32] = sums.cpu().numpy()
        return vectors


def encoder_of(
    model: Model, tokenizer: Tokenizer, window: int, weights: NDArray[np.float32] | None = None
) -> TrainedEncoder | HashedEncoder | StaticEncoder:
    """The encoder of a model.

    Args:
        model: a language model or a retriever.
        tokenizer: cuts the texts.
        window: tokens that a network reads at once.
        weights: (vocabulary,) of each token of a language model; retrievers have their own.
    """
    if not isinstance(model, Retriever):
        return TrainedEncoder(model, tokenizer, window, weights)
    if model.network is not None:
        own = model.token_weights.detach().float().cpu().numpy() if weights is None else weights
        return TrainedEncoder(model, tokenizer, window, own)
    return (
        HashedEncoder(model, tokenizer) if model.config.buckets else StaticEncoder(static_table(model), tokenizer)
    )


def static_table(model: Retriever) -> NDArray[np.float32]:
    """Each token's vector times its weight, (vocabulary, dimensions): all that a static model is when it is used."""
    with torch.no_grad():
        table = model.embedding.weight * model.token_weights[:, None]
    weighted: NDArray[np.float32] = table.float().cpu().numpy()
    return weighted
