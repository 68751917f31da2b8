from dataclasses import replace

import numpy as np
import pytest
import torch
from test_losses import contrastive, divergence

from tokir.artifacts import file_digest
from tokir.config import ArchitectureSettings, Objective, RetrievalSettings
from tokir.models import build_retriever
from tokir.models.retriever import Retriever
from tokir.progress import Silent
from tokir.retrieval.index import normalize
from tokir.training import loop
from tokir.training.checkpoint import load_trained
from tokir.training.contrastive import OwnPairs
from tokir.training.distillation import TaughtPairs, query_like, taught_crops
from tokir.training.late import late_scores
from tokir.training.pairs import Pairs, TokenisedPassages
from tokir.training.queries import QueryPairs
from tokir.training.registry import OBJECTIVES, ObjectivePart
from tokir.training.retrieval import RetrievalObjective, ValidationPool, embed_tokens
from tokir.training.simcse import DropoutPairs
from tokir.training.sources import SourceInputs, TeacherVectors, TrainQueries, contrastive_weight, pair_sources
from tokir.training.texts import Texts
from tokir.words import characters

SETTINGS = RetrievalSettings(
    validations=2, warmup=0.1, passage_tokens=(20, 60), query_tokens=(4, 12), dimensions=64
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tokenised(wiki, tokenizer):
    records = [wiki.corpus.record(index * 28) for index in range(200)]  # from many articles
    return TokenisedPassages(tokenizer, [r.title for r in records], [r.text for r in records])


@pytest.fixture(scope="module")
def validation(tokenised):
    rng = np.random.default_rng(9)
    queries = tokenised.crops(np.arange(60), (3, 6), rng)
    return ValidationPool(queries, [{index} for index in range(60)], list(range(200)))


def objective(tokenised, validation, steps=60, source=None):
    source = source or OwnPairs(tokenised, "crop", SETTINGS.query_tokens, SETTINGS.passage_tokens)
    # The rate of every network here, since one objective trains each of them in turn.
    settings = ArchitectureSettings(retrieval_learning_rate=2e-3, steps=steps, batch_size=32)
    return RetrievalObjective(tokenised, [(source, 1.0)], validation, SETTINGS, settings, False, 64)


def train(what, folder, architecture, progress=None, device=CPU):
    def build():
        model = build_retriever(architecture, 600, SETTINGS, 64, width=64)
        what.prepare(model)
        return model

    loop.train(
        build,
        what,
        SETTINGS,
        folder,
        about={"architecture": architecture, "objective": "contrastive"},
        seed=1,
        device=device,
        progress=progress or Silent(),
        inputs={},
    )


@pytest.mark.parametrize("architecture", ["static", "lstm", "transformer", "convolution"])
def test_stopped_and_resumed_equals_unbroken_and_the_model_has_learned(
    tokenised, validation, tmp_path, architecture, device
):
    from test_loop import StopAt

    what = objective(tokenised, validation, 60 if architecture == "static" else 15)
    train(what, tmp_path / "unbroken", architecture, device=device)
    with pytest.raises(loop.Interrupted):
        train(what, tmp_path / "broken", architecture, StopAt(10), device)
    train(what, tmp_path / "broken", architecture, device=device)
    digests = [file_digest(tmp_path / name / "final.safetensors") for name in ("unbroken", "broken")]
    assert digests[0] == digests[1]
    if architecture == "static":
        torch.manual_seed(1)
        untrained = build_retriever(architecture, 600, SETTINGS, 64)
        trained = load_trained(tmp_path / "unbroken", "final", device)
        assert what.validate(trained)["mrr"] > what.validate(untrained)["mrr"]


def test_a_training_learns_to_rank_by_late_interaction_to_the_same_bits(tokenised, validation, tmp_path, device):
    what = objective(tokenised, validation)
    what.settings = what.settings.model_copy(update={"interaction": "late"})
    untrained = build_retriever("static", 600, what.settings, 64)
    what.prepare(untrained)
    for name in ("one", "two"):
        train(what, tmp_path / name, "static", device=device)
    digests = [file_digest(tmp_path / name / "final.safetensors") for name in ("one", "two")]
    assert digests[0] == digests[1]
    trained = load_trained(tmp_path / "one", "final", device)
    late = what.validate(trained)
    assert late["mrr"] > what.validate(untrained)["mrr"]
    what.settings = what.settings.model_copy(update={"interaction": "vector"})
    assert what.validate(trained)["mrr"] != pytest.approx(late["mrr"])
    train(what, tmp_path / "vector", "static", device=device)
    assert file_digest(tmp_path / "vector" / "final.safetensors") not in digests


@pytest.mark.parametrize("interaction", ["vector", "late"])
def test_the_loss_of_a_batch_is_that_of_its_interaction(tokenised, validation, interaction):
    what = objective(tokenised, validation)
    what.settings = SETTINGS.model_copy(update={"interaction": interaction, "token_dropout": 0.0})
    torch.manual_seed(0)
    model = build_retriever("static", 600, what.settings, 64)
    what.prepare(model)
    batch = np.array([0, 0])
    rng = np.random.default_rng(batch.tolist())
    rng.choice(1, p=[1.0])  # which source
    pairs = what._sources[0].draw(rng, 32)
    left, right = pairs.left.cut(64), pairs.right.cut(64)
    if interaction == "late":
        scores = late_scores(model, left, right)
    else:
        scores = embed_tokens(model, left) @ embed_tokens(model, right).T
    expected = contrastive(scores * model.log_scale.exp(), torch.from_numpy(pairs.not_negative))
    torch.testing.assert_close(what.loss(model, batch), expected)


@pytest.mark.parametrize("taught", ["", "both", "queries"])
def test_the_loss_of_first_dimensions_is_the_mean_of_the_losses_of_models_that_have_no_others(
    tokenised, validation, taught
):
    """A static model cut to its first dimensions is a static model; its teacher is not cut where it only ranks."""
    rng = np.random.default_rng(0)
    left, right = (normalize(rng.normal(size=(32, 64)).astype(np.float32)) for _ in range(2))

    class Drawn:
        def draw(self, rng, count):
            pairs = OwnPairs(tokenised, "crop", (4, 12), (20, 60)).draw(rng, 32)
            if not taught:
                return pairs
            if taught == "queries":
                return Pairs(pairs.left, right, pairs.not_negative, left @ right.T, np.arange(32))
            return Pairs(pairs.left, pairs.right, pairs.not_negative, left @ right.T)

    what = objective(tokenised, validation, source=Drawn())
    what.settings = SETTINGS.model_copy(update={"token_dropout": 0.0, "matryoshka": [16, 32]})
    torch.manual_seed(0)
    model = build_retriever("static", 600, what.settings, 64)
    what.prepare(model)
    losses = []
    for width in (16, 32, 64):
        cut = build_retriever("static", 600, what.settings.model_copy(update={"dimensions": width}), 64)
        cut.load_state_dict({**model.state_dict(), "embedding.weight": model.embedding.weight[:, :width]})
        alone = objective(tokenised, validation, source=Drawn())
        alone.settings = what.settings.model_copy(update={"matryoshka": []})
        if taught == "queries":  # the passages that are found are the teacher's own, cut alike
            scale, vectors = cut.log_scale.exp(), torch.from_numpy(normalize(right[:, :width]))
            pairs = Drawn().draw(after_choice(), 32)
            scores = embed_tokens(cut, pairs.left.cut(64)) @ vectors.T * scale
            wanted = torch.from_numpy(left @ right.T / np.float32(what.settings.teacher_temperature))
            found = contrastive(scores, torch.from_numpy(pairs.not_negative))
            losses.append(divergence(scores, wanted, 1) + found)
        else:
            losses.append(alone.loss(cut, np.array([0, 0])))
    torch.testing.assert_close(what.loss(model, np.array([0, 0])), torch.stack(losses).mean())


def after_choice():
    """The random numbers of a batch once its source is chosen."""
    rng = np.random.default_rng([0, 0])
    rng.choice(1, p=[1.0])
    return rng


@pytest.mark.parametrize("architecture", ["lstm", "transformer", "convolution"])
def test_a_network_starts_silent_and_a_vector_does_not_depend_on_its_batch(tokenised, architecture):
    torch.manual_seed(0)
    model = build_retriever(architecture, 600, SETTINGS, 64).eval()
    texts = Texts.of([*(tokenised.whole(index)[:64] for index in range(5)), []])
    with torch.no_grad():
        silent = embed_tokens(model, texts)
        table = model.embedding.weight * model.token_weights[:, None]
        assert torch.allclose(silent[0], torch.nn.functional.normalize(table[texts[0]].sum(0), dim=0), atol=1e-5)
        torch.nn.init.normal_(model.mix.weight)
        together, alone = embed_tokens(model, texts), embed_tokens(model, texts.take(np.array([2])))
    assert not torch.allclose(silent[0], together[0], atol=1e-2)
    assert torch.allclose(together[2], alone[0], atol=1e-5)
    assert not together[5].any()


def test_the_models_trained_for_retrieval_have_the_stated_sizes():
    sizes = {"static": 514_001, "lstm": 2_144_209, "transformer": 3_494_097}
    for architecture, parameters in sizes.items():
        model: Retriever = build_retriever(architecture, 2000, RetrievalSettings(), 128)
        assert model.num_parameters() == parameters <= 3_500_000


def test_own_pairs_come_from_one_passage(tokenised):
    rng = np.random.default_rng(0)
    for kind in ("crop", "cloze", "title"):
        pairs = OwnPairs(tokenised, kind, (4, 12), (20, 60)).draw(rng, 50)
        assert len(pairs.left) == len(pairs.right) == 50 and not pairs.not_negative.diagonal().any()
    titles = tokenised.title_of
    source = OwnPairs(tokenised, "title", (4, 12), (20, 60))
    pairs = source.draw(np.random.default_rng(0), 200)
    same_title = np.array([[np.array_equal(a, b) for b in pairs.left] for a in pairs.left])
    np.fill_diagonal(same_title, False)
    assert np.array_equal(pairs.not_negative, same_title) and len(np.unique(titles)) < 110


def test_query_pairs_mask_every_relevant_passage_and_append_hard_negatives(tokenised, tokenizer):
    queries = Texts.of(tokenizer.encode(["one query", "another", "third"]))
    relevant = [[0, 1], [2], [3, 0]]
    source = QueryPairs(tokenised, queries, relevant, (20, 60), negatives=[[5], [6], []])
    pairs = source.draw(np.random.default_rng(0), 10)
    assert len(pairs.left) == 3 and len(pairs.right) == 5
    assert pairs.not_negative.shape == (3, 5) and not pairs.not_negative[:, 3:].any()


def test_a_query_that_is_a_passage_is_not_trained_against_it(tokenised, tokenizer):
    queries = Texts.of(tokenizer.encode(["one", "two"]))
    pairs = QueryPairs(tokenised, queries, [[1], [0]], (20, 60), own=[0, None]).draw(np.random.default_rng(0), 2)
    # The first query is passage 0, which is relevant to the second.
    assert pairs.not_negative.any(axis=1).sum() == 1 and pairs.not_negative.sum() == 1


def test_crops_of_text_with_spaces_are_words_as_ever(wiki):
    records = [wiki.corpus.record(index) for index in range(0, len(wiki.corpus), 7)]
    crops, owners = query_like([r.title for r in records], [r.text for r in records], 3, 5)
    rng, number = np.random.default_rng(5), 0
    for index, record in enumerate(records):  # as they were drawn before scripts without spaces were told apart
        words = record.text.split()
        for each in range(3):
            size = min(int(rng.integers(2, 13)), len(words))
            start = int(rng.integers(0, len(words) - size + 1))
            part = " ".join(words[start : start + size])
            assert crops[number] == (f"{record.title} {part}" if record.title and each % 2 == 0 else part)
            assert owners[number] == index
            number += 1
    assert number == len(crops)


@pytest.mark.parametrize(
    "text",
    [
        "手塚治虫は、日本の漫画家、アニメーター、\nアニメ監督である。戦後日本においてストーリー漫画の第一人者として活躍した。"
        * 3,
        "พัทธ์ธีรา ศรุติพงศ์โภคิน (เกิด 3 ธันวาคม พ.ศ. 2533) หรือชื่อเล่นว่า อร เป็นนักแสดงหญิงชาวไทย สำเร็จมัธยมศึกษา" * 2,
    ],
)
def test_crops_of_scripts_without_spaces_are_as_short_as_queries(text):
    crops, owners = query_like([""], [text], 50, 0)
    lengths = [len(characters(crop)) for crop in crops]
    assert owners == [0] * 50 and max(lengths) <= 60 < len(text) / 2 and 10 < np.mean(lengths) < 35
    assert len(set(crops)) > 30 and all(crop in " ".join(text.split()) for crop in crops)


@pytest.mark.parametrize(
    ("count", "setting", "each"), [(100, None, 16), (3000, None, 8), (9000, None, 4), (9000, 1, 1)]
)
def test_the_teacher_reads_more_of_each_passage_where_there_are_few(
    tokenised, tokenizer, wiki, count, setting, each
):
    given = replace(
        inputs(tokenised, tokenizer, wiki),
        texts=lambda: ([""] * count, ["five words are in it"] * (count - 1) + [""]),
        settings=SETTINGS.model_copy(update={"teacher_texts": setting}),
    )
    crops, owners = taught_crops(given)
    assert len(crops) == each * (count - 1) and np.bincount(owners).tolist() == [each] * (count - 1)


def test_taught_pairs_share_their_passage_and_bring_its_teacher_vectors(tokenised, wiki, tokenizer):
    records = [wiki.corpus.record(index * 28) for index in range(200)]
    crops, owners = query_like([r.title for r in records], [r.text for r in records], 2, 0)
    assert crops == query_like([r.title for r in records], [r.text for r in records], 2, 0)[0]
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(n, 8)).astype(np.float32) for n in (len(crops), 200)]
    ids = Texts.of(tokenizer.encode(crops))
    source = TaughtPairs(tokenised, ids, owners, (20, 60), (vectors[0], vectors[1]), 8, 0.5, (8, 40))
    batches = [source.draw(rng, 64) for _ in range(40)]
    assert all(16 <= len(pairs.left) == len(pairs.right) <= 64 for pairs in batches)
    own = vectors[1] @ vectors[1].T
    of_passages = [
        np.isclose(np.diagonal(pairs.teacher)[:, None], np.diagonal(own)).any(1).all() for pairs in batches
    ]
    assert 8 < sum(of_passages) < 32  # parts of passages, as often as the teacher's crops
    part = batches[of_passages.index(True)]
    assert all(len(text) >= 8 for text in part.left)
    pairs = batches[of_passages.index(False)]
    titled = [np.flatnonzero([len(a) and np.array_equal(a, b) for b in ids]) for a in pairs.left]
    for row, found in enumerate(titled):
        of = {owners[index] for index in found}
        assert any(np.allclose(vectors[0][i] @ vectors[1][owners[i]], pairs.teacher[row, row]) for i in found)
        text = pairs.right[row]
        assert any(np.isin(text, tokenised.whole(owner)).all() for owner in of)


