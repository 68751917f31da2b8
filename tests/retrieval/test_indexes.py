"""Every index keeps the same contract; an index that is added must pass as it is."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tokir.artifacts import write_array
from tokir.errors import TokirError, Unavailable
from tokir.retrieval import codes, exact, int8
from tokir.retrieval.binary import BinaryIndex
from tokir.retrieval.codes import Codes
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.index import Vectors, normalize, top
from tokir.retrieval.int8 import Int8Index
from tokir.retrieval.ranking import descending, inverse
from tokir.retrieval.registry import INDEXES

RNG = np.random.default_rng(0)
VECTORS, QUERIES = RNG.normal(size=(50, 8)).astype(np.float32), RNG.normal(size=(70, 8)).astype(np.float32)
VECTORS[7] = 0  # a text without tokens
TIES = inverse(descending([f"p{number}" for number in range(50)]))


@pytest.fixture(params=list(INDEXES))
def kind(request):
    try:
        INDEXES[request.param].check()
    except Unavailable as error:
        pytest.skip(str(error))
    return INDEXES[request.param]


def opened(kind, folder, vectors=VECTORS, ties=TIES):
    """The index of ``vectors``, which come in two blocks."""
    half = len(vectors) // 2
    folder.mkdir(exist_ok=True)
    kind.write(folder, Vectors(*vectors.shape, lambda: iter([vectors[:half], vectors[half:]])))
    return kind.load(folder, ties)


def test_it_finds_the_nearest_passages_by_cosine(kind, tmp_path):
    off = 1e-6 if kind.__name__ in ("ExactIndex", "HnswIndex") else 0.01  # what rounding to 8 bits may change
    cosine = normalize(QUERIES) @ normalize(VECTORS).T
    found = opened(kind, tmp_path).search(QUERIES, 10)
    assert len(found) == 70
    for hits, row in zip(found, cosine, strict=True):
        assert len(hits.positions) == 10 and list(hits.scores) == sorted(hits.scores, reverse=True)
        assert_allclose(hits.scores, row[hits.positions], atol=off)
        assert row[hits.positions].min() >= np.sort(row)[-10] - 2 * off


def test_equal_scores_are_ordered_by_descending_id(kind, tmp_path):
    [hits] = opened(kind, tmp_path, np.ones((50, 8), dtype=np.float32)).search(np.ones((1, 8), np.float32), 50)
    ids = [f"p{position}" for position in hits.positions]
    assert ids == sorted(ids, reverse=True)


def test_a_query_without_tokens_finds_all_alike(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(int8, "RESCORED", 5)
    [hits] = opened(kind, tmp_path).search(np.zeros((1, 8), dtype=np.float32), 20)
    assert len(hits.scores) and not hits.scores.any()


@pytest.mark.parametrize("passages", [0, 1, 3])
def test_no_more_is_found_than_there_is(kind, tmp_path, passages):
    index = opened(kind, tmp_path, VECTORS[:passages], TIES[:passages].argsort().argsort())
    for hits in index.search(QUERIES, 10):
        assert sorted(hits.positions) == list(range(passages)) and len(hits.scores) == passages


def test_it_finds_most_of_what_exact_search_finds(kind, tmp_path):
    rng, ties = np.random.default_rng(1), np.arange(3000)
    vectors = rng.normal(size=(30, 96))[rng.integers(30, size=3000)] + rng.normal(size=(3000, 96))
    vectors = vectors.astype(np.float32)
    exact = opened(ExactIndex, tmp_path / "exact", vectors, ties).search(vectors[:40] + 0.1, 10)
    found = opened(kind, tmp_path / "kind", vectors, ties).search(vectors[:40] + 0.1, 10)
    shared = [np.isin(a.positions, b.positions).mean() for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) > 0.95


@settings(max_examples=40)
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
    queries = rng.normal(size=(5, width)).astype(np.float32)
    queries[3] = 0
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        index = opened(kind, Path(folder), distinct[which], ties)
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


@settings(max_examples=40)
@given(
    kind=st.sampled_from([ExactIndex, Int8Index]),
    seed=st.integers(0, 99),
    width=st.sampled_from([1, 3, 100]),
    noise=st.sampled_from([0.0, 1e-7, 0.01, 1.0]),
    depth=st.integers(1, 60),
)
def test_a_query_alone_finds_the_same_without_looking_closely_at_every_passage(kind, seed, width, noise, depth):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, width)) * rng.exponential(size=(1, width)) ** 3
    vectors = centres[rng.integers(40, size=900)] + noise * rng.normal(size=(900, width))
    vectors[::50] = 0
    vectors, ties = vectors.astype(np.float32), rng.permutation(900)
    queries = np.concatenate([vectors[:4], rng.normal(size=(4, width)).astype(np.float32)])
    with TemporaryDirectory() as folder:
        index = opened(kind, Path(folder), vectors, ties)
        for query, among_others in zip(queries, index.search(queries, depth), strict=True):
            [alone] = index.search(query[None], depth)
            assert alone.positions.tolist() == among_others.positions.tolist()
            assert alone.scores.tolist() == among_others.scores.tolist()


def test_codes_rule_out_most_passages_and_none_of_the_best():
    rng = np.random.default_rng(0)
    vectors = normalize(rng.normal(size=(5000, 64)).astype(np.float32))
    rounded = Codes.of(vectors)
    rounded = rounded._replace(error=rounded.farthest(vectors))
    for query in vectors[:20]:
        near = rounded.near(query, 10, 5000)
        assert len(near) < 500 and set(np.argsort(vectors @ query)[-10:]) <= set(near)
    assert rounded.near(np.zeros(64, np.float32), 10, 5000) is None  # all are alike


def test_vectors_alone_are_an_exact_index(tmp_path):
    whole = opened(ExactIndex, tmp_path).search(QUERIES[:1], 3)
    for file in tmp_path.iterdir():
        if file.name != exact.FILE:
            file.unlink()
    [found] = ExactIndex.load(tmp_path, TIES).search(QUERIES[:1], 3)
    assert found.positions.tolist() == whole[0].positions.tolist()


@pytest.mark.parametrize("name", [codes.NUMBERS, codes.INVERSE_LENGTHS, exact.ERROR])
def test_codes_of_other_vectors_are_named(tmp_path, name):
    opened(ExactIndex, tmp_path)
    opened(ExactIndex, tmp_path / "other", VECTORS[:40])
    (tmp_path / name).write_bytes((tmp_path / "other" / name).read_bytes())
    if name == exact.ERROR:
        write_array(tmp_path / name, np.array([np.nan]))
    with pytest.raises(TokirError, match=r"codes|lengths"):
        ExactIndex.load(tmp_path, TIES)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_vector_that_is_no_number_does_not_hide_others(tmp_path):
    vectors = RNG.normal(size=(200, 8)).astype(np.float32)
    vectors[3] = np.nan
    index = opened(ExactIndex, tmp_path, vectors, np.arange(200))
    [hits] = index.search(QUERIES[:1], 6)
    every = np.delete(normalize(vectors) @ normalize(QUERIES[0]), 3)
    assert_allclose(np.sort(hits.scores[~np.isnan(hits.scores)])[-5:], np.sort(every)[-5:], atol=1e-6)


def test_sums_of_rounded_vectors_are_whole_numbers(tmp_path):
    index = opened(Int8Index, tmp_path)
    whole, inverse_lengths = index.rounded(QUERIES)
    exact_sums = whole.astype(np.int64) @ index.codes.numbers.astype(np.int64).T
    assert np.abs(exact_sums).max() < 2**24
    expected = (exact_sums.astype(np.float32) * index.codes.inverse_lengths) * inverse_lengths
    assert np.array_equal([index.scores(query, np.arange(50)) for query in QUERIES], expected)


def test_passages_beyond_those_scored_again_follow_by_hamming_distance(monkeypatch, tmp_path):
    monkeypatch.setattr(int8, "RESCORED", 12)
    distances = ((QUERIES[:, None] > 0) != (VECTORS > 0)).sum(-1)
    for hits, apart in zip(opened(BinaryIndex, tmp_path).search(QUERIES, 50), distances, strict=True):
        first = np.lexsort((TIES, apart))
        assert set(hits.positions[:12]) == set(first[:12]) and hits.scores[11] > hits.scores[12]
        assert hits.positions[12:].tolist() == first[12:].tolist()
        expected = np.cos(np.pi * apart[first[12:]] / 8)  # 8 dimensions
        # Lowered where they would be above those scored again, and then as far from each other as before.
        lowered = max(0.0, expected[0] - hits.scores[11])
        assert_allclose(hits.scores[12:], expected - lowered, atol=1e-6)


def test_passages_beyond_those_scored_again_follow_by_their_codes(monkeypatch, tmp_path):
    ivfpq = pytest.importorskip("tokir.retrieval.ivfpq")
    pytest.importorskip("faiss")
    monkeypatch.setattr(int8, "RESCORED", 12)
    for hits in opened(ivfpq.IvfPqIndex, tmp_path).search(QUERIES, 50):
        assert hits.scores[11] > hits.scores[12] and (hits.scores >= -3).all()
        assert sorted(hits.positions) == list(range(50)) and (np.diff(hits.scores) <= 0).all()


def test_the_same_vectors_give_the_same_files(kind, tmp_path):
    opened(kind, tmp_path / "one")
    opened(kind, tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_what_is_damaged_is_named(kind, tmp_path):
    opened(kind, tmp_path)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[:40])
        with pytest.raises(TokirError, match=file.name):
            kind.load(tmp_path, TIES)
        file.write_bytes(whole)
