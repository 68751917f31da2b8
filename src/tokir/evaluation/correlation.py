"""Do measures of a tokenizer alone foretell how well its models retrieve?"""

from __future__ import annotations

from typing import Any

import numpy as np

from tokir.evaluation.contenders import recipes
from tokir.evaluation.measures import HEADLINE

LEAST = 6  # tokenizers; fewer say nothing
MEASURES = (
    "fertility",
    "characters_per_token",
    "bytes_per_token",
    "vocabulary_use",
    "whole_words",
    "continued_words",
    "renyi_efficiency",
    "unknown_rate",
    "round_trip",
    "lost_bits_per_character",
)
RESAMPLES = 2000


def correlations(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Spearman's correlation of each intrinsic measure with recall@10 and with bits per byte.

    Within each recipe (all of a system but its tokenizer) that at least six tokenizers share: ``rho``, its two-sided
    ``p`` by permutation, and a 95% bootstrap interval over tokenizers. None of them where the measure, or the
    outcome, is the same for all. Bits per byte hold what restores the text that a tokenizer loses.
    """
    found = []
    for recipe in recipes(rows):
        if len(recipe) < LEAST:
            continue
        outcomes = {HEADLINE: [row["scores"][HEADLINE] for row in recipe]}
        if all(row["language_model"] for row in recipe):
            outcomes["bits_per_byte"] = [row["language_model"]["bits_per_byte"] for row in recipe]
        for outcome, values in outcomes.items():
            for measure in MEASURES:
                known = [_measured(row["tokenizer"], measure) for row in recipe]
                if None not in known:
                    entry = {"recipe": recipe[0]["title"], "measure": measure, "outcome": outcome}
                    found.append(entry | {"tokenizers": len(recipe)} | _spearman(known, values, seed))
    return found


def _measured(tokenizer: dict[str, Any], measure: str) -> Any:
    # Hashed characters list no entries, of which a share could be used.
    return None if measure == "vocabulary_use" and tokenizer.get("hashed") else tokenizer.get(measure)


def _spearman(x: list[float], y: list[float], seed: int) -> dict[str, Any]:
    from scipy.stats import permutation_test, spearmanr

    one, other = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return {"rho": None, "p": None, "interval": None}
    rng = np.random.default_rng(seed)
    rho = float(spearmanr(one, other).statistic)
    tested = permutation_test(
        (one,),
        lambda values: spearmanr(values, other).statistic,
        permutation_type="pairings",
        n_resamples=RESAMPLES,
        rng=rng,
    )
    drawn = rng.integers(0, len(one), size=(RESAMPLES, len(one)))
    resampled = [
        spearmanr(one[places], other[places]).statistic
        for places in drawn
        if np.ptp(one[places]) and np.ptp(other[places])
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return {"rho": rho, "p": float(tested.pvalue), "interval": [float(low), float(high)]}