def test_dropout_pairs_are_equal_before_dropout(tokenised):
    pairs = DropoutPairs(tokenised, (20, 60)).draw(np.random.default_rng(0), 20)
    assert all(np.array_equal(a, b) for a, b in zip(pairs.left, pairs.right, strict=True))


def inputs(tokenised, tokenizer, wiki, **given):
    records = [wiki.corpus.record(index * 28) for index in range(200)]
    return SourceInputs(
        tokenised,
        lambda: ([r.title for r in records], [r.text for r in records]),
        lambda texts: Texts.of(tokenizer.encode(texts)),
        SETTINGS,
        0,
        **given,
    )


def test_own_parts_share_the_batches_that_train_queries_leave(tokenised, tokenizer, wiki):
    def vectors(n):
        return np.eye(n, 8, dtype=np.float32)

    given = {
        "train_queries": lambda: TrainQueries(["one", "two"], [[0, 3], [5]]),
        "hard_negatives": lambda queries: [[7], [8, 9]],
        "teacher": TeacherVectors(lambda name, texts: vectors(len(texts)), lambda: vectors(200)),
    }
    made = {
        text: [
            (type(source).__name__, share)
            for source, share in pair_sources(
                Objective.parse(text), inputs(tokenised, tokenizer, wiki, **(given if "queries" in text else {}))
            )
        ]
        for text in ("simcse+contrastive", "queries", "lm-then-queries+simcse", "contrastive+queries+distillation")
    }
    assert made == {
        "simcse+contrastive": [("OwnPairs", 0.5), ("DropoutPairs", 0.5)],
        "queries": [("QueryPairs", 0.25)],
        "lm-then-queries+simcse": [("DropoutPairs", 0.75), ("QueryPairs", 0.25)],
        "contrastive+queries+distillation": [("TaughtPairs", 0.75), ("QueryPairs", 0.25)],
    }
    weights = [
        contrastive_weight(Objective.parse(text), SETTINGS)
        for text in ("distillation", "queries+distillation", "contrastive+distillation")
    ]
    assert weights == [0.0, 0.0, SETTINGS.contrastive_weight]


