import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tokir.config import RetrievalSettings, TokenizerSettings
from tokir.encoders.trained import encoder_of
from tokir.errors import TokirError
from tokir.models import build_retriever
from tokir.models.embedding import Bags, HashedEmbedding, counted, unit_rows
from tokir.tokenizers import train_tokenizer

CHARACTERS = TokenizerSettings(type="character", vocabulary_size=100, hashed=True)


@pytest.fixture
def tokenizer():
    return train_tokenizer([], CHARACTERS)


def build(architecture, tokenizer):
    torch.manual_seed(0)
    settings = RetrievalSettings(dimensions=64)
    return build_retriever(
        architecture, tokenizer.vocabulary_size, settings, 64, width=64, buckets=CHARACTERS.buckets
    )


def test_rows_of_zeros_have_gradients_no_larger_than_others():
    vectors = torch.randn(5, 8)
    vectors[2] = 0
    vectors.requires_grad_()
    unit = unit_rows(vectors)
    assert torch.equal(unit, torch.nn.functional.normalize(vectors, dim=1))
    (unit @ torch.randn(8, 3)).square().sum().backward()
    unit_rows(vectors).sum().backward()
    assert vectors.grad[2].norm() <= 10


def test_characters_have_vectors_of_their_own_though_none_has_a_row_of_its_own():
    torch.manual_seed(0)
    table = HashedEmbedding(100, 64)
    torch.nn.init.normal_(table.weight)
    ids = torch.tensor([ord(c) for c in "abcdefghijklmnopqrstuvwxyz語é"])
    vectors = table(ids)
    assert vectors.shape == (28, 64) and table.rows(ids).max() < 800
    assert len({tuple(vector.tolist()) for vector in vectors}) == 28
    every = HashedEmbedding(2000, 256).rows(torch.arange(0x110000))
    assert len(torch.unique(every, dim=0)) == 0x110000  # all of Unicode


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=6), st.sampled_from([10, 1000]))
def test_sums_and_their_gradients_are_those_of_the_tokens_one_by_one(texts, rows):
    torch.manual_seed(0)
    table, weights = torch.randn(rows, 4, requires_grad=True), torch.rand(rows, requires_grad=True)
    tokens = torch.tensor([i for text in texts for i in text], dtype=torch.long)
    bags = Bags.of(tokens, torch.tensor([len(text) for text in texts]), rows)
    chosen = slice(None) if bags.ids is None else bags.ids
    found = bags.sums(table[chosen], weights[chosen])
    parts = [torch.tensor(text, dtype=torch.long) for text in texts]
    expected = torch.stack([(table[ids] * weights[ids, None]).sum(0) for ids in parts])
    torch.testing.assert_close(found, expected)
    slopes = torch.randn(len(texts), 4)
    gradients = [torch.autograd.grad((sums * slopes).sum(), (table, weights)) for sums in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_counts_times_the_table_are_the_sums_of_tokens_looked_up(monkeypatch):
    torch.manual_seed(0)
    model = build_retriever("static", 30, RetrievalSettings(dimensions=16), 64)
    model.start_weights(torch.rand(30) + 0.1, torch.ones(30))
    lengths = torch.tensor([5, 0, 200, 1])
    tokens = torch.randint(30, (int(lengths.sum()),))
    assert counted(tokens, lengths, 30)[1].sum() == 0 and counted(tokens, lengths, 30).sum() == 206
    found = {}
    for pays in (True, False):
        monkeypatch.setattr("tokir.models.retriever.counts_pay", lambda *sizes, pays=pays: pays)
        vectors = model(tokens, lengths)
        model.zero_grad()
        (vectors * torch.arange(16)).sum().backward()
        found[pays] = vectors, model.embedding.weight.grad.clone(), model.log_weight.grad.clone()
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("architecture", ["static", "lstm", "transformer", "convolution"])
def test_a_hashed_model_embeds_any_character_and_its_encoder_agrees_with_it(architecture, tokenizer):
    model = build(architecture, tokenizer).eval()
    assert model.num_parameters() < 500_000
    idf = torch.full((tokenizer.vocabulary_size,), 5.0)
    idf[ord("e")], seen = 0.5, torch.zeros(tokenizer.vocabulary_size, dtype=torch.bool)
    seen[[ord(c) for c in "abcde"]] = True
    model.start_weights(idf, seen)
    weights = model.token_weights
    assert weights.shape == (tokenizer.vocabulary_size,) and weights[ord("e")] < weights[ord("a")]
    texts = ["painted it", "語 é"]
    tokens = tokenizer.encode(texts)
    encoder = encoder_of(model, tokenizer, 64)
    vectors = encoder.embed([*tokens, []])
    assert vectors.shape == (3, 64) and not vectors[2].any()
    with torch.no_grad():
        direct = model(
            torch.tensor([i for ids in tokens for i in ids]), torch.tensor([len(ids) for ids in tokens])
        ).numpy()
    np.testing.assert_allclose(vectors[:2] / np.linalg.norm(vectors[:2], axis=1, keepdims=True), direct, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"architectures": ["lstm"]}, "no list of characters that a language model could predict"),
        ({"poolings": ["learned", "maxsim"]}, "no table of vectors for late interaction"),
        ({"retrieval": {"interaction": "late"}}, "see retrieval.interaction"),
        ({"retrieval": {"dimensions": 100}}, "multiple of 8 dimensions"),
        ({"tokenizers": [{"type": "byte", "hashed": True}]}, "hashed is for the type character"),
    ],
)
def test_what_hashed_characters_cannot_give_is_said(changed, words):
    from tokir.config import check_config
    from tokir.systems import model_points

    values = {"tokenizers": [{"type": "character", "hashed": True}], "architectures": ["static"]}
    assert len(model_points(check_config(values))) == 1
    with pytest.raises(TokirError, match=words):
        model_points(check_config(values | changed))


def test_tokenizers_are_compared_alone_whatever_their_models_could_not_have(tmp_path):
    from tokir import Study, load_config

    hashed = "tokenizers=[{type: character, hashed: true}, {type: byte}]"
    study = Study(load_config("tokenizers", [hashed]), tmp_path)
    assert [row.id for row in study.compare_tokenizers().tokenizers] == ["character-2k-hashed", "byte"]
    with pytest.raises(TokirError, match="leave lm out of the objectives"):
        study.run()
