import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.errors import TokirError
from tokir.retrieval.index import top
from tokir.retrieval.ranking import descending, id_order, read_run, write_run

scores_with_ties = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30)


@given(scores=scores_with_ties, depth=st.integers(1, 35))
def test_top_is_the_head_of_the_full_order_of_trec_eval(scores, depth):
    ids = [f"d{number * 7 % 31}" for number in range(len(scores))]
    expected = sorted(range(len(scores)), key=lambda i: (scores[i], ids[i]), reverse=True)[:depth]
    assert top(np.array(scores, dtype=np.float32), depth, id_order(ids)).tolist() == expected


def test_ids_descend_by_their_bytes():
    assert descending(["b", "ä", "a", "Z"]).tolist() == [1, 0, 2, 3]
    assert id_order(["b", "ä", "a", "Z"]).tolist() == [1, 0, 2, 3]


def test_a_run_file_reads_back_in_the_same_order_with_the_same_scores(tmp_path):
    ranking = {"q1": {"b": float(np.float32(1 / 3)), "a": float(np.float32(1e-9))}, "q2": {"c": -2.5}}
    write_run(tmp_path / "x.trec", ranking, "x")
    assert (tmp_path / "x.trec").read_text().splitlines()[0] == "q1 Q0 b 1 0.33333334 x"
    again = read_run(tmp_path / "x.trec")
    for query, passages in ranking.items():
        assert list(again[query]) == list(passages)
        assert [np.float32(s) for s in again[query].values()] == [np.float32(s) for s in passages.values()]
    (tmp_path / "x.trec").write_text("q1 Q0 b 1 0.3 x\nq1 Q0\n")
    with pytest.raises(TokirError, match=r"x\.trec:2: not a line of a TREC run file"):
        read_run(tmp_path / "x.trec")