CHANGED = {
    "pairs": "cloze", "titles": False, "query_tokens": (2, 5), "passage_tokens": (10, 15), "negatives": "bm25",
    "neighbours": 1, "perturbed_share": 0.9, "query_share": 0.6, "passage_parts": 0.0, "part_tokens": (30, 40),
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "contrastive", "queries", "simcse", "distillation", "contrastive+queries", "simcse+queries",
        "contrastive+distillation", "contrastive+queries+distillation", "query-distillation",
        "query-distillation+queries",
    ],
)  # fmt: skip
def test_batches_change_with_what_an_objective_is_said_to_read_and_with_nothing_else(
    text, tokenised, tokenizer, wiki
):
    what = Objective.parse(text)

    def vectors(n):
        return normalize(np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32))

    def batches(**changed):
        settings = SETTINGS.model_copy(update={"teacher_texts": 2, **changed})
        given = inputs(
            tokenised,
            tokenizer,
            wiki,
            train_queries=lambda: TrainQueries(["one", "two", "three", "four"], [[0, 3], [5], [9], [11]]),
            hard_negatives=lambda queries: None if settings.negatives == "batch" else [[7], [8], [21], [22]],
            teacher=TeacherVectors(lambda name, texts: vectors(len(texts)), lambda: vectors(200)),
            perturb=(lambda text, rng: "zzz") if settings.perturbed_share else None,
            queries_alone=what.queries_alone,
        )
        if "teacher" not in what.needs:
            given = replace(given, teacher=None)
        sources, shares = zip(*pair_sources(what, replace(given, settings=settings)), strict=True)
        for seed in range(12):
            rng = np.random.default_rng(seed)
            pairs = sources[int(rng.choice(len(sources), p=np.array(shares) / sum(shares)))].draw(rng, 16)
            for part in (pairs.left, pairs.right, pairs.not_negative, pairs.teacher, pairs.places):
                yield [np.asarray(row).tolist() for row in ([] if part is None else part)]

    usual = list(batches())
    for name, value in CHANGED.items():
        assert (list(batches(**{name: value})) != usual) == what.reads(name, network=False), name


