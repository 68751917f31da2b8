import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from tokir.config import RetrievalSettings, TrainingSettings
from tokir.models import build_language_model, build_retriever
from tokir.models.whitening import Whitening
from tokir.retrieval.index import normalize

ARCHITECTURES = {"lstm": 2_078_672, "transformer": 3_428_560}


@pytest.mark.parametrize(("architecture", "parameters"), ARCHITECTURES.items())
def test_the_reference_models_have_the_reference_sizes(architecture, parameters):
    model = build_language_model(architecture, 2000, TrainingSettings())
    assert model.num_parameters() == parameters
    assert model(torch.zeros(2, 7, dtype=torch.long)).shape == (2, 7, 2000)
    assert model.states(torch.zeros(2, 7, dtype=torch.long)).shape == (2, 7, 256)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_state_sees_a_later_token(architecture):
    torch.manual_seed(0)
    model = build_language_model(architecture, 300, TrainingSettings()).eval()
    tokens = torch.randint(0, 300, (1, 20))
    changed = tokens.clone()
    changed[0, 12:] = (changed[0, 12:] + 1) % 300
    with torch.no_grad():
        a, b = model.states(tokens), model.states(changed)
    assert torch.allclose(a[:, :12], b[:, :12], atol=1e-6)
    assert not torch.allclose(a[:, 12:], b[:, 12:], atol=1e-3)


@pytest.mark.parametrize("causal", [True, False])
def test_a_transformer_sees_the_same_tokens_in_bf16(causal):
    """In training on a CPU it has an attention of its own there."""
    from tokir.models.transformer import TransformerConfig

    torch.manual_seed(0)
    model = TransformerConfig(300, dropout=0.0, causal=causal).build(predicts=False).train()
    tokens = torch.randint(0, 300, (2, 20))
    mask = torch.arange(20) < torch.tensor([[20], [12]])
    states = model.states(tokens, mask)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.states(tokens, mask)
        changed = model.states(tokens.where(mask, 7), mask)
    assert torch.allclose(rounded[mask], states[mask], atol=0.05)
    assert torch.allclose(changed[mask], rounded[mask], atol=1e-6)


def test_full_whitening_gives_unit_covariance_and_none_keeps_distances(tmp_path):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2000, 12)) @ rng.normal(size=(12, 12)) + 5).astype(np.float32)
    whitening = Whitening.fit([x[:700], x[700:]])
    assert_allclose(np.cov(whitening(x).T, bias=True), np.eye(12), atol=1e-2)
    centred = whitening.with_strength(0.0)(x)
    assert_allclose(np.linalg.norm(centred[0] - centred[1]), np.linalg.norm(x[0] - x[1]), rtol=1e-4)
    whitening.with_strength(0.5).save(tmp_path / "w.safetensors")
    assert np.array_equal(Whitening.load(tmp_path / "w.safetensors")(x), whitening.with_strength(0.5)(x))


def test_sums_are_whitened_by_their_directions_alone(tmp_path):
    """A query's sum is shorter than a passage's, and would be little but the mean's opposite."""
    x = np.random.default_rng(0).normal(loc=1, size=(300, 12)).astype(np.float32)
    Whitening.fit([x[:90], 4 * x[90:]], unit=True).save(tmp_path / "w.safetensors")
    whitening = Whitening.load(tmp_path / "w.safetensors")
    assert_allclose(whitening(x), whitening(x / 8), atol=1e-5)
    assert_allclose(whitening(x).mean(0), 0, atol=1e-5)
    assert_allclose(np.cov(whitening(x).T, bias=True), np.eye(12), atol=1e-2)


def test_a_vector_is_whitened_to_the_same_bits_whatever_is_whitened_beside_it():
    x = np.random.default_rng(0).normal(size=(300, 257)).astype(np.float32)
    whitening = Whitening.fit([x])
    whole = whitening(x)
    for size in (1, 2, 7, 64):
        assert all(
            np.array_equal(whitening(x[at : at + size]), whole[at : at + size]) for at in range(0, 300, size)
        )


def test_whitening_of_fewer_vectors_than_dimensions_stays_finite():
    x = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    assert np.isfinite(Whitening.fit([x])(x)).all()


def test_other_texts_keep_vectors_where_all_passages_are_the_same():
    x = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    with np.errstate(over="raise"):
        assert normalize(Whitening.fit([np.tile(x[0], (9, 1))])(x[1:])).any()


@pytest.mark.parametrize("architecture", ["static", "lstm", "transformer", "convolution"])
def test_texts_without_tokens_alone_in_a_batch_have_a_vector_too(architecture):
    model = build_retriever(architecture, 50, RetrievalSettings(), 32)
    none = model(torch.zeros(0, dtype=torch.long), torch.zeros(3, dtype=torch.long))
    assert none.shape == (3, 256) and torch.isfinite(none).all()


def test_gradients_of_token_weights_are_the_same_bits_every_time():
    """Of so many tokens torch sums an indexed gradient in threads, in an order of their own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(0)
        model = build_retriever("static", 500, RetrievalSettings(dimensions=8), 1)
        tokens, lengths = torch.randint(0, 500, (60_000,)), torch.full((600,), 100)
        target = torch.randn(600, 8)
        found = []
        for _ in range(4):
            model.zero_grad()
            (model(tokens, lengths) * target).sum().backward()
            found.append(model.log_weight.grad.clone())
        assert all(torch.equal(found[0], other) for other in found)
    finally:
        torch.set_num_threads(threads)
