"""Other libraries' clients of OpenAI's API, against a server at loopback."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from serve.conftest import LSTM, STATIC
from tokir import open_run

TEXTS = ["history of anarchism", "naïve 東京 <|endoftext|>"]


@pytest.mark.parametrize("system", [STATIC, LSTM])
def test_langchain_gets_the_vectors_of_the_run(address, run, system):
    library = pytest.importorskip("langchain_openai")
    embeddings = library.OpenAIEmbeddings(
        model=system, base_url=f"{address}/v1", api_key="none", check_embedding_ctx_length=False
    )
    expected = open_run(run).encode(TEXTS, system)
    assert_allclose(np.array(embeddings.embed_documents(TEXTS)), expected, atol=1e-6)
    assert_allclose(np.array(embeddings.embed_query(TEXTS[0])), expected[0], atol=1e-6)
