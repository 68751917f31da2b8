import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.evaluation import tuning
from tokir.evaluation.tuning import WEIGHTS, fusion_weights
from tokir.retrieval.fusion import fuse, join
from tokir.retrieval.index import Hits

IDS = "abcdefwxyz"
TIES = np.array([len(IDS) - 1 - number for number in range(len(IDS))])  # ids descend


def hits(scores: dict[str, float]) -> Hits:
    return Hits(
        np.array([IDS.index(id) for id in scores], dtype=np.int64), np.array(list(scores.values()), np.float32)
    )


def fused(lists, method, weights, depth) -> dict[str, float]:
    found = fuse(join([hits(one) for one in lists], method), weights, depth, TIES)
    return {IDS[position]: float(score) for position, score in zip(found.positions, found.scores, strict=True)}


A = {"x": 3.0, "y": 2.0, "z": 1.0}
B = {"z": 10.0, "w": 9.0}


def test_reciprocal_ranks_add_up_as_in_the_paper():
    ranked = fused([A, B], "rrf", [1, 1], 10)
    assert list(ranked) == ["z", "x", "y", "w"]  # y and w tie at rank 2: the id that comes later wins
    assert ranked["z"] == pytest.approx(1 / 63 + 1 / 61)
    assert ranked["x"] == pytest.approx(1 / 61)


def test_a_weighted_sum_of_z_scores_counts_an_absent_passage_as_the_worst():
    ranked = fused([A, B], "weighted", [1, 0.5], 10)
    deviation = (2 / 3) ** 0.5
    assert ranked["x"] == pytest.approx(1 / deviation - 0.5)
    assert ranked["z"] == pytest.approx(-1 / deviation + 0.5)
    assert ranked["w"] == pytest.approx(-1 / deviation - 0.5)


def test_a_passage_that_alone_has_a_word_counts_however_few_are_found():
    dense = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 2.0}
    for found in ({"d": 12.0}, {"d": 12.0, "e": 0.1}):
        assert next(iter(fused([dense, found], "weighted", [1, 4], 4))) == "d"
    tied = fused([dense, {"c": 12.0, "d": 12.0}], "weighted", [1, 4], 4)
    assert list(tied) == ["c", "d", "a", "b"]
    silent = dict.fromkeys("abcd", 0.0)  # a query without tokens
    for method in ("weighted", "rrf"):
        assert fused([dense, silent], method, [1, 4], 4) == fused([dense, {}], method, [1, 4], 4)


ranking = st.dictionaries(st.sampled_from("abcdef"), st.floats(-5, 5, width=16), max_size=6)


@given(one=ranking, other=ranking, depth=st.integers(1, 7), method=st.sampled_from(["rrf", "weighted"]))
def test_a_fusion_holds_every_passage_once_in_the_order_of_trec_eval(one, other, depth, method):
    ordered = [dict(sorted(r.items(), key=lambda e: (e[1], e[0]), reverse=True)) for r in (one, other)]
    found = fused(ordered, method, [1.0, 2.0], depth)
    assert len(found) == min(depth, len(one.keys() | other.keys()))
    assert list(found) == sorted(found, key=lambda id: (found[id], id), reverse=True)
    if method == "weighted" and depth >= 7 and one:
        assert set(fused([ordered[0], {}], method, [1.0, 2.0], depth)) == set(one)


@pytest.mark.parametrize("lists", [2, 5])
def test_weights_find_the_list_that_is_right_and_of_equals_stay_near_one(lists):
    right = {IDS[i]: float(20 - i) for i in range(10)}  # ten passages, the relevant ones among the first
    wrong = dict(zip(reversed(IDS), right.values(), strict=True))
    queries = [join([hits(wrong), *[hits(wrong)] * (lists - 2), hits(right)], "weighted") for _ in range(3)]
    weights = fusion_weights(queries, [frozenset({0})] * 3, TIES)
    assert weights == [1.0] * lists  # ten passages in all: every weighting finds them
    pool = Hits(np.arange(10, dtype=np.int64), np.arange(10, 0, -1).astype(np.float32))
    assert fusion_weights([join([pool, pool], "weighted")], [frozenset({3})], TIES) == [1.0, 1.0]
    assert min(WEIGHTS) < 1 < max(WEIGHTS)


def test_weights_of_many_lists_are_found_one_by_one(monkeypatch):
    """Of five lists there are 4,096 combinations of weights; far fewer are tried, and the right list gets most."""
    tried = []
    monkeypatch.setattr(tuning, "fuse", lambda *words: tried.append(words[1]) or fuse(*words))
    ties = np.arange(60)

    def ranked(positions):
        return Hits(np.asarray(positions, dtype=np.int64), np.arange(len(positions), 0, -1).astype(np.float32))

    # Four lists agree on passages of which none is relevant, and the fifth holds the one that is.
    queries = [join([*[ranked(range(1, 31))] * 4, ranked([0, *range(31, 60)])], "weighted") for _ in range(3)]
    weights = tuning.fusion_weights(queries, [frozenset({0})] * 3, ties)
    assert weights[0] == 1.0 and weights[4] > max(weights[:4])
    assert 0 in fuse(queries[0], weights, 10, ties).positions
    assert 0 not in fuse(queries[0], [1.0] * 5, 10, ties).positions
    assert len(tried) <= 3 * tuning.ROUNDS * 4 * len(WEIGHTS)
