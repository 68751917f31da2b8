"""Text to vectors: models trained here and pretrained ones behind one small protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Encoder(Protocol):
    """Two stages, so that latency can say what each costs."""

    dimensions: int

    def tokenize(self, texts: Sequence[str]) -> Any:
        """Whatever :meth:`embed` reads; its ``len`` is that of ``texts``."""

    def embed(self, tokens: Any) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), dimensions), in the order of the texts."""
