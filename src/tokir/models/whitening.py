"""Whitening of vectors (Su et al., 2021, Whitening Sentence Representations) with a strength, and removal of their
common components (All-but-the-Top; Mu and Viswanath, 2018).

Mean-pooled states share one large common direction and a few dominant ones (anisotropy), so every cosine is
close to one. Whitening subtracts the mean and divides each principal direction by a power of its deviation;
removal subtracts the mean and leaves out the first directions. That needs vectors of like lengths, as means of states
are. Sums of token vectors are longer the more tokens a text has, so they are brought to unit length first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import read_tensors, write_tensors
from tokir.errors import TokirError

FloatArray = NDArray[np.float32]
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
DEFAULT_STRENGTH = 1.0  # used where there are no validation queries
REMOVALS = (0, 1, 2, 4, 8, 16)
DEFAULT_REMOVAL = 2  # a hundredth of the dimensions, as its authors advise


@dataclass(frozen=True)
class Whitening:
    """``(x - mean) @ directions * deviations ** -strength``; 0 only centres, 1 gives unit covariance.

    The first ``removed`` directions become zero. With ``unit``, ``x`` is brought to unit length first.
    """

    mean: FloatArray  # (width,)
    directions: FloatArray  # (width, width), a column per principal direction, largest first
    deviations: FloatArray  # (width,), standard deviation along each direction
    strength: float = DEFAULT_STRENGTH
    removed: int = 0
    unit: bool = False

    @classmethod
    def fit(cls, blocks: Iterable[FloatArray], unit: bool = False) -> Whitening:
        """Fit on vectors that come in blocks of shape (n, width); float64 sums, constant memory."""
        count, total, square = 0, np.zeros(0), np.zeros((0, 0))
        for block in blocks:
            x = (_of_unit_length(block) if unit else block).astype(np.float64)
            if not count:
                total, square = np.zeros(x.shape[1]), np.zeros((x.shape[1], x.shape[1]))
            count += len(x)
            total += x.sum(0)
            square += x.T @ x
        mean = total / count
        values, vectors = np.linalg.eigh(square / count - np.outer(mean, mean))
        order = np.argsort(-values)
        # With fewer passages than dimensions some directions hold only rounding: floor them, or noise rules.
        deviations = np.sqrt(np.maximum(values[order], 1e-6 * max(values.max(), 1e-12)))
        directions = vectors[:, order].astype(np.float32)
        return cls(mean.astype(np.float32), directions, deviations.astype(np.float32), unit=unit)

    def with_strength(self, strength: float) -> Whitening:
        """The same fit, applied with another strength."""
        return replace(self, strength=strength)

    def without_first(self, removed: int) -> Whitening:
        """The same fit, used to remove the first ``removed`` directions and nothing else."""
        return replace(self, strength=0.0, removed=removed)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Whiten vectors of shape (n, width), each to the same bits whatever is whitened beside it.

        A product of matrices is faster, but sums in an order that depends on its shape.
        """
        x = _of_unit_length(x) if self.unit else x
        whitened: FloatArray = np.vecdot((x - self.mean)[:, None], self._rows).astype(np.float32, copy=False)
        return whitened

    @cached_property
    def projection(self) -> FloatArray:
        """(width, width): what centred vectors are multiplied with."""
        scales = self.deviations**-self.strength
        scales[: self.removed] = 0
        return self.directions * scales

    @cached_property
    def _rows(self) -> FloatArray:
        return np.ascontiguousarray(self.projection.T)

    def save(self, path: Path) -> None:
        """Write as safetensors."""
        import torch

        arrays = {"mean": self.mean, "directions": self.directions, "deviations": self.deviations}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        applied = {"strength": str(self.strength), "removed": str(self.removed), "unit": str(int(self.unit))}
        write_tensors(path, tensors, applied)

    @classmethod
    def load(cls, path: Path) -> Whitening:
        """Read what :meth:`save` wrote; TokirError when the file is damaged."""
        tensors, metadata = read_tensors(path, "numpy")
        try:
            mean, directions, deviations = (tensors[name] for name in ("mean", "directions", "deviations"))
            strength, removed = float(metadata["strength"]), int(metadata["removed"])
            return cls(mean, directions, deviations, strength, removed, metadata.get("unit") == "1")
        except KeyError as error:
            raise TokirError(f"{path}: not a whitening: {error} is missing") from None


def _of_unit_length(x: FloatArray) -> FloatArray:
    lengths = np.sqrt(np.vecdot(x, x))[:, None]
    unit: FloatArray = x / np.maximum(lengths, 1e-12)
    return unit
