import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tokir.config import RetrievalSettings
from tokir.models import build_retriever
from tokir.retrieval.best_cosines import distinct_tokens
from tokir.retrieval.maxsim import MaxSimIndex, TokenVectors
from tokir.training.late import late_scores
from tokir.training.texts import Texts

SETTINGS = RetrievalSettings(dimensions=8, interaction="late")
texts = st.lists(st.lists(st.integers(0, 19), max_size=6), min_size=1, max_size=6)


def model(entries=20, dimensions=8, dtype=torch.float32):
    torch.manual_seed(0)
    made = build_retriever("static", entries, SETTINGS.model_copy(update={"dimensions": dimensions}), 64)
    made.start_weights(torch.rand(entries) + 0.5, torch.ones(entries, dtype=torch.bool))
    return made.to(dtype)


def arrays(rows):
    return Texts.of(rows)


def plain(made, left, right):
    """The definition, text by text and token by token."""
    unit = torch.nn.functional.normalize(made.embedding.weight, dim=1)
    weights = made.token_weights * made.embedding.weight.norm(dim=1)
    rows = []
    for query in left:
        row = []
        for passage in right:
            best = [(unit[q] @ unit[passage].T).max() * weights[q] for q in query] if len(passage) else []
            row.append(sum(best) / weights[query].sum() if best else 0 * made.log_scale)
        rows.append(torch.stack(row))
    return torch.stack(rows)


@given(left=texts, right=texts)
def test_scores_and_gradients_are_those_of_the_definition(left, right):
    found, wanted = model(dtype=torch.float64), model(dtype=torch.float64)
    left, right = arrays(left), arrays(right)
    scores = late_scores(found, left, right)
    expected = plain(wanted, left, right)
    torch.testing.assert_close(scores, expected.detach(), atol=1e-6, rtol=1e-5)
    assert scores.abs().max() <= 1 + 1e-6
    slope = torch.arange(scores.numel(), dtype=scores.dtype).view(scores.shape).cos()
    ((scores * slope).sum() + 0 * found.log_scale).backward()
    ((expected * slope).sum() + 0 * wanted.embedding.weight.sum() + 0 * wanted.log_weight.sum()).backward()
    for one, two in ((found.embedding.weight, wanted.embedding.weight), (found.log_weight, wanted.log_weight)):
        torch.testing.assert_close(one.grad, two.grad, atol=1e-6, rtol=1e-4)


def test_an_index_ranks_as_the_training_scores(tmp_path):
    made, rng = model(), np.random.default_rng(1)
    passages = arrays(rng.integers(0, 20, size=(30, 5)))
    queries = arrays(rng.integers(0, 20, size=(4, 3)))
    with torch.no_grad():
        scores = late_scores(made, queries, passages).numpy()
        vectors = TokenVectors.of(made.embedding.weight.numpy(), made.token_weights.numpy())
    MaxSimIndex.build(tmp_path, vectors, *distinct_tokens(passages))
    index = MaxSimIndex.load(tmp_path, np.arange(30))
    for query, row in zip(queries, scores, strict=True):
        np.testing.assert_allclose(index.scores(query) / vectors.weights[query].sum(), row, atol=1 / 254 + 1e-5)


def test_large_batches_train_to_the_same_bits():
    """More than 32,768 tokens, which torch would sum in threads were they indexed as they come."""
    rng = np.random.default_rng(2)
    left, right = (arrays(rng.integers(0, 900, size=(200, size))) for size in (170, 200))
    gradients = []
    for _ in range(3):
        made = model(900, 16)
        late_scores(made, left, right).square().sum().backward()
        gradients.append([made.embedding.weight.grad, made.log_weight.grad])
    for other in gradients[1:]:
        assert all(torch.equal(one, two) for one, two in zip(gradients[0], other, strict=True))
