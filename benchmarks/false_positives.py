"""How often the tests of a study find a difference where there is none; at a nominal 5% it should be near 5%.

    python benchmarks/false_positives.py

A thousand studies are drawn in which two systems are equally good: a query's difficulty is the same for both, and
which of the two finds it is chance. Then a thousand in which six systems are, where any pair told apart, after Holm's
correction, makes a false study; and the same with three seeds, where each training has a quality of its own.
"""

from __future__ import annotations

import numpy as np

from tokir.evaluation.significance import (
    bootstrap_means,
    holm,
    percentile_interval,
    randomisation_test,
    seeds_test,
)

DRAWS, QUERIES, RESAMPLES = 1000, 300, 1000


def scores(rng: np.random.Generator, systems: int, seeds: int, spread: float) -> list[np.ndarray]:
    """(seeds, queries) recall of equally good systems; three relevant passages a query, as on `wiki`."""
    difficulty = rng.beta(1.0, 0.8, size=QUERIES)
    tables = []
    for _ in range(systems):
        quality = rng.normal(0, spread, size=(seeds, 1))
        tables.append(rng.binomial(3, np.clip(difficulty + quality, 0, 1), size=(seeds, QUERIES)) / 3)
    return tables


def main() -> None:
    """Draw and count."""
    rng = np.random.default_rng(0)
    by_test = by_interval = 0
    for draw in range(DRAWS):
        a, b = scores(rng, 2, 1, 0.0)
        by_test += randomisation_test(a - b, RESAMPLES, draw)[0] < 0.05
        means = bootstrap_means([a, b], RESAMPLES, draw)
        low, high = percentile_interval(means[:, 0] - means[:, 1])
        by_interval += low > 0 or high < 0
    print(f"two systems, randomisation test:   {by_test / DRAWS:.1%} of {DRAWS:,} draws")
    print(f"two systems, bootstrap interval:   {by_interval / DRAWS:.1%}")
    for seeds, spread in ((1, 0.0), (3, 0.01)):
        any_test = any_both = 0
        for draw in range(DRAWS):
            tables = scores(rng, 6, seeds, spread)
            pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
            differences = np.array([tables[i].mean(axis=0) - tables[j].mean(axis=0) for i, j in pairs])
            p = randomisation_test(differences, RESAMPLES, draw)
            both = [max(value, seeds_test(tables[i], tables[j])) for value, (i, j) in zip(p, pairs, strict=True)]
            corrected = np.array(holm(both))
            means = bootstrap_means(tables, RESAMPLES, draw)
            zero = np.array([_holds_zero(means[:, i] - means[:, j]) for i, j in pairs])
            any_test += bool((np.array(holm(p)) < 0.05).any())
            any_both += bool(((corrected < 0.05) & ~zero).any())
        words = f"six systems, {seeds} seed{'s' if seeds > 1 else ''}"
        print(f"{words + ', by queries alone:':<35}{any_test / DRAWS:.1%}")
        print(f"{words + ', told apart:':<35}{any_both / DRAWS:.1%}", flush=True)


def _holds_zero(differences: np.ndarray) -> bool:
    low, high = percentile_interval(differences)
    return low <= 0 <= high


if __name__ == "__main__":
    main()
