"""Do measures of a tokenizer alone predict how well its models retrieve?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.evaluation.registry import HEADLINE
from tokir.results.base import Interval
from tokir.results.configurations import configuration_title, configurations, same_text, score
from tokir.results.records import Correlation, System, Tokenizer
from tokir.tokenizers.measures import INTRINSIC

LEAST = 6  # tokenizers; fewer say nothing
RESAMPLES = 2000


class Spearman(NamedTuple):
    """Spearman's rho, its two-sided p by permutation, and a 95% bootstrap interval."""

    rho: float | None
    p: float | None
    interval: Interval | None


def correlations(systems: Sequence[System], seed: int) -> tuple[Correlation, ...]:
    """Spearman's correlation of each intrinsic measure with recall@10 and with bits per byte.

    Within each configuration (all of a system but its tokenizer) that at least six tokenizers share: ``rho``, its
    two-sided ``p`` by permutation, and a 95% bootstrap interval over tokenizers. None of them where the measure, or the
    outcome, is the same for all. Tokenizers that a measure does not suit are left out of its correlation. Bits per byte
    hold what restores the text that a tokenizer loses, and are there for tokenizers that normalise text alike.
    """
    found = []
    for rows in configurations(systems):
        if len(rows) < LEAST:
            continue
        outcomes = {HEADLINE: [score(row) for row in rows]}
        models = [row.language_model for row in rows if row.language_model]
        if len(models) == len(rows) and same_text(rows):
            outcomes["bits_per_byte"] = [model.bits_per_byte for model in models]
        tokenizers = [row.tokenizer for row in rows if row.tokenizer]
        for outcome, values in outcomes.items():
            for measure in INTRINSIC:
                pairs = [(_measured(one, measure), value) for one, value in zip(tokenizers, values, strict=True)]
                known = [(own, value) for own, value in pairs if own is not None]
                if len(known) >= LEAST:
                    found.append(
                        Correlation(
                            configuration=configuration_title(rows[0]),
                            measure=measure,
                            outcome=outcome,
                            tokenizers=len(known),
                            **_spearman([own for own, _ in known], [got for _, got in known], seed)._asdict(),
                        )
                    )
    return tuple(found)


def _measured(tokenizer: Tokenizer, measure: str) -> float | None:
    # Hashed characters list no entries, of which a share could be used.
    if measure == "vocabulary_use" and tokenizer.hashed:
        return None
    value: float | None = getattr(tokenizer, measure)
    return value


def _spearman(x: list[float], y: list[float], seed: int) -> Spearman:
    from scipy.stats import permutation_test

    one, other = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return Spearman(None, None, None)
    rng = np.random.default_rng(seed)
    tested = permutation_test(
        (one,),
        lambda values, axis: _rho(values, other),
        permutation_type="pairings",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=rng,
    )
    drawn = rng.integers(0, len(one), size=(RESAMPLES, len(one)))
    drawn = drawn[(np.ptp(one[drawn], axis=1) > 0) & (np.ptp(other[drawn], axis=1) > 0)]
    low, high = np.percentile(_rho(one[drawn], other[drawn]), [2.5, 97.5])
    return Spearman(float(tested.statistic), float(tested.pvalue), (float(low), float(high)))


def _rho(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rho along the last axis; scipy's own function takes one pair of samples at a time."""
    from scipy.stats import rankdata

    one, other = (rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2 for values in (x, y))
    rho: NDArray[np.float64] = (one * other).sum(-1) / np.sqrt((one**2).sum(-1) * (other**2).sum(-1))
    return rho
