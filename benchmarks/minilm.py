"""MiniLM by its own library, the peer of several benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from indexes import exact_index

from tokir import Run
from tokir.retrieval.searchers import PAGE


def sentence_transformer() -> Any:
    """The model in sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    from tokir.encoders.pretrained import find_weights, quiet

    with quiet():
        return SentenceTransformer(str(find_weights("minilm", None)), device="cpu")


def answering(run: Run, model: Any) -> Callable[[str], Any]:
    """From a query to the ten best of as many random vectors of its width as the run has passages."""
    size = len(run.passages), model.get_embedding_dimension()
    vectors = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    index = exact_index(vectors, run._opener.tie_order)
    return lambda query: index.search(model.encode([query]), PAGE)
