import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from tokir.training.cross_entropy import CELLS, cross_entropy
from tokir.training.losses import Targets, batch_loss

NONE = torch.zeros(2, 0, dtype=torch.long)


def contrastive(scores, not_negative, places=None):
    """The definition: cross-entropy of the right texts among all, and of the left texts among the right ones."""
    left = len(scores)
    places = torch.arange(left) if places is None else places
    found = functional.cross_entropy(scores.masked_fill(not_negative, -torch.inf), places)
    same = (places[:, None] == places) & ~torch.eye(left, dtype=torch.bool)
    back = scores[:, places].masked_fill(not_negative[:, places] | same, -torch.inf).T
    return (found + functional.cross_entropy(back, torch.arange(left))) / 2


def divergence(scores, teacher, dim):
    """The definition: the mean of the Kullback-Leibler divergences along ``dim``."""
    wanted = torch.log_softmax(teacher, dim)
    apart = functional.kl_div(torch.log_softmax(scores, dim), wanted, reduction="sum", log_target=True)
    return apart / scores.shape[1 - dim]


def cells(marks):
    return torch.stack(torch.where(marks))


@pytest.mark.parametrize("kind", ["found", "taught", "fixed"])
@given(left=st.integers(1, 5), more=st.integers(0, 4), scale=st.sampled_from([1.0, 20.0]), seed=st.integers(0, 99))
def test_value_and_gradient_are_those_of_the_definitions(kind, left, more, scale, seed):
    torch.manual_seed(seed)
    scores = (scale * torch.randn(left, left + more, dtype=torch.float64)).requires_grad_()
    teacher = 10 * torch.randn_like(scores)
    marks = torch.rand(scores.shape) < 0.3
    rows = torch.arange(left)
    places = torch.randint(left + more, (left,)) if kind == "fixed" else rows
    marks[rows, places] = False
    same = (places[:, None] == places) & ~torch.eye(left, dtype=torch.bool)
    back = marks[:, places] | same
    if kind == "found":
        targets, expected = Targets(cells(marks), cells(back)), contrastive(scores, marks)
    elif kind == "taught":
        targets = Targets(cells(marks), cells(back), None, 0.3, teacher)
        follow = (divergence(scores, teacher, 1) + divergence(scores, teacher, 0)) / 2
        expected = follow + 0.3 * contrastive(scores, marks)
    else:
        targets = Targets(cells(marks), cells(back), places, 0.3, teacher)
        expected = divergence(scores, teacher, 1) + 0.3 * contrastive(scores, marks, places)
    found = batch_loss(scores, targets)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(2 * loss, scores)[0] for loss in (found, expected)))


def test_what_is_not_negative_is_ignored_and_hard_negatives_count():
    scores = torch.tensor([[2.0, 9.0, 1.0], [0.0, 3.0, 1.5]])  # two pairs and one hard negative
    marked = torch.tensor([[0], [1]])
    rows = [-math.log(math.exp(2) / (math.exp(2) + math.exp(1)))]
    rows.append(-math.log(math.exp(3) / (math.exp(0) + math.exp(3) + math.exp(1.5))))
    columns = [-math.log(math.exp(2) / (math.exp(2) + math.exp(0))), 0.0]
    expected = (sum(rows) / 2 + sum(columns) / 2) / 2
    assert batch_loss(scores, Targets(marked, marked)).item() == pytest.approx(expected, rel=1e-5)


def test_following_a_teacher_costs_nothing_exactly_when_the_rankings_agree():
    torch.manual_seed(0)
    teacher = torch.randn(4, 4)

    def loss(scores):
        return batch_loss(scores, Targets(NONE, NONE, None, 0.0, teacher)).item()

    assert loss(teacher) == pytest.approx(0, abs=1e-6)
    assert loss(teacher + 1.0) == pytest.approx(0, abs=1e-6)  # a softmax's freedom
    assert loss(-teacher) > 0.1


@pytest.mark.parametrize("cells", [7, 2**18])
def test_the_cross_entropy_of_logits_is_torchs_whatever_is_computed_at_once(monkeypatch, cells):
    monkeypatch.setitem(CELLS, "cpu", cells)
    torch.manual_seed(0)
    logits, targets = (9 * torch.randn(50, 3)).requires_grad_(), torch.randint(3, (50,))
    losses = cross_entropy(logits, targets), functional.cross_entropy(logits, targets)
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*(torch.autograd.grad(3 * loss, logits)[0] for loss in losses))
    rounded = logits.detach().bfloat16().requires_grad_()
    loss = cross_entropy(rounded, targets)
    torch.testing.assert_close(loss, functional.cross_entropy(rounded.float(), targets))
    assert torch.autograd.grad(loss, rounded)[0].dtype == torch.bfloat16