def echo(given):
    """A part that is added from outside: every crop belongs to itself."""
    return DropoutPairs(given.passages, given.settings.query_tokens)


def test_a_part_added_from_outside_trains(tokenised, validation, tokenizer, wiki, tmp_path, monkeypatch):
    monkeypatch.setattr(OBJECTIVES, "_entries", dict(OBJECTIVES._entries))
    OBJECTIVES.add("echo", ObjectivePart(label="echoes", source=f"{__name__}:echo"))
    wanted = Objective.parse("contrastive+echo")
    assert wanted.label == "contrastive + echoes"
    sources = pair_sources(wanted, inputs(tokenised, tokenizer, wiki))
    assert [share for _, share in sources] == [0.5, 0.5]
    what = RetrievalObjective(
        tokenised,
        sources,
        validation,
        SETTINGS,
        ArchitectureSettings.of("static", steps=4, batch_size=8),
        False,
        64,
    )
    train(what, tmp_path / "echo", "static")
    assert (tmp_path / "echo" / "final.safetensors").exists()


def test_titles_are_numbered_and_one_long_title_costs_no_more_than_itself(tokenizer):
    titles = ["b", "a", "b", "", "x" * 100_000] + ["c"] * 20_000  # as a fixed-width array: 8 GB
    passages = TokenisedPassages(tokenizer, titles, ["t"] * len(titles))
    title_of = passages.title_of
    assert title_of[0] == title_of[2] and len(set(title_of.tolist())) == 5


def test_a_second_training_draws_batches_of_its_own(tokenizer, wiki):
    records = [wiki.corpus.record(index) for index in range(60)]
    passages = TokenisedPassages(tokenizer, [r.title for r in records], [r.text for r in records])
    source = OwnPairs(passages, "crop", (5, 9), (10, 20))
    pool = ValidationPool(passages.wholes(np.arange(2)), [{0}, {1}], [0, 1])
    settings = RetrievalSettings(), ArchitectureSettings.of("static"), False, 64
    stages = [RetrievalObjective(passages, [(source, 1.0)], pool, *settings, stage=stage) for stage in (0, 0, 1)]
    drawn = [objective._drawn(np.array([0, 7])).left.ids.tolist() for objective in stages]
    assert drawn[0] == drawn[1] != drawn[2]
