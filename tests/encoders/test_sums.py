"""A static model as an encoder."""

import numpy as np

from tokir.encoders.static import StaticEncoder


def test_a_long_text_is_summed_in_parts_to_the_same_bits():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 16)).astype(np.float32)
    texts = [rng.choice(50, count).tolist() for count in (0, 1, 4096, 4097, 20_000)]
    found = StaticEncoder(table, None).embed(texts)
    for vector, ids in zip(found, texts, strict=True):
        np.testing.assert_array_equal(vector, np.add.reduce(table.take(np.int64(ids), axis=0), axis=0))
