"""Every index keeps the same contract; an index that is added must pass as it is."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tokir.errors import TokirError
from tokir.retrieval.index import normalize
from tokir.retrieval.ranking import id_order
from tokir.retrieval.registry import INDEXES

RNG = np.random.default_rng(0)
VECTORS, QUERIES = RNG.normal(size=(50, 8)).astype(np.float32), RNG.normal(size=(70, 8)).astype(np.float32)
VECTORS[7] = 0  # a text without tokens
TIES = id_order([f"p{number}" for number in range(50)])


@pytest.fixture(params=list(INDEXES))
def kind(request):
    return INDEXES[request.param]


def filled(kind):
    index = kind(TIES)
    index.add(VECTORS[:20])
    index.add(VECTORS[20:])
    return index


def test_it_finds_the_nearest_passages_by_cosine(kind):
    cosine = normalize(QUERIES) @ normalize(VECTORS).T
    found = filled(kind).search(QUERIES, 10)
    assert len(found) == 70
    for hits, row in zip(found, cosine, strict=True):
        assert len(hits.positions) == 10 and list(hits.scores) == sorted(hits.scores, reverse=True)
        assert set(hits.positions) == set(np.argsort(-row)[:10])
        assert_allclose(hits.scores, row[hits.positions], atol=1e-6)


def test_equal_scores_are_ordered_by_descending_id(kind):
    index = kind(TIES)
    index.add(np.ones((50, 8), dtype=np.float32))
    [hits] = index.search(np.ones((1, 8), dtype=np.float32), 50)
    ids = [f"p{position}" for position in hits.positions]
    assert ids == sorted(ids, reverse=True)


def test_what_is_saved_answers_alike_and_what_is_damaged_is_named(kind, tmp_path):
    index = filled(kind)
    index.save(tmp_path)
    opened = kind.load(tmp_path, TIES)
    for one, two in zip(index.search(QUERIES, 10), opened.search(QUERIES, 10), strict=True):
        assert one.positions.tolist() == two.positions.tolist() and one.scores.tolist() == two.scores.tolist()
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:40])
        with pytest.raises(TokirError, match=file.name):
            kind.load(tmp_path, TIES)
