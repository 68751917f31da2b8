import math
import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from tokir.evaluation.decision import significant
from tokir.evaluation.significance import (
    bootstrap_means,
    groups,
    holm,
    percentile_interval,
    queries_needed,
    randomisation_test,
    seeds_test,
)

RNG = np.random.default_rng(5)
HARD = RNG.beta(0.5, 0.5, size=300)  # how queries differ
BETTER = np.clip(HARD + RNG.normal(0.03, 0.2, size=300), 0, 1)


def interval(values, resamples=10_000, seed=0):
    return percentile_interval(bootstrap_means([values], resamples, seed)[:, 0])


def test_the_bootstrap_equals_scipys():
    reference = stats.bootstrap(
        (HARD,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert interval(HARD, 20_000) == pytest.approx((reference.low, reference.high), abs=0.003)
    assert interval(HARD) == interval(HARD)
    assert interval(np.zeros(50)) == (0, 0)


def test_p_values_hang_neither_on_threads_nor_on_the_order_of_queries_nor_on_the_other_pairs():
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(8)
    tables = [np.round(np.clip(rng.normal(0.5 + i / 50, 0.3, (3, 401)), 0, 1), 3) for i in range(4)]
    differences = np.array([a.mean(axis=0) - b.mean(axis=0) for a in tables for b in tables if a is not b])
    found = {}
    for threads in (1, 2):
        with threadpool_limits(threads):
            found[threads] = (
                randomisation_test(differences, 2_000, 7),
                bootstrap_means(tables, 500, 7).tolist(),
                [seeds_test(a, b) for a in tables for b in tables],
            )
    assert found[1] == found[2]
    order = rng.permutation(401)
    assert randomisation_test(differences[:, order], 2_000, 7) == found[1][0]
    assert randomisation_test(-differences[4:6, order], 2_000, 7) == found[1][0][4:6]
    shuffled = [seeds_test(a[:, order], b[:, order]) for a in tables for b in tables]
    assert shuffled == pytest.approx(found[1][2], abs=1e-12)


def test_pairs_share_their_queries_so_a_constant_difference_is_certain():
    means = bootstrap_means([HARD + 0.05, HARD], 1000, 0)
    assert percentile_interval(means[:, 0] - means[:, 1]) == pytest.approx((0.05, 0.05))


def test_the_randomisation_test_equals_scipys():
    for number in (300, 12):
        difference = (BETTER - HARD)[:number]
        exact = stats.permutation_test(
            (difference,), np.mean, permutation_type="samples", n_resamples=50_000, rng=1
        )
        assert randomisation_test(difference, 50_000, 0) == pytest.approx([exact.pvalue], abs=0.01)
    assert randomisation_test([[0.0] * 9, [1.0] * 9], 10_000, 0) == pytest.approx([1, 2 / 2**9], abs=0.002)


def test_the_same_numbers_come_with_any_threads():
    """The last bit of a product of matrices hangs on the threads that add it up, unless every sum is exact."""
    work = """
import numpy as np
from tokir.evaluation.significance import bootstrap_means, randomisation_test
rng = np.random.default_rng(0)
tables = [rng.uniform(size=(1 + i % 3, 653)) for i in range(40)]
differences = [tables[i].mean(axis=0) - tables[0].mean(axis=0) for i in range(1, 40)]
print(bootstrap_means(tables, 4000, 0).tobytes().hex(), randomisation_test(differences, 4000, 0))
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", work], check=True, capture_output=True,
            env=os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads),
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_seeds_widen_the_interval_as_they_should():
    """With many queries and few seeds the spread is that of the seeds: a mean over three of them."""
    offsets = np.array([-0.1, 0.0, 0.1])
    table = 0.5 + offsets[:, None] + RNG.normal(0, 0.01, size=(3, 4000))
    spread = bootstrap_means([table], 40_000, 0).std()
    assert spread == pytest.approx(offsets.std(ddof=1) / np.sqrt(3), rel=0.05)
    other = 0.5 + RNG.normal(0, 0.01, size=(1, 4000))
    assert seeds_test(table, table - 0.001) > 0.9 and seeds_test(table, other - 0.5, trained=False) < 0.05
    reference = stats.ttest_1samp(table.mean(axis=1), 0.4).pvalue  # seeds alone, since queries hardly vary
    assert seeds_test(table, other - 0.1, trained=False) == pytest.approx(reference, abs=0.01)
    # Were the other one trained as well, the question would be whether its training is of the same kind as the three.
    reference = 2 * stats.t.sf(0.1 / (offsets.std(ddof=1) * np.sqrt(1 + 1 / 3)), 2)
    assert seeds_test(table, other - 0.1) == pytest.approx(reference, abs=0.01)
    assert seeds_test(HARD, BETTER) == 0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_queries_needed_is_what_simulation_needs():
    effect = 0.2
    needed = queries_needed([effect + 1, effect - 1] * 500, [0.0] * 1000)
    found = [stats.ttest_1samp(RNG.normal(effect, 1, size=needed), 0).pvalue < 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)
    assert queries_needed([0.5, 0.5], [0.5, 0.5]) is None
    assert queries_needed([0.9, 1.0], [0.0, 0.0]) == queries_needed([1.0] * 7, [1 / 3] * 7) == 2
    reference = TTestPower().solve_power(effect_size=0.4, alpha=0.05, power=0.8)
    scores = np.tile([0.4 + 1, 0.4 - 1], 5000)
    assert queries_needed(scores / scores.std(ddof=1), np.zeros(10_000)) == math.ceil(reference)
    sizes = [queries_needed([effect + 1, effect - 1] * 50, [0.0] * 100) for effect in np.geomspace(0.003, 7, 40)]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] >= 2
    assert queries_needed([0.001 + 1, 0.001 - 1] * 50, [0.0] * 100) > 1_000_000


def test_no_two_systems_of_a_group_differ_significantly():
    assert groups(list("abcd"), [("a", "c"), ("a", "d"), ("b", "d")]) == [["a", "b"], ["b", "c"], ["c", "d"]]
    # Two that differ, each level with a third: neighbours alone would miss a tie.
    assert groups(list("abc"), [("a", "b")]) == [["a", "c"], ["b", "c"]]
    assert groups(["a"], []) == [["a"]] and groups([], []) == []


def test_many_systems_that_differ_in_pairs_share_groups_that_can_be_counted():
    order = [f"{name}{number:02}" for number in range(40) for name in "ab"]
    different = {frozenset((f"a{number:02}", f"b{number:02}")) for number in range(40)}  # 2 ** 40 largest sets
    found = groups(order, map(tuple, different))
    assert len(found) <= 40 and all(any(name in group for group in found) for name in order)
    together = {frozenset(pair) for group in found for pair in combinations(group, 2)}
    assert together == {frozenset(pair) for pair in combinations(order, 2)} - different


def test_a_difference_is_significant_when_both_p_and_the_interval_say_so():
    assert significant(0.001, (0.1, 0.2)) and significant(0.049, (-0.2, -0.1))
    assert not significant(0.001, (-0.1, 0.2)) and not significant(0.05, (0.1, 0.2))


def test_queries_needed_leave_the_spread_of_the_seeds_in():
    rng = np.random.default_rng(2)
    hard = rng.uniform(size=400)
    base = np.clip(hard + rng.normal(0, 0.2, size=(3, 400)), 0, 1)
    steady = base + 0.03 + np.array([[0.001], [0.0], [-0.001]])
    shaky = base + 0.03 + np.array([[0.1], [0.0], [-0.1]])
    assert queries_needed(base, steady) is not None
    assert queries_needed(base, shaky) is None  # the luck of a training is larger than the difference
    assert queries_needed(base, base) is None
    # Of a spread that no number of queries takes away, a t test over three seeds and one bears so much:
    three = 0.5 + np.array([[0.01], [0.0], [-0.01]]) + np.zeros((3, 400))
    bearable = (stats.t.isf(0.025, 2) + stats.t.ppf(0.8, 2)) * 0.01 / np.sqrt(3)
    assert queries_needed(three, np.full((1, 400), 0.5 - 1.01 * bearable), trained=False) == 2
    assert queries_needed(three, np.full((1, 400), 0.5 - 0.99 * bearable), trained=False) is None
    assert queries_needed(three, np.full((1, 400), 0.5 - 1.01 * bearable)) is None
    assert (
        queries_needed(three, np.full((1, 400), 0.5 - 2.01 * bearable)) == 2
    )  # four thirds of the variance of one
