"""Networks by onnxruntime, where that is installed: on a processor faster than torch, which is not loaded at all.

A batch is computed on one thread, and as many batches at once as there are threads: so a vector is the same on any
number of them, and a single query wakes none.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.encoders.graphs.model import IDS, SUMS, WEIGHTS, form_of, windows_model
from tokir.encoders.windows import Batch, WindowEncoder
from tokir.threads import computing

if TYPE_CHECKING:
    from tokir.encoders.graphs.weights import ModelWeights
    from tokir.tokenizers import Tokenizer


def is_installed() -> bool:
    """Are the libraries there: ``onnx``, which writes a model, and ``onnxruntime``, which computes it?"""
    return all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def library() -> Any:
    """onnxruntime, which would send its makers reports of its use, and keep them on the disk meanwhile."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when it is loaded
    import onnxruntime

    return onnxruntime


def computes(model: ModelWeights) -> bool:
    """Has a model a network that can be written for it?"""
    return form_of(model) is not None


class RuntimeEncoder(WindowEncoder):
    """As :class:`tokir.encoders.trained.TrainedEncoder`, to the last bits.

    Args:
        model: one that ``computes``.
        tokenizer: cuts the texts.
        window: tokens the model reads at once.
        weights: (vocabulary,) of each token; by default the model's own, or all equal.
    """

    tokens_per_batch = 1024  # what lies between two layers stays near the processor

    def __init__(
        self, model: ModelWeights, tokenizer: Tokenizer, window: int, weights: NDArray[np.float32] | None = None
    ) -> None:
        onnxruntime = library()
        super().__init__(tokenizer, model.dimensions, window, model.token_weights if weights is None else weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            windows_model(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def _sums(self, batches: list[Batch]) -> Iterator[tuple[Batch, NDArray[np.float32]]]:
        if len(batches) < 2:
            yield from zip(batches, map(self._compute, batches), strict=True)
            return
        with ThreadPoolExecutor(computing()) as pool:
            yield from zip(batches, pool.map(self._compute, batches), strict=True)

    def _compute(self, batch: Batch) -> NDArray[np.float32]:
        sums: NDArray[np.float32] = self._session.run([SUMS], {IDS: batch.ids, WEIGHTS: batch.weights})[0]
        return sums
