"""An exact index as a study writes it and an opened run maps it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.index import Vectors


def exact_index(vectors: NDArray[np.float32], tie_order: NDArray[np.int64]) -> ExactIndex:
    """The index of (passages, dimensions), of any length."""
    with TemporaryDirectory() as folder:  # the maps outlive it
        ExactIndex.write(Path(folder), Vectors(len(vectors), vectors.shape[1], lambda: iter([vectors])))
        return ExactIndex.load(Path(folder), tie_order)
