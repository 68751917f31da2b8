import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from command import tokir
from tokir import open_run
from tokir.config import RetrievalSettings, check_config
from tokir.errors import TokirError
from tokir.models import build_retriever
from tokir.models.convolution import GAIN, Convolution, ConvolutionConfig
from tokir.models.matching import count, matched_width
from tokir.systems import model_points
from tokir.training.retrieval import embed_tokens
from tokir.training.texts import Texts

BYTES = 257


def convolution(vocabulary=BYTES, width=16, window=5):
    network = ConvolutionConfig(vocabulary, 8, width, window).build()
    torch.nn.init.normal_(network.gate.weight, std=0.1)
    torch.nn.init.constant_(network.bias, -0.2)  # with few filters some are to answer
    return network.eval()


def plain(network: Convolution, tokens: torch.Tensor) -> torch.Tensor:
    """The same by torch's own convolution, of one text (time,)."""
    vectors = network.embedding(tokens).T[None]  # (1, embedding, time)
    left = network.config.window // 2
    padded = functional.pad(vectors, (left, network.config.window - 1 - left))
    matches = functional.conv1d(padded, network.filters.permute(2, 0, 1), network.bias)[0].T  # (time, width)
    states = functional.relu(matches)
    return states * torch.sigmoid(GAIN * network.gate(states))


@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=12), min_size=1, max_size=4),
    window=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_computing_each_window_once_is_an_ordinary_convolution_of_each_text(texts, window, seed):
    torch.manual_seed(seed)
    network = convolution(vocabulary=7, window=window)
    longest = max(map(len, texts)) + seed % 3
    mask = torch.arange(longest) < torch.tensor([[len(text)] for text in texts])
    tokens = torch.full(mask.shape, seed % 7)
    tokens[mask] = torch.tensor([token for text in texts for token in text])
    weights = torch.rand(mask.shape) * mask
    with torch.no_grad():
        states, pooled = network.states(tokens, mask), network.pooled(tokens, mask, weights)
        for row, text in enumerate(texts):
            expected = plain(network, torch.tensor(text))
            torch.testing.assert_close(states[row, : len(text)], expected)
            torch.testing.assert_close(pooled[row], weights[row, : len(text)] @ expected)


def test_gradients_are_those_of_an_ordinary_convolution():
    torch.manual_seed(0)
    network, tokens = convolution(), torch.randint(0, 40, (60,))
    target, weights = torch.randn(16), torch.rand(60)
    (network.pooled(tokens[None], torch.ones(1, 60, dtype=torch.bool), weights[None])[0] @ target).backward()
    found = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    network.zero_grad()
    (weights @ plain(network, tokens) @ target).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, msg=name)


def test_order_is_seen_and_a_vector_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    model = build_retriever("convolution", BYTES, RetrievalSettings(), 400).eval()
    model.start_alone()
    texts = Texts.of([b"listen to it", b"silent to it", b"", b"x" * 90])
    with torch.no_grad():
        together = embed_tokens(model, texts)
        alone = torch.cat([embed_tokens(model, texts.take(np.array([row]))) for row in range(2)])
    torch.testing.assert_close(together[:2], alone)
    assert not together[2].any() and together[0] @ together[1] < 0.9
    torch.testing.assert_close(together.norm(dim=1), torch.tensor([1.0, 1, 0, 1]))


def test_it_has_the_stated_size_and_any_other_by_its_width():
    def build(width, vocabulary=BYTES):
        return build_retriever("convolution", vocabulary, RetrievalSettings(), 400, width=width)

    model = build(256)
    assert model.network.num_parameters() == 361_601 and model.num_parameters() == 558_723
    width = matched_width(build, 256, 3_500_000, "total")
    assert width > 256 and count(lambda: build(width), "total") == pytest.approx(3_500_000, rel=0.05)


def test_over_letters_a_network_starts_by_itself_and_over_pieces_of_words_from_the_static_model():
    config = check_config(
        {
            "tokenizers": [{"type": "byte"}, {"type": "character", "vocabulary_size": 100}, {"type": "bpe"}],
            "architectures": ["convolution", "static"],
            "poolings": ["learned"],
        }
    )
    alone = {
        f"{p.tokenizer.type} {p.architecture}": (p.starts_alone, p.static is None) for p in model_points(config)
    }
    assert alone == {
        "byte convolution": (True, True),
        "byte static": (False, True),
        "character convolution": (True, True),
        "character static": (False, True),
        "bpe convolution": (False, False),
        "bpe static": (False, True),
    }
    with pytest.raises(TokirError, match="for retrieval alone"):
        check_config({"architectures": ["convolution"], "objectives": {"convolution": ["lm"]}})


def test_a_study_over_bytes_finds_by_spelling_what_a_bag_of_them_does_not(data, tmp_path):
    tokir(
        "run", "quickstart", "--data", data, "--out", tmp_path / "run", "--quiet",
        "--set", "tokenizers=[{type: byte, lowercase: true}]", "--set", "architectures=[convolution, static]",
        "--set", "budget.window=characters", "--set", "poolings=[learned]", "--set", "baselines=[]",
        "--set", "fusions=[]", "--set", "evaluation={bootstrap: 100, latency_queries: 2}",
        "--set", "models={convolution: {steps: 12, batch_size: 32}, static: {steps: 30, batch_size: 64}}",
    )  # fmt: skip
    run = open_run(tmp_path / "run")
    recall = {row.id: row.scores["recall@100"] for row in run.results.systems}
    network, bag = (f"byte-lower.{name}.contrastive+queries.learned.s0" for name in ("convolution", "static"))
    assert recall[network] > recall[bag] + 0.2
    assert [len(answer.hits) for answer in run.search("history of anarchism", top=3).values()] == [3, 3]
