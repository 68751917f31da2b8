import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from tokir.config import RetrievalSettings, TrainingSettings
from tokir.encoders import store
from tokir.encoders.trained import TrainedEncoder, encoder_of
from tokir.models import build_language_model, build_retriever
from tokir.progress import Silent


@pytest.fixture(params=["lstm", "transformer"])
def encoder(request, tokenizer):
    torch.manual_seed(0)
    return TrainedEncoder(
        build_language_model(request.param, 600, TrainingSettings(sequence_length=64)), tokenizer, 64
    )


def test_a_long_text_is_read_whole_in_windows_weighted_by_tokens(encoder, passages):
    text = " ".join(passages[:3])
    [ids] = encoder.tokenize([text])
    assert len(ids) > 3 * 64
    with torch.no_grad():
        windows = [encoder.model.states(torch.tensor([ids[i : i + 64]]))[0] for i in range(0, len(ids), 64)]
    assert_allclose(encoder.embed([ids])[0], torch.cat(windows).mean(0).numpy(), atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch(encoder, passages):
    texts = [passages[0], "", passages[1], "a", *passages[2:40]]
    together = encoder.embed(encoder.tokenize(texts))
    for index in (0, 1, 3, 20):
        assert_allclose(together[index], encoder.embed(encoder.tokenize([texts[index]]))[0], atol=1e-5)
    assert not together[1].any()


def test_the_vectors_of_every_device_are_those_of_the_processor(encoder, passages, device):
    tokens = encoder.tokenize(passages[:30])
    expected = encoder.embed(tokens)
    encoder.model.to(device)
    assert_allclose(encoder.embed(tokens), expected, atol=1e-5)


@pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bf16")
@pytest.mark.parametrize("architecture", ["convolution", "lstm", "transformer"])
def test_bf16_embeds_nearly_alike(architecture, tokenizer, passages):
    torch.manual_seed(0)
    encoder = encoder_of(build_retriever(architecture, 600, RetrievalSettings(), 64), tokenizer, 64)
    tokens = encoder.tokenize(passages[:60])  # several batches
    exact = encoder.embed(tokens)
    encoder.round()
    with torch.autocast("cpu", torch.bfloat16):
        fast = encoder.embed(tokens)
    assert fast.dtype == np.float32
    cosines = (fast * exact).sum(1) / np.linalg.norm(fast, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosines.min() > 0.999 and cosines.max() < 0.9999999


class Corpus:
    def __init__(self, texts):
        self.texts, self.reads = texts, 0

    def __len__(self):
        return len(self.texts)

    def passages(self, start, stop):
        self.reads += 1
        if self.reads == 3:
            raise KeyboardInterrupt
        return self.texts[start:stop]


def test_a_stopped_embedding_resumes_and_gives_the_same_bytes(encoder, passages, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BLOCK", 20)
    monkeypatch.setattr(store, "SECONDS_BETWEEN_NOTES", 0)
    corpus = Corpus(passages[:70])
    with pytest.raises(KeyboardInterrupt):
        store.embed_corpus(encoder, corpus, tmp_path / "a.npy", "key", "", Silent())
    store.embed_corpus(encoder, corpus, tmp_path / "a.npy", "key", "", Silent())
    assert corpus.reads == 5  # two blocks before the stop, one lost, two more after it
    corpus.reads = 10
    store.embed_corpus(encoder, corpus, tmp_path / "b.npy", "key", "", Silent())
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    vectors = store.read_embeddings(tmp_path / "a.npy")
    assert vectors.shape == (70, 256) and vectors.dtype == np.float32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_a_part_of_other_inputs_is_not_resumed(encoder, passages, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BLOCK", 20)
    corpus = Corpus(passages[:70])
    with pytest.raises(KeyboardInterrupt):
        store.embed_corpus(encoder, corpus, tmp_path / "a.npy", "one", "", Silent())
    store.embed_corpus(encoder, corpus, tmp_path / "a.npy", "other", "", Silent())
    assert corpus.reads == 7
