"""Queries trained alone, in the space of a teacher whose passage vectors stay as they are; how taught models begin."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tokir.config import ArchitectureSettings, Objective, RetrievalSettings, StudyConfig
from tokir.errors import Unavailable
from tokir.models import build_retriever
from tokir.progress import Silent
from tokir.retrieval.index import normalize
from tokir.training import loop
from tokir.training.closed_form import PENALTY, token_table
from tokir.training.distillation import TaughtPairs, taught_pairs
from tokir.training.pairs import TokenisedPassages
from tokir.training.query_distillation import TaughtTexts, passage_texts
from tokir.training.retrieval import RetrievalObjective, ValidationPool, embed_tokens
from tokir.training.sources import SourceInputs, TeacherVectors
from tokir.training.texts import Texts

WIDTH = 48


@pytest.fixture(scope="module")
def taught(wiki, tokenizer):
    """Passages, texts that ask for them, and a teacher that is a random bag of tokens."""
    records = [wiki.corpus.record(index * 28) for index in range(200)]
    passages = TokenisedPassages(tokenizer, [r.title for r in records], [r.text for r in records])
    table = np.random.default_rng(5).normal(size=(tokenizer.vocabulary_size, WIDTH)).astype(np.float32)

    def vectors(texts):
        return normalize(np.array([table[ids].sum(0) for ids in tokenizer.encode(texts)]))

    asked = [" ".join(r.text.split()[:12]) for r in records]
    return passages, asked, vectors(asked), vectors([f"{r.title} {r.text}" for r in records])


def encoded(tokenizer):
    return lambda texts: Texts.of(tokenizer.encode(texts))


@pytest.mark.parametrize("ranked", [1000, 60])
def test_a_batch_ranks_all_passages_or_the_own_the_near_and_some_others(taught, tokenizer, ranked):
    _, asked, queries, passages = taught
    owners = [[i, (i + 1) % 200] for i in range(200)]
    itself = [(i + 2) % 200 if i % 2 else None for i in range(200)]
    source = TaughtTexts(asked, owners, (queries, passages), encoded(tokenizer), ranked=ranked, itself=itself)
    pairs = source.draw(np.random.default_rng(0), 16)
    right = [int(np.argmax(row @ passages.T)) for row in pairs.right]
    assert len(pairs.left) == 16
    assert len(right) <= ranked if ranked < 200 else set(right) == set(range(200))
    drawn = [int(np.argmin(np.abs(queries @ pairs.right.T - row).sum(1))) for row in pairs.teacher]
    for row, asking in enumerate(drawn):
        place = pairs.places[row]
        assert right[place] in owners[asking] and not pairs.not_negative[row, place]
        marked = {right[column] for column in np.flatnonzero(pairs.not_negative[row])}
        assert (({*owners[asking], itself[asking]}) & set(right)) - {right[place]} == marked
        nearest = int(np.argmax(queries[asking] @ passages.T))
        assert nearest in right


def test_a_share_of_the_texts_is_misspelt_towards_the_vector_of_the_right_one(taught, tokenizer):
    _, asked, queries, passages = taught
    made = []

    def perturb(text, rng):
        made.append(text)
        return "zzz"

    own = [[i] for i in range(200)]
    source = TaughtTexts(asked, own, (queries, passages), encoded(tokenizer), perturb, 0.5)
    pairs = source.draw(np.random.default_rng(1), 100)
    wrong = encoded(tokenizer)(["zzz"])[0]
    misspelt = [row for row, ids in enumerate(pairs.left) if np.array_equal(ids, wrong)]
    assert 30 < len(misspelt) < 70 and len(made) == len(misspelt)
    wanted = [np.abs(queries @ passages.T - pairs.teacher[row]).sum(1) for row in misspelt]
    assert [asked[int(np.argmin(apart))] for apart in wanted] == made


def test_half_of_the_batches_are_parts_of_passages_which_take_their_passages_vector(taught, tokenizer, wiki):
    passages, _, _, vectors = taught
    records = [wiki.corpus.record(index * 28) for index in range(200)]
    read = np.random.default_rng(2).normal(size=(16 * 200, WIDTH)).astype(np.float32)
    source = passage_texts(
        SourceInputs(
            passages,
            lambda: ([r.title for r in records], [r.text for r in records]),
            encoded(tokenizer),
            RetrievalSettings(query_tokens=(2, 20), passage_tokens=(30, 60)),
            seed=0,
            teacher=TeacherVectors(lambda name, texts: normalize(read)[: len(texts)], lambda: vectors),
        )
    )
    parts = 0
    for number in range(40):
        pairs = source.draw(np.random.default_rng(number), 8)
        own = np.isclose(pairs.teacher[np.arange(8), pairs.places], 1.0)
        assert own.all() or not own.any()
        parts += own.all()
        if own.all():
            texts = encoded(tokenizer)([f"{r.title} {r.text}" for r in records])
            for ids, place in zip(pairs.left, pairs.places, strict=True):
                of = texts[place]
                assert len(ids) == min(len(of), len(ids)) <= 30
                assert any(np.array_equal(of[i : i + len(ids)], ids) for i in range(len(of)))
    assert 8 < parts < 32


def test_a_small_model_learns_to_ask_in_the_teachers_space(taught, tokenizer, tmp_path, device):
    passages, asked, queries, vectors = taught
    settings = RetrievalSettings(validations=2, dimensions=WIDTH, token_dropout=0.0)
    own = [[i] for i in range(200)]
    source = TaughtTexts(asked, own, (queries, vectors), encoded(tokenizer))
    tokens = encoded(tokenizer)(asked)
    asked_again = ValidationPool(
        tokens.take(np.arange(140, 200)), [{i} for i in range(140, 200)], list(range(200))
    )
    objective = RetrievalObjective(
        passages,
        [(source, 1.0)],
        asked_again,
        settings,
        ArchitectureSettings(steps=60, batch_size=64),
        False,
        10**9,
        0.3,
        vectors,
    )

    def build():
        model = build_retriever("static", tokenizer.vocabulary_size, settings, 64)
        objective.prepare(model)
        return model

    torch.manual_seed(0)
    untrained = build_retriever("static", tokenizer.vocabulary_size, settings, 64)
    before, begun = (objective.validate(model)["recall@10"] for model in (untrained, build()))
    about = {"architecture": "static", "objective": "query-distillation"}
    loop.train(
        build, objective, settings, tmp_path, about=about, seed=0, device=device, progress=Silent(), inputs={}
    )
    model = build()
    from safetensors.torch import load_file

    model.load_state_dict(load_file(tmp_path / "best.safetensors"))
    after = objective.validate(model)["recall@10"]
    assert before < 0.2 < 0.5 < begun <= after


@pytest.mark.parametrize(("dimensions", "solved"), [(WIDTH, True), (WIDTH // 2, True), (2 * WIDTH, False)])
def test_a_distilled_static_model_begins_near_its_teacher_unless_it_is_wider(
    taught, tokenizer, dimensions, solved
):
    passages, asked, queries, vectors = taught
    settings = RetrievalSettings(dimensions=dimensions)
    tokens = encoded(tokenizer)(asked)
    source = TaughtPairs(passages, tokens, list(range(200)), (20, 60), (queries, vectors), 8, 0.0, (8, 40))
    pool = ValidationPool(tokens.take(np.arange(100)), [{i} for i in range(100)], list(range(200)))
    own = ArchitectureSettings(steps=1, batch_size=16)

    def begun(objective):
        model = build_retriever("static", tokenizer.vocabulary_size, settings, 64)
        objective.prepare(model)
        return model, objective.parameter_groups(model)[0]["peak"]

    def objective(settings=settings, source=source, alone=False):
        return RetrievalObjective(passages, [(source, 1.0)], pool, settings, own, False, 10**9, alone=alone)

    model, peak = begun(objective())
    assert peak == (settings.trained_token_learning_rate if solved else settings.token_learning_rate)
    if solved:
        texts = Texts.of([passages.whole(index) for index in range(200)])
        own_vectors = embed_tokens(model, texts).detach().numpy()
        assert np.corrcoef((own_vectors @ own_vectors.T).ravel(), (vectors @ vectors.T).ravel())[0, 1] > 0.75
    late = settings.model_copy(update={"interaction": "late"})
    for other in (objective(late), objective(source=NoTeacher()), objective(alone=True)):
        assert begun(other)[1] == settings.token_learning_rate


class NoTeacher:
    """A source of pairs that no teacher has seen."""

    def draw(self, rng, count):
        raise NotImplementedError


def test_the_first_table_is_the_solution_of_the_normal_equations():
    rng = np.random.default_rng(4)
    texts = Texts.of([rng.integers(0, 9, size=rng.integers(0, 7)) for _ in range(60)])
    targets, weights = normalize(rng.normal(size=(60, 5)).astype(np.float32)), rng.random(11) + 0.5
    counts = np.array([np.bincount(ids, minlength=11) * weights for ids in texts])
    counts /= np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
    wanted = np.linalg.solve(counts.T @ counts + PENALTY * np.eye(11), counts.T @ targets)
    rows = np.arange(60)
    parts = [(texts.take(some), targets[some]) for some in (rows[:20], rows[20:20], rows[20:])]
    found = token_table(parts, weights, 5)
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert not found[9:].any()
    # A narrower one is fitted to the directions in which the targets lie most.
    values, axes = np.linalg.eigh(targets.T @ targets)
    kept = normalize(targets @ axes[:, np.argsort(-values)[:3]].astype(np.float32))
    narrow = token_table(parts, weights, 3)
    wanted = np.linalg.solve(counts.T @ counts + PENALTY * np.eye(11), counts.T @ kept)
    np.testing.assert_allclose(narrow @ narrow.T, wanted @ wanted.T, atol=2e-3)  # axes have no sign


def test_a_static_model_is_scored_in_fp32_whatever_the_precision(taught, tokenizer):
    passages, asked, queries, vectors = taught
    source = TaughtTexts(asked, [[i] for i in range(200)], (queries, vectors), encoded(tokenizer))
    settings = RetrievalSettings(dimensions=WIDTH)
    pool = ValidationPool(Texts.of([]), [], [])
    own = ArchitectureSettings(steps=1, batch_size=16)
    objective = RetrievalObjective(passages, [(source, 1.0)], pool, settings, own, False, 10**9, 0.3, vectors)
    model = build_retriever("static", tokenizer.vocabulary_size, settings, 64)
    few = build_retriever("static", 50, settings, 64)  # a matrix of counts pays
    text = torch.arange(50).repeat(8), torch.tensor([200, 200])
    losses, found = [], []
    for bf16 in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            losses.append(objective.loss(model, np.array([0, 0])))
            found.append(few(*text))
    assert torch.equal(*losses) and torch.equal(*found)


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("query-distillation+contrastive", "summed with queries or with nothing"),
        ("contrastive-then-query-distillation", "by itself, or after lm"),
        ("query-distillation-then-contrastive", "nothing comes after it"),
    ],
)
def test_what_would_change_the_passages_is_refused(objective, words):
    with pytest.raises(ValueError, match=words):
        Objective.parse(objective)


def test_an_objective_without_its_teacher_is_none_at_all():
    assert Objective.parse("query-distillation+queries").without({"query-distillation"}) is None
    assert str(Objective.parse("query-distillation+queries").without({"queries"})) == "query-distillation"
    with pytest.raises(ValidationError, match="unknown perturbation 'typo'"):
        StudyConfig.model_validate({"retrieval": {"perturbations": ["typo"]}})


@pytest.mark.parametrize("texts_of", [passage_texts, taught_pairs])
def test_passages_of_titles_alone_have_nothing_to_distil(texts_of):
    inputs = SimpleNamespace(
        settings=RetrievalSettings(), teacher=object(), texts=lambda: (["one", "other"], ["", " "]), seed=0
    )
    with pytest.raises(Unavailable, match="no passage has a text"):
        texts_of(inputs)
