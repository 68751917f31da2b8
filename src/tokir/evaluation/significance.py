"""Which differences between systems are significant, over queries and over trainings.

Intervals by bootstrap over queries (Efron and Tibshirani, 1993; Sakai, 2006), with several trainings over queries and
seeds alike (hierarchical; Davison and Hinkley, 1997, section 3.8); a randomisation test over queries (Smucker et al.,
2007), with several trainings also a t test over queries and seeds; Holm's correction over all pairs (1979). One set of
resampled queries serves every system and every pair, as a matrix product; the randomisation test of a study of many
systems needs more patterns, so that its time grows with the square of the pairs. The tests hold it against scipy's, and
`benchmarks/false_positives.py` against chance.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokir.evaluation.decision import LEVEL

POWER = 0.8
MOST_GROUPS = 100  # of systems that do not differ, before the letters of a table run out of meaning
NO_DIFFERENCE = 1e-12  # a mean difference that is less is none: scores are between 0 and 1
AT_ONCE = 4_000_000  # numbers of a resampling held at once


class Interval(NamedTuple):
    """A 95% interval."""

    low: float
    high: float


def bootstrap_means(tables: Sequence[ArrayLike], resamples: int, seed: int) -> NDArray[np.float64]:
    """The mean of every table, over and over again with resampled queries, the same ones for all of them.

    Args:
        tables: of one system each, (queries,) or (seeds, queries); seeds are resampled too, for each table its own.
        resamples: how often.
        seed: of the resampling.

    Returns:
        (resamples, tables).
    """
    arrays = [np.atleast_2d(np.asarray(table, dtype=np.float64)) for table in tables]
    queries = arrays[0].shape[1]
    rng = np.random.default_rng(seed)
    stacked, _ = _exact(np.concatenate([_spread(array) for array in arrays]))  # (seeds of all tables, queries)
    ends = np.cumsum([len(array) for array in arrays])
    found = np.empty((resamples, len(arrays)))
    step = max(1, AT_ONCE // queries)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        means = rng.multinomial(queries, np.full(queries, 1 / queries), size=count) @ stacked.T / queries
        for number, end in enumerate(ends):
            seeds = len(arrays[number])
            drawn = means[:, end - seeds : end]
            if seeds > 1:
                drawn = drawn * rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds
            found[start : start + count, number] = drawn.sum(axis=1)
    return found


def _exact(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The table, (anything, queries), on a grid so coarse that sums over queries are exact, and the grid's step.

    Else their last bits would hang on how many threads add them up.
    """
    largest = float(np.abs(table).max()) * table.shape[1]
    step = 2.0 ** (math.ceil(math.log2(largest)) - 52) if largest else 1.0
    return np.round(table / step) * step, step


