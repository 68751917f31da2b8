import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tokir.retrieval.maxsim import MaxSimIndex, distinct_tokens

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(9, 4)).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 2, size=9).astype(np.float32)
texts = st.lists(st.lists(st.integers(0, 8), max_size=6), min_size=1, max_size=8)


@given(passages=texts, query=st.lists(st.integers(0, 8), max_size=5), data=st.data())
def test_scores_are_the_sum_of_the_best_cosines(passages, query, data):
    positions = data.draw(st.lists(st.integers(0, len(passages) - 1), min_size=1, max_size=9))
    index = MaxSimIndex.of(TABLE, WEIGHTS, *distinct_tokens(passages))
    lengths = np.linalg.norm(TABLE, axis=1)
    unit = TABLE / lengths[:, None]
    expected = [
        sum(WEIGHTS[q] * lengths[q] * max(unit[q] @ unit[p] for p in passages[i]) for q in query)
        if passages[i]
        else 0
        for i in positions
    ]
    assert np.allclose(index.scores(query, np.array(positions)), expected, atol=1e-5)
