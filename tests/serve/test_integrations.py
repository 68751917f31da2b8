"""Other libraries' clients of OpenAI's API, against a server at loopback."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from serve.conftest import LSTM, STATIC
from tokir import open_run

TEXTS = ["history of anarchism", "naïve 東京 <|endoftext|>"]


pytestmark = pytest.mark.parametrize("system", [STATIC, LSTM])


def test_langchain_gets_the_vectors_of_the_run(address, run, system):
    library = pytest.importorskip("langchain_openai")
    embeddings = library.OpenAIEmbeddings(
        model=system, base_url=f"{address}/v1", api_key="none", check_embedding_ctx_length=False
    )
    expected = open_run(run).encode(TEXTS, system)
    assert_allclose(np.array(embeddings.embed_documents(TEXTS)), expected, atol=1e-6)
    assert_allclose(np.array(embeddings.embed_query(TEXTS[0])), expected[0], atol=1e-6)


def test_llamaindex_gets_the_vectors_of_the_run(address, run, system):
    library = pytest.importorskip("llama_index.embeddings.openai_like")
    embeddings = library.OpenAILikeEmbedding(model_name=system, api_base=f"{address}/v1", api_key="none")
    expected = open_run(run).encode(TEXTS, system)
    assert_allclose(np.array(embeddings.get_text_embedding_batch(TEXTS)), expected, atol=1e-6)
    assert_allclose(np.array(embeddings.get_query_embedding(TEXTS[0])), expected[0], atol=1e-6)


def test_haystack_gets_the_vectors_of_the_run(address, run, system):
    library = pytest.importorskip("haystack.components.embedders")
    haystack = pytest.importorskip("haystack")
    settings = {
        "model": system,
        "api_base_url": f"{address}/v1",
        "api_key": haystack.utils.Secret.from_token("none"),
    }
    expected = open_run(run).encode(TEXTS, system)
    embedded = library.OpenAIDocumentEmbedder(**settings).run(
        documents=[haystack.Document(content=t) for t in TEXTS]
    )
    assert_allclose(np.array([document.embedding for document in embedded["documents"]]), expected, atol=1e-6)
    query = library.OpenAITextEmbedder(**settings).run(text=TEXTS[0])["embedding"]
    assert_allclose(np.array(query), expected[0], atol=1e-6)
