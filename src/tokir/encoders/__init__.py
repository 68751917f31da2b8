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


class ReadyMade(Encoder, Protocol):
    """An encoder that was not trained here, as it reads queries."""

    checksum: str  # of all its files that decide a vector

    @property
    def of_passages(self) -> ReadyMade:
        """The same model as it reads passages."""

    def facts(self) -> dict[str, Any]:
        """What the row of a result table says of it, as JSON."""

    def count(self, texts: Sequence[str]) -> tuple[int, int, int] | None:
        """Texts longer than what is read of them, tokens of all texts, and those that stand for what has no entry.

        None where its tokenizer does not say.
        """
