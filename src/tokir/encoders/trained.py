"""Models trained here, as encoders, computed by torch: the reference, and what an accelerator runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tokir.encoders.batches import computed, tokens_per_batch
from tokir.encoders.static import StaticEncoder
from tokir.encoders.windows import Batch, WindowEncoder
from tokir.models.retriever import Retriever

if TYPE_CHECKING:
    from tokir.models import Model
    from tokir.tokenizers import Tokenizer


class TrainedEncoder(WindowEncoder):
    """A weighted mean of a network's states over all tokens of a text.

    Args:
        model: gives the states.
        tokenizer: cuts the texts.
        window: tokens the model reads at once.
        weights: (vocabulary,) of each token; all equal without.
    """

    def __init__(
        self, model: Model, tokenizer: Tokenizer, window: int, weights: NDArray[np.float32] | None = None
    ) -> None:
        super().__init__(tokenizer, model.dimensions, window, weights)
        self.model = model.eval()

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.model.embedding.weight.device
        return device

    @property
    def tokens_per_batch(self) -> int:
        """Padded; bounds memory."""
        return tokens_per_batch(self._device.type)

    def round(self) -> None:
        """Compute in bf16 from now on; sums over many tokens stay in fp32."""
        self.model.to(torch.bfloat16)

    def _sums(self, batches: list[Batch]) -> Iterator[tuple[Batch, NDArray[np.float32]]]:
        return zip(batches, computed(self._compute, batches, self._device.type), strict=True)

    @torch.inference_mode()
    def _compute(self, batch: Batch) -> NDArray[np.float32]:
        device = self._device
        ids, weights = (torch.from_numpy(values).to(device) for values in (batch.ids, batch.weights))
        states = self.model.states(ids, weights > 0).float()  # (windows, time, dimensions)
        with torch.autocast(device.type, enabled=False):  # sums over many tokens stay in fp32
            sums: NDArray[np.float32] = torch.einsum("bt,btw->bw", weights, states).cpu().numpy()
        return sums


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
