"""model2vec (Tulkens and van Dongen, 2024): a static table distilled from a pretrained encoder, by its library.

What a user of small static models would pick instead of training one: no text of the corpus is seen.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts.durable import from_library
from tokir.encoders.plain import require_plain
from tokir.errors import TokirError, Unavailable

DIMENSIONS = 256


def distil(teacher: Path, folder: Path) -> None:
    """Distil the encoder in ``teacher`` into ``folder``; Unavailable without the library, or where it cannot."""
    check_installed()
    from model2vec.distill import distill

    from tokir.encoders.pretrained import quiet

    try:
        with quiet():
            model = distill(str(teacher), pca_dims=DIMENSIONS)
    except Exception as error:  # it takes encoders of transformers alone, and raises whatever they raise
        reason = str(error).strip().partition("\n")[0]
        raise Unavailable(f"model2vec cannot distil {teacher}: {type(error).__name__}: {reason}") from None
    with quiet(), from_library(folder) as fresh:
        model.save_pretrained(str(fresh))


def check_installed() -> None:
    """Unavailable where the library is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("model2vec", "skeletoken")):
        raise Unavailable("model2vec is not installed: pip install 'tokir[model2vec]'")


class Model2VecEncoder:
    """The mean of weighted token vectors, as the library computes it."""

    def __init__(self, folder: Path) -> None:
        check_installed()
        from model2vec import StaticModel

        if not folder.is_dir():  # the library would look for it on the hub
            raise TokirError(f"{folder}: missing: run the study again")
        require_plain(folder)
        try:
            self.model: Any = StaticModel.from_pretrained(str(folder))
        except Exception as error:  # the library raises whatever the file formats raise
            raise TokirError(f"{folder}: no model2vec model can be read from it: {error}") from None
        self.model.tokenizer.encode_special_tokens = True  # text that looks like a special token is text
        self.dimensions = int(self.model.dim)

    def num_parameters(self) -> int:
        """Numbers in its table."""
        return int(self.model.embedding.size)

    def tokenize(self, texts: Sequence[str]) -> list[str]:
        """The texts as they are: the library cuts them while it encodes."""
        return list(texts)

    def embed(self, tokens: list[str]) -> NDArray[np.float32]:
        """Vectors of shape (texts, dimensions)."""
        # Whole texts: by default the library reads the first 512 tokens.
        return np.asarray(self.model.encode(tokens, max_length=None), dtype=np.float32)
