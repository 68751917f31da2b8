"""A static model as an encoder."""

import numpy as np
import pytest

from tokir.encoders.static import MANY, StaticEncoder


def test_many_tokens_are_summed_to_the_bits_of_few():
    rng = np.random.default_rng(0)
    encoder = StaticEncoder(rng.normal(size=(50, 16)).astype(np.float32), None)
    texts = [rng.choice(50, count).tolist() for count in (0, 1, 9, MANY - 100, MANY)]
    few = np.concatenate([encoder.embed([ids]) for ids in texts])
    np.testing.assert_array_equal(encoder.embed(texts), few)


@pytest.mark.parametrize("count", [1, MANY + 1])
def test_a_token_that_the_table_lacks_is_refused(count):
    with pytest.raises(IndexError):
        StaticEncoder(np.ones((50, 16), dtype=np.float32), None).embed([[50] * count])
