import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.retrieval.fusion import fuse

A = {"q": {"x": 3.0, "y": 2.0, "z": 1.0}}
B = {"q": {"z": 10.0, "w": 9.0}}


def test_reciprocal_ranks_add_up_as_in_the_paper():
    [ranked] = fuse([A, B], "rrf", [1, 1], 10).values()
    assert list(ranked) == ["z", "x", "y", "w"]  # y and w tie at rank 2: the id that comes later wins
    assert ranked["z"] == pytest.approx(1 / 63 + 1 / 61)
    assert ranked["x"] == pytest.approx(1 / 61)


def test_a_weighted_sum_of_z_scores_counts_an_absent_passage_as_the_worst():
    [ranked] = fuse([A, B], "weighted", [1, 0.5], 10).values()
    deviation = (2 / 3) ** 0.5
    assert ranked["x"] == pytest.approx(1 / deviation - 0.5)
    assert ranked["z"] == pytest.approx(-1 / deviation + 0.5)
    assert ranked["w"] == pytest.approx(-1 / deviation - 0.5)


ranking = st.dictionaries(st.sampled_from("abcdef"), st.floats(-5, 5, width=16), max_size=6)


@given(one=ranking, other=ranking, depth=st.integers(1, 7), method=st.sampled_from(["rrf", "weighted"]))
def test_a_fusion_holds_every_passage_once_in_the_order_of_trec_eval(one, other, depth, method):
    ordered = [dict(sorted(r.items(), key=lambda e: (e[1], e[0]), reverse=True)) for r in (one, other)]
    fused = fuse([{"q": r} for r in ordered], method, [1.0, 2.0], depth)["q"]
    assert len(fused) == min(depth, len(one.keys() | other.keys()))
    assert list(fused) == sorted(fused, key=lambda id: (fused[id], id), reverse=True)
    if method == "weighted" and depth >= 7 and one:
        alone = fuse([{"q": ordered[0]}, {"q": {}}], method, [1.0, 2.0], depth)["q"]
        assert set(alone) == set(one)