def _spread(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The table as queries plus seeds, each with the spread that a resampling is to find.

    The luck of one training with one query is in the means of queries already; resampling both ways would count it
    three times (Owen, 2007). And S seeds stray less from their own mean than new ones, by a factor of (S - 1) / S.
    """
    seeds = len(table)
    if seeds == 1:
        return table
    effects = table.mean(axis=1, keepdims=True) - table.mean()
    observed = float(effects.var(ddof=1)) / seeds
    own = max(0.0, 1 - _interaction(table) / observed) if observed else 0.0
    spread: NDArray[np.float64] = table.mean(axis=0) + effects * math.sqrt(own * seeds / (seeds - 1))
    return spread


def percentile_interval(means: NDArray[np.float64]) -> Interval:
    """The middle 95% of resampled means, (resamples,)."""
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(low), float(high))


def randomisation_test(differences: ArrayLike, resamples: int, seed: int) -> list[float]:
    """Two-sided p of the hypothesis that two systems are exchangeable in each query, for each pair.

    Args:
        differences: (pairs, queries), the scores of one system less those of the other.
        resamples: random patterns of signs, the same ones for all pairs; the smallest p is one over one more.
        seed: of the patterns.
    """
    given = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    table, grid = _exact(np.where(np.abs(given) < NO_DIFFERENCE, 0.0, given))
    queries = table.shape[1]
    rng = np.random.default_rng(seed)
    observed = np.abs(table.sum(axis=1)) - queries * grid  # equal sums count, however they were rounded
    # Signs are drawn anyway; in an order of its own, a pair's p hangs on neither that of the queries nor other pairs.
    sizes = np.sort(np.abs(table), axis=1)
    extreme = np.zeros(len(table), dtype=np.int64)
    step = max(1, AT_ONCE // max(queries, len(table)))
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        signs = rng.integers(0, 2, size=(count, queries)).astype(np.float64) * 2 - 1
        extreme += (np.abs(signs @ sizes.T) >= observed).sum(axis=0)
    return [float(p) for p in (extreme + 1) / (resamples + 1)]


def seeds_test(a: ArrayLike, b: ArrayLike, trained: bool = True) -> float:
    """Two-sided p of no difference between two systems over queries and seeds; 0 where neither has several seeds.

    A t test whose variance is that of the mean over queries plus that of the mean over seeds, less what both hold: the
    luck of one training with one query (a two-way analysis of variance). Degrees of freedom as by Satterthwaite (1946).
    Where one of two trained systems has a single training, that has as much luck as those of the other one.

    Args:
        a: (seeds, queries) scores.
        b: of the other system, over the same queries.
        trained: both of them were; else one with a single row of scores would always have the same.
    """
    from scipy.stats import t

    one, other = _tables(a, b)
    if len(one) == len(other) == 1 or one.shape[1] < 2:
        return 0.0
    differences = one.mean(axis=0) - other.mean(axis=0)
    if abs(differences.mean()) < NO_DIFFERENCE:
        return 1.0
    seeds = _seed_terms(one, other, trained)
    terms = [(differences.var(ddof=1) / len(differences), len(differences) - 1), *seeds]
    both = sum(_interaction(table) for table in (one, other))
    variance = max(sum(term for term, _ in terms) - both, max(term for term, _ in terms))
    if variance == 0:
        return 0.0
    freedom = variance**2 / sum(term**2 / df for term, df in terms)
    return float(2 * t.sf(abs(differences.mean()) / math.sqrt(variance), freedom))


def _tables(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores as (seeds, queries)."""
    one, other = (np.atleast_2d(np.asarray(scores, dtype=np.float64)) for scores in (a, b))
    return one, other


def _seed_terms(one: NDArray[np.float64], other: NDArray[np.float64], trained: bool) -> list[tuple[float, int]]:
    """Variance of the mean over seeds, and its degrees of freedom, of each system with several.

    Of two ``trained`` systems, one of which was so once, the variance of both as the other one tells it.
    """
    several = [table for table in (one, other) if len(table) > 1]
    once = trained and len(several) == 1
    return [(table.mean(axis=1).var(ddof=1) * (1 / len(table) + once), len(table) - 1) for table in several]


def _interaction(table: NDArray[np.float64]) -> float:
    """Variance of the mean that is neither the queries' nor the seeds' own."""
    seeds, queries = table.shape
    if seeds == 1 or queries == 1:
        return 0.0
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    return float((rest**2).sum() / ((seeds - 1) * (queries - 1)) / (seeds * queries))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values of several tests at once."""
    from statsmodels.stats.multitest import multipletests

    gc.freeze()  # it collects garbage first, which takes longer than its work by far
    try:
        return [float(value) for value in multipletests(p, method="holm")[1]] if len(p) else []
    finally:
        gc.unfreeze()


def queries_needed(a: ArrayLike, b: ArrayLike, trained: bool = True) -> int | None:
    """Queries like these at which the observed difference would be found at 5%, uncorrected, in four cases of five.

    By the t test that is applied, with the spread that was observed: that of the queries falls as they grow more, that
    of several seeds stays.

    None where no difference was observed, or one query, which tells no spread, or where the spread of the seeds alone
    hides it: then more queries would not help, and more seeds might.

    Args:
        a: (queries,) or (seeds, queries) scores.
        b: of the other system, over the same queries.
        trained: as :func:`seeds_test` has it.
    """
    one, other = _tables(a, b)
    differences = one.mean(axis=0) - other.mean(axis=0)
    mean, number = float(differences.mean()), len(differences)
    if number < 2 or abs(mean) < NO_DIFFERENCE:
        return None
    variance = float(differences.var(ddof=1))
    several = [table for table in (one, other) if len(table) > 1]
    seeds = [
        (max(0.0, term - _interaction(table)), freedom)
        for table, (term, freedom) in zip(several, _seed_terms(one, other, trained), strict=True)
    ]
    if not _would_find(mean, 0.0, math.inf, seeds):
        return None
    too_few, enough = 1, 2
    while not _would_find(mean, variance, enough, seeds):
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if _would_find(mean, variance, middle, seeds) else (middle, enough)
    return enough


def _would_find(mean: float, variance: float, queries: float, seeds: list[tuple[float, int]]) -> bool:
    """Does a t test find ``mean`` often enough, over so many queries and the spread of ``seeds``?"""
    from scipy.stats import t

    terms = [*seeds, (variance / queries, queries - 1)]
    total = sum(term for term, _ in terms)
    if total == 0:
        return True
    freedom = total**2 / sum(term**2 / df for term, df in terms)
    return bool(abs(mean) >= (t.isf(LEVEL / 2, freedom) + t.ppf(POWER, freedom)) * math.sqrt(total))


def groups(order: Sequence[str], different: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The largest sets of systems no two of which differ significantly, best first.

    A system may stand in several, as with the letters of a compact letter display; made by insertion and absorption
    (Piepho, 2004). There can be more such sets than anyone could read, or compute: beyond ``MOST_GROUPS`` some are left
    out, so that any two systems which do not differ still share one.

    Args:
        order: ids, best first.
        different: every pair that differs significantly.
    """
    rank = {name: number for number, name in enumerate(order)}
    pairs = [frozenset(pair) for pair in different]
    found = [frozenset(order)] if order else []
    for pair in pairs:
        split = []
        for group in found:
            split += [group - {name} for name in pair] if pair <= group else [group]
        distinct = list(dict.fromkeys(split))
        found = [group for group in distinct if not any(group < other for other in distinct)]
        if len(found) > MOST_GROUPS:
            found = _covering(order, set(pairs))
            break
    ordered = [sorted(group, key=rank.__getitem__) for group in found]
    return sorted(ordered, key=lambda group: [rank[name] for name in group])


def _covering(order: Sequence[str], different: set[frozenset[str]]) -> list[frozenset[str]]:
    """Largest sets of systems that do not differ, until each pair that does not is in one of them.

    Each begins with a pair that is in none so far, and grows by whatever brings most of such pairs into it.
    """
    level = {a: {b for b in order if frozenset((a, b)) not in different} for a in order}  # itself among them
    apart = {a: set(others) for a, others in level.items()}  # of those, what shares no set with it so far
    found = []
    for name in order:
        while apart[name]:
            group, able = {name}, set(level[name])
            while able := able - group:
                chosen = max(sorted(able), key=lambda other: len(apart[other] & group))
                group.add(chosen)
                able &= level[chosen]
            for one in group:
                apart[one] -= group
            found.append(frozenset(group))
    return found
