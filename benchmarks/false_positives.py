"""How often the tests of a study find a difference where there is none; at a nominal 5% it should be near 5%.

    python benchmarks/false_positives.py

A thousand studies are drawn in which two systems are equally good: a query's difficulty is the same for both, and
which of the two finds it is chance; with several seeds each training has a quality of its own. Then a thousand in which
six systems are, where any pair that differs significantly, after Holm's correction, makes a false study.
"""

from __future__ import annotations

import numpy as np

from tokir.evaluation.decision import LEVEL
from tokir.evaluation.significance import (
    bootstrap_means,
    holm,
    percentile_interval,
    randomisation_test,
    seeds_test,
)

DRAWS, QUERIES, RESAMPLES = 1000, 300, 1000
SPREADS = (0.01, 0.02)  # standard deviations of the quality of trainings that differ in their seed alone


def scores(rng: np.random.Generator, seeds: tuple[int, ...], spread: float) -> list[np.ndarray]:
    """(seeds, queries) recall of equally good systems of so many seeds each; three relevant passages, as on `wiki`."""
    difficulty = rng.beta(1.0, 0.8, size=QUERIES)
    tables = []
    for number in seeds:
        quality = rng.normal(0, spread, size=(number, 1))
        tables.append(rng.binomial(3, np.clip(difficulty + quality, 0, 1), size=(number, QUERIES)) / 3)
    return tables


def main() -> None:
    """Draw and count."""
    rng = np.random.default_rng(0)
    kinds = {"one seed each": (1, 1), "three each": (3, 3), "three and one": (3, 1)}
    pairs = [("not trained", (1, 1), 0.0), *((words, kinds[words], one) for words in kinds for one in SPREADS)]
    for words, seeds, spread in pairs:
        by_test = by_interval = by_both = 0
        words += f", spread {spread:g}"
        for draw in range(DRAWS):
            a, b = scores(rng, seeds, spread)
            p = randomisation_test(a.mean(axis=0) - b.mean(axis=0), RESAMPLES, draw)[0]
            means = bootstrap_means([a, b], RESAMPLES, draw)
            zero = _holds_zero(means[:, 0] - means[:, 1])
            by_test += p < LEVEL
            by_interval += not zero
            by_both += max(p, seeds_test(a, b)) < LEVEL and not zero
        print(f"two systems, {words}, by queries alone: {by_test / DRAWS:.1%} of {DRAWS:,} draws")
        print(f"two systems, {words}, by the interval:  {by_interval / DRAWS:.1%}")
        print(f"two systems, {words}, significant:      {by_both / DRAWS:.1%}", flush=True)
    for trained, spread in ((1, 0.0), *((3, one) for one in SPREADS)):
        any_test = any_both = 0
        for draw in range(DRAWS):
            tables = scores(rng, (trained,) * 6, spread)
            of_six = [(i, j) for i in range(6) for j in range(i + 1, 6)]
            differences = np.array([tables[i].mean(axis=0) - tables[j].mean(axis=0) for i, j in of_six])
            by_queries = randomisation_test(differences, RESAMPLES, draw)
            both = [max(p, seeds_test(tables[i], tables[j])) for p, (i, j) in zip(by_queries, of_six, strict=True)]
            corrected = np.array(holm(both))
            means = bootstrap_means(tables, RESAMPLES, draw)
            zeros = np.array([_holds_zero(means[:, i] - means[:, j]) for i, j in of_six])
            any_test += bool((np.array(holm(by_queries)) < LEVEL).any())
            any_both += bool(((corrected < LEVEL) & ~zeros).any())
        words = f"six systems, {trained} seed{'s' if trained > 1 else ''}, spread {spread:g}"
        print(f"{words}, by queries alone: {any_test / DRAWS:.1%}")
        print(f"{words}, significant:      {any_both / DRAWS:.1%}", flush=True)


def _holds_zero(differences: np.ndarray) -> bool:
    low, high = percentile_interval(differences)
    return low <= 0 <= high


if __name__ == "__main__":
    main()
