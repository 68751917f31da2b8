"""Every index keeps the same contract; an index that is added must pass as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tokir.errors import TokirError
from tokir.retrieval import binary, exact, int8
from tokir.retrieval.binary import BinaryIndex
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.index import normalize, top
from tokir.retrieval.int8 import Int8Index
from tokir.retrieval.ranking import id_order
from tokir.retrieval.registry import INDEXES

RNG = np.random.default_rng(0)
VECTORS, QUERIES = RNG.normal(size=(50, 8)).astype(np.float32), RNG.normal(size=(70, 8)).astype(np.float32)
VECTORS[7] = 0  # a text without tokens
TIES = id_order([f"p{number}" for number in range(50)])


@pytest.fixture(params=list(INDEXES))
def kind(request):
    if request.param == "hnsw":
        pytest.importorskip("faiss")
    return INDEXES[request.param]


def filled(kind):
    index = kind(TIES)
    index.add(VECTORS[:20])
    index.add(VECTORS[20:])
    return index


def test_it_finds_the_nearest_passages_by_cosine(kind):
    off = 0.01 if kind in (Int8Index, BinaryIndex) else 1e-6  # what rounding to 8 bits may change
    cosine = normalize(QUERIES) @ normalize(VECTORS).T
    found = filled(kind).search(QUERIES, 10)
    assert len(found) == 70
    for hits, row in zip(found, cosine, strict=True):
        assert len(hits.positions) == 10 and list(hits.scores) == sorted(hits.scores, reverse=True)
        assert_allclose(hits.scores, row[hits.positions], atol=off)
        assert row[hits.positions].min() >= np.sort(row)[-10] - 2 * off


def test_equal_scores_are_ordered_by_descending_id(kind):
    index = kind(TIES)
    index.add(np.ones((50, 8), dtype=np.float32))
    [hits] = index.search(np.ones((1, 8), dtype=np.float32), 50)
    ids = [f"p{position}" for position in hits.positions]
    assert ids == sorted(ids, reverse=True)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([ExactIndex, Int8Index]),
    seed=st.integers(0, 99),
    width=st.sampled_from([3, 8, 100]),
    rows=st.integers(1, 40),
    depth=st.integers(1, 70),
)
def test_equal_passages_are_tied_whatever_is_searched_beside_them(kind, seed, width, rows, depth):
    rng = np.random.default_rng(seed)
    distinct = rng.normal(size=(9, width)).astype(np.float32) * rng.integers(0, 2, size=(9, 1))  # some are zero
    which, ties = rng.integers(9, size=60), rng.permutation(60)
    index, queries = kind(ties), rng.normal(size=(5, width)).astype(np.float32)
    queries[3] = 0
    index.add(distinct[which])
    with pytest.MonkeyPatch.context() as patch:
        for module in (exact, int8):
            patch.setattr(module, "ROWS", rows)
        found = index.search(queries, depth)
    for query, hits in zip(queries, found, strict=True):
        alone = index.search(query[None], 60)[0]
        assert hits.positions.tolist() == alone.positions[:depth].tolist()
        assert hits.scores.tolist() == alone.scores[:depth].tolist()
        every = np.empty(60, dtype=np.float32)
        every[alone.positions] = alone.scores
        assert all(len(set(every[which == number].tolist())) < 2 for number in range(9))
        assert alone.positions.tolist() == top(every, 60, ties).tolist()


def test_sums_of_rounded_vectors_are_whole_numbers():
    index = filled(Int8Index)
    whole, inverse_lengths = index.rounded(QUERIES)
    exact_sums = whole.astype(np.int64) @ index.codes.astype(np.int64).T
    assert np.abs(exact_sums).max() < 2**24
    expected = (exact_sums.astype(np.float32) * index.inverse_lengths) * inverse_lengths
    assert np.array_equal(index.scores(QUERIES, np.arange(50)), expected)


def test_passages_beyond_those_scored_again_follow_by_hamming_distance(monkeypatch):
    monkeypatch.setattr(binary, "RESCORED", 12)
    distances = ((QUERIES[:, None] > 0) != (VECTORS > 0)).sum(-1)
    for hits, apart in zip(filled(BinaryIndex).search(QUERIES, 50), distances, strict=True):
        first = np.lexsort((TIES, apart))
        assert set(hits.positions[:12]) == set(first[:12]) and (hits.scores[:12] > -1).all()
        assert hits.positions[12:].tolist() == first[12:].tolist()
        assert_allclose(hits.scores[12:], -1 - apart[first[12:]] / 8)


def test_a_graph_is_the_same_every_time_and_grows_when_it_was_opened(tmp_path):
    pytest.importorskip("faiss")
    for name, opened in (("one", False), ("two", False), ("grown", True)):
        index = INDEXES["hnsw"](TIES)
        index.add(VECTORS[:20])
        (tmp_path / name).mkdir()
        if opened:
            index.save(tmp_path / name)
            index = INDEXES["hnsw"].load(tmp_path / name, TIES)
        index.add(VECTORS[20:])
        index.save(tmp_path / name)
    one, two = ((tmp_path / name / "graph.faiss").read_bytes() for name in ("one", "two"))
    assert one == two
    grown = INDEXES["hnsw"].load(tmp_path / "grown", TIES).search(QUERIES, 10)
    expected = filled(INDEXES["hnsw"]).search(QUERIES, 10)
    assert [hits.positions.tolist() for hits in grown] == [hits.positions.tolist() for hits in expected]


def test_what_is_saved_answers_alike_and_what_is_damaged_is_named(kind, tmp_path):
    index = filled(kind)
    index.save(tmp_path)
    opened = kind.load(tmp_path, TIES)
    for one, two in zip(index.search(QUERIES, 10), opened.search(QUERIES, 10), strict=True):
        assert one.positions.tolist() == two.positions.tolist() and one.scores.tolist() == two.scores.tolist()
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[:40])
        with pytest.raises(TokirError, match=file.name):
            kind.load(tmp_path, TIES)
        file.write_bytes(whole)
