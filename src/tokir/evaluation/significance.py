"""Intervals by bootstrap over queries (Sakai, 2006; Efron and Tibshirani, 1993), by scipy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A 95% interval."""

    low: float
    high: float


def bootstrap_interval(
    values: Sequence[float], resamples: int, seed: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """95% percentile interval of the mean of ``values``, one per query; all of ``bounds`` for a single value."""
    from scipy.stats import bootstrap

    if len(values) < 2:  # one query tells nothing of the others
        return Interval(*bounds)
    if min(values) == max(values):  # nothing to resample
        mean = float(np.mean(values))
        return Interval(mean, mean)
    result = bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        n_resamples=resamples,
        batch=max(1, 4_000_000 // len(values)),  # bounds memory, however many queries there are
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def paired_difference(a: Sequence[float], b: Sequence[float], resamples: int, seed: int) -> tuple[float, Interval]:
    """Mean of ``a - b`` over the same queries, and its 95% interval."""
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return float(differences.mean()), bootstrap_interval(differences.tolist(), resamples, seed, (-1.0, 1.0))
