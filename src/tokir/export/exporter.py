"""What every form of export does, and what it makes its files of."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tokir.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokir.export.source import Source

Encode = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to unit vectors, (texts, dimensions)."""
EXACT = 1e-5  # how far apart numbers of unit vectors may lie that are the same but for rounding


@dataclass(frozen=True)
class Check:
    """One way to encode with what was exported, to be held against the run.

    Attributes:
        name: of the file or the side that encodes, for the model card; empty where there is only one.
        encode: as it does.
        texts: that it encodes.
        expected: their vectors in the run, (texts, dimensions).
        limit: the largest difference of two numbers that is allowed; None where it is only measured.
        least_cosine: the least that is allowed of a text's two vectors.
    """

    name: str
    encode: Encode
    texts: Sequence[str]
    expected: NDArray[np.float32]
    limit: float | None = EXACT
    least_cosine: float = -1.0

    def measure(self) -> Measured:
        """How far its vectors are from those of the run."""
        import numpy as np

        found, expected = self.encode(self.texts), self.expected
        cosines = (found * expected).sum(1)[expected.any(1)]
        largest = float(np.abs(found - expected).max())
        return Measured(self, largest, float(cosines.min()), float(cosines.mean()))


@dataclass(frozen=True)
class Measured:
    """What came of a check."""

    check: Check
    largest: float  # difference of two numbers
    least_cosine: float  # of the two vectors of one text, over texts with tokens
    mean_cosine: float

    @property
    def fault(self) -> str | None:
        """A part of a sentence where the limit is exceeded."""
        what = f" of {self.check.name}" if self.check.name else ""
        if self.check.limit is not None and self.largest > self.check.limit:
            return f"vectors{what} would differ by {self.largest:.1e}, more than {self.check.limit:.0e}"
        if self.least_cosine < self.check.least_cosine:
            return f"a vector{what} would have a cosine of {self.least_cosine:.6f} with the run's, too little"
        return None


class Exporter(Protocol):
    """One form of export."""

    library: str
    """Of the model card: who reads the folder."""

    def check(self, source: Source) -> None:
        """TokirError, in one sentence, where the system does not fit the form; before anything is written."""

    def write(self, source: Source, folder: Path) -> None:
        """Write all but the model card into an empty folder."""

    def checks(self, source: Source, folder: Path) -> list[Check]:
        """Read with the other library what was written, and say what it is to be held against."""

    def usage(self, source: Source, name: str) -> list[str]:
        """Lines of Markdown on how the export is used that lies in the folder ``name``."""


def require(form: str, packages: Sequence[str], extra: str) -> None:
    """Unavailable where a library that a form of export needs is not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(f"an export to {form} needs {' and '.join(missing)}: pip install 'tokir[{extra}]'")


QUERIES, PASSAGES = '["who painted the ceiling"]', '["Michelangelo painted it.", "The empire fell."]'
"""Of every example of use."""


def fenced(language: str, code: str) -> list[str]:
    """Code in Markdown."""
    return [f"```{language}", *code.strip("\n").split("\n"), "```"]
