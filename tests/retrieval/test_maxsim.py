import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.errors import TokirError
from tokir.retrieval import best_cosines as building
from tokir.retrieval import maxsim
from tokir.retrieval.best_cosines import distinct_tokens
from tokir.retrieval.maxsim import MaxSimIndex, PrunedMaxSimIndex, TokenVectors
from tokir.retrieval.ranking import descending, inverse
from tokir.retrieval.searchers import LateSearcher

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(40, 4)).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 2, size=40).astype(np.float32)
LENGTHS = np.linalg.norm(TABLE, axis=1)
tokens = st.integers(0, 39)
corpora = st.lists(st.lists(tokens, max_size=6), min_size=1, max_size=12)
queries = st.lists(tokens, max_size=5)


def best(passages):
    """(vocabulary, passages) best cosines; a passage without tokens has 0."""
    unit = TABLE / LENGTHS[:, None]
    return np.stack([(unit @ unit[ids].T).max(1) if ids else np.zeros(40) for ids in passages], axis=1)


def built(folder, passages, kept=None):
    ties = inverse(descending([f"p{number}" for number in range(len(passages))]))
    model, ids = TokenVectors.of(TABLE, WEIGHTS), distinct_tokens(passages)
    if kept is None:
        MaxSimIndex.build(folder, model, *ids)
        return MaxSimIndex.load(folder, ties)
    PrunedMaxSimIndex.build(folder, model, *ids, kept)
    return PrunedMaxSimIndex.load(folder, ties)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks of entries, and several of passages."""
    monkeypatch.setattr(building, "ENTRIES", 16)
    monkeypatch.setattr(maxsim, "PASSAGES", 5)


@settings(max_examples=60)
@given(passages=corpora, query=queries)
def test_scores_are_the_sum_of_the_best_cosines_up_to_the_stated_tolerance(tmp_path_factory, passages, query):
    index = built(tmp_path_factory.mktemp("index"), passages)
    weights = (WEIGHTS * LENGTHS)[query]
    expected = weights @ best(passages)[query]
    assert np.abs(index.scores(query) - expected).max() <= weights.sum() / 254 + 1e-5


@settings(max_examples=30)
@given(passages=corpora, added=st.one_of(st.just([]), corpora), data=st.data())
def test_copied_best_cosines_and_those_of_added_passages_are_those_of_all(tmp_path_factory, passages, added, data):
    kept = data.draw(st.lists(st.sampled_from(range(len(passages))), min_size=1, unique=True))
    model, folder = TokenVectors.of(TABLE, WEIGHTS), tmp_path_factory.mktemp("index")
    before = built(tmp_path_factory.mktemp("before"), passages), np.array(kept)
    MaxSimIndex.build(folder, model, *distinct_tokens(added), before)
    whole = built(tmp_path_factory.mktemp("whole"), [*(passages[i] for i in kept), *added])
    assert np.array_equal(MaxSimIndex.load(folder, whole.tie_order).best, whole.best)


@settings(max_examples=60)
@given(passages=corpora, query=queries, kept=st.floats(0.01, 1))
def test_what_is_pruned_counts_as_the_lowest_kept_value(tmp_path_factory, passages, query, kept):
    pruned = built(tmp_path_factory.mktemp("pruned"), passages, kept)
    steps = built(tmp_path_factory.mktemp("dense"), passages).best.astype(int)
    most = int(np.ceil(kept * len(passages)))
    floors = np.sort(steps, axis=1)[:, -most]
    expected = (WEIGHTS * LENGTHS)[query] @ np.maximum(steps, floors[:, None])[query] / 127
    np.testing.assert_allclose(pruned.scores(query), expected, atol=1e-5)


@settings(max_examples=60)
@given(passages=corpora, query=queries)
def test_an_index_that_keeps_all_is_the_dense_one(tmp_path_factory, passages, query):
    pruned = built(tmp_path_factory.mktemp("pruned"), passages, 1.0)
    dense = built(tmp_path_factory.mktemp("dense"), passages)
    np.testing.assert_allclose(pruned.scores(query), dense.scores(query), atol=1e-5)


class Numbers:
    """Words are token ids."""

    def encode(self, texts):
        return [[int(word) for word in text.split()] for text in texts]


@pytest.mark.parametrize("kept", [None, 0.5])
def test_a_search_ranks_all_passages_and_ties_by_descending_id(tmp_path, kept):
    passages = [[3, 4], [5], [], [4, 3, 3]] * 6
    searcher = LateSearcher(Numbers(), built(tmp_path, passages, kept))
    found, nothing = searcher.search(["5 3", ""], 24)
    assert len(found.positions) == 24 and found.scores.tolist() == sorted(found.scores, reverse=True)
    for hits in (found, nothing):
        for score in set(hits.scores.tolist()):
            ids = [f"p{i}" for i in hits.positions[hits.scores == score]]
            assert ids == sorted(ids, reverse=True)
    assert set(nothing.scores.tolist()) == {0.0} and len(nothing.positions) == 24
    assert set(found.positions[found.scores == found.scores[0]] % 4) in ({1}, {0, 3})
    tokenize, search = searcher.stages().values()
    assert search(tokenize("5 3")).positions.tolist() == found.positions[:10].tolist()


@pytest.mark.parametrize("kept", [None, 0.5])
def test_what_is_damaged_is_named(tmp_path, kept):
    index = built(tmp_path, [[1, 2], [3], [4, 5, 6]], kept)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[:40])
        with pytest.raises(TokirError, match=file.name):
            type(index).load(tmp_path, index.tie_order)
        file.write_bytes(whole)


def test_a_long_query_takes_no_more_memory_than_its_distinct_tokens(tmp_path):
    index = built(tmp_path, [[number % len(TABLE)] for number in range(4000)])
    query = [0, 3, 3] * 5_000
    expected = 5_000 * (index.scores([0]) + 2 * index.scores([3]))
    tracemalloc.start()
    found = index.scores(query)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000  # one row of each token is 16 kB
    tracemalloc.stop()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
