import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tokir.errors import TokirError
from tokir.retrieval.bm25 import BM25Index
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.ranking import id_order, read_run, top, write_run

scores_with_ties = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30)


@given(scores=scores_with_ties, depth=st.integers(1, 35))
def test_top_is_the_head_of_the_full_order_of_trec_eval(scores, depth):
    ids = [f"d{number * 7 % 31}" for number in range(len(scores))]
    expected = sorted(range(len(scores)), key=lambda i: (scores[i], ids[i]), reverse=True)[:depth]
    assert top(np.array(scores, dtype=np.float32), depth, id_order(ids)).tolist() == expected


def test_exact_search_is_cosine(tmp_path):
    rng = np.random.default_rng(0)
    vectors, queries = rng.normal(size=(50, 8)).astype(np.float32), rng.normal(size=(70, 8)).astype(np.float32)
    vectors[7] = 0
    ids = [f"p{i}" for i in range(50)]
    index = ExactIndex(vectors, ids)
    ranking = index.rank(queries, [f"q{i}" for i in range(70)], 50)
    cosine = (
        queries
        @ vectors.T
        / np.linalg.norm(queries, axis=1)[:, None]
        / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    )
    for number in (0, 69):
        found = ranking[f"q{number}"]
        assert_allclose([found[id] for id in ids], cosine[number], atol=1e-6)
        assert list(found) == [ids[i] for i in index.search(queries[number], 50)]


def test_a_run_file_reads_back_in_the_same_order_with_the_same_scores(tmp_path):
    ranking = {"q1": {"b": float(np.float32(1 / 3)), "a": float(np.float32(1e-9))}, "q2": {"c": -2.5}}
    write_run(tmp_path / "x.trec", ranking, "x")
    assert (tmp_path / "x.trec").read_text().splitlines()[0] == "q1 Q0 b 1 0.33333334 x"
    again = read_run(tmp_path / "x.trec")
    for query, passages in ranking.items():
        assert list(again[query]) == list(passages)
        assert [np.float32(s) for s in again[query].values()] == [np.float32(s) for s in passages.values()]
    (tmp_path / "x.trec").write_text("q1 Q0 b 1 0.3 x\nq1 Q0\n")
    with pytest.raises(TokirError, match=r"x\.trec:2: no line of a TREC run file"):
        read_run(tmp_path / "x.trec")


def test_bm25_ranks_by_the_formula_of_lucene():
    texts = ["red apple tree", "green apple apple", "blue sky", "tree house with red door and red roof"]
    index = BM25Index(texts, ["a", "b", "c", "d"])
    ranking = index.rank(["red apple"], ["q"], 10)["q"]
    lengths = {"a": 3, "b": 3, "c": 2, "d": 6}  # stop words are no terms
    counts = {"red": {"a": 1, "d": 2}, "apple": {"a": 1, "b": 2}}
    mean = sum(lengths.values()) / 4
    expected = {}
    for frequencies in counts.values():
        idf = np.log(1 + (4 - len(frequencies) + 0.5) / (len(frequencies) + 0.5))
        for text, tf in frequencies.items():
            gain = tf / (tf + 1.5 * (1 - 0.75 + 0.75 * lengths[text] / mean))
            expected[text] = expected.get(text, 0) + idf * gain
    assert list(ranking) == sorted(expected, key=lambda text: -expected[text])
    assert_allclose([ranking[text] for text in expected], list(expected.values()), rtol=1e-5)
    assert index.rank(["zebra"], ["q"], 10) == {"q": {}}
