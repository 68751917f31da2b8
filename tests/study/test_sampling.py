"""What is drawn out of a corpus: documents, passages, and what a training is validated on."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from command import tokir, words
from tokir.config import IndexForm, load_config
from tokir.data import load
from tokir.errors import TokirError, Unavailable
from tokir.evaluation import tuning
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import mean_scores, score_queries
from tokir.progress import Silent
from tokir.retrieval.bm25 import BM25Index, Postings
from tokir.retrieval.ranking import descending, inverse
from tokir.retrieval.searchers import LexicalSearcher
from tokir.study import documents as documents_module
from tokir.study import passages as passages_module
from tokir.study.baselines.lexical import TUNED
from tokir.study.documents import Documents
from tokir.study.negatives import hard_negatives
from tokir.study.passages import TrainingPassages
from tokir.study.rankings import Rankings
from tokir.study.validation import validation_pool
from tokir.training.sources import TrainQueries
from tokir.training.texts import Texts
from words import WORDS


def context(dataset, *overrides, validation=None):
    config = load_config("quickstart", list(overrides))
    return SimpleNamespace(dataset=dataset, config=config, progress=Silent(), validation=validation)


@pytest.fixture
def corpus_of(tmp_path):
    def made(texts):
        rows = [{"_id": f"d{number}", "title": "", "text": text} for number, text in enumerate(texts)]
        (tmp_path / "docs.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return load(str(tmp_path / "docs.jsonl"), cache=tmp_path / "cache")

    return made


def test_held_out_documents_without_text_are_an_error_before_anything_is_trained(corpus_of):
    texts = [f"document {number} about {WORDS[number % 12]}" for number in range(30)]
    order = np.random.default_rng(0).permutation(30)
    texts[int(order[0])] = " \n"
    documents = Documents(context(corpus_of(texts)))
    with pytest.raises(TokirError, match=r"docs\.jsonl: the held-out document holds no text.*data\.seed"):
        _ = documents.training
    held_out = np.random.default_rng(0).permutation(80)[:4].tolist()
    texts = ["" if number in held_out[1:] else f"document {number}" for number in range(80)]
    assert f"document {held_out[0]}" in Documents(context(corpus_of(texts))).held_out  # some text is enough


def test_what_is_not_trained_on_is_noted(corpus_of, monkeypatch):
    at_work = context(corpus_of([f"{number:04d}" * 5 for number in range(200)]))  # 20 characters each
    assert Documents(at_work).notes == TrainingPassages(at_work).notes == ()
    monkeypatch.setattr(documents_module, "MOST_CHARACTERS", 1_000)
    monkeypatch.setattr(documents_module, "SAMPLE", 250)
    monkeypatch.setattr(passages_module, "MOST_CHARACTERS", 600)
    assert Documents(at_work).notes == (
        "Of 190 training documents 50 are read: 1,000 characters.",
        "Of 10 held-out documents 5 are read: 100 characters.",
        "Tokenizers are trained on the first 25% of each document, 250 characters.",
    )
    assert TrainingPassages(at_work).notes == (
        "Models that are trained to retrieve read 30 of 200 passages in training, drawn by seed.",
    )


def test_passages_to_train_on_hold_no_more_characters_than_fit_into_memory(corpus_of, monkeypatch):
    dataset = corpus_of([f"{number:04d}" * 5 for number in range(500)])  # 20 characters each
    assert TrainingPassages(context(dataset)).positions == list(range(500))
    monkeypatch.setattr(passages_module, "MOST_CHARACTERS", 2_000)
    found = TrainingPassages(context(dataset)).positions
    assert len(found) == 100 and found == sorted(set(found)) and found[0] < 50 and found[-1] > 450
    assert len(TrainingPassages(context(dataset, "retrieval.documents=30")).positions) == 30
    monkeypatch.setattr(passages_module, "MOST_CHARACTERS", 1)
    assert len(TrainingPassages(context(dataset)).positions) == 1


def test_without_validation_queries_the_crops_to_validate_on_come_from_all_over_the_corpus(corpus_of):
    texts = [" ".join(f"p{number}w{word}" for word in range(40)) for number in range(3000)]
    at_work = context(corpus_of(texts))
    asked: list[str] = []

    def encode(crops):
        asked.extend(crops)
        return [np.array([len(crop)]) for crop in crops]

    pool = validation_pool(at_work, TrainingPassages(at_work), encode)
    owners = [pool.pool[next(iter(relevant))] for relevant in pool.relevant]
    assert len(owners) == len(asked) == 200 and len(pool.pool) == 700
    assert all(f"p{owner}w" in crop for owner, crop in zip(owners, asked, strict=True))
    assert np.histogram(owners, bins=5, range=(0, 3000))[0].min() > 20  # 40 in each fifth if drawn evenly
    assert np.histogram(pool.pool, bins=5, range=(0, 3000))[0].min() > 100


def test_a_passage_without_text_has_no_crop_to_validate_on(corpus_of):
    at_work = context(corpus_of(["" if number % 10 else f"passage {number}" for number in range(1, 2001)]))
    pool = validation_pool(
        at_work, TrainingPassages(at_work), lambda crops: [np.array([1]) for crop in crops if crop]
    )
    assert len(pool.queries) == 200 and len(pool.pool) > 500


@pytest.fixture
def duplicates(duplicates_folder, tmp_path):
    return load(str(duplicates_folder), cache=tmp_path / "cache")


def test_a_query_does_not_find_itself(duplicates):
    split, ids = duplicates.evaluation_splits().scored(), duplicates.corpus.ids
    assert len(split.own_passages) == len(split.queries) == 66
    searcher = LexicalSearcher(
        BM25Index.of(Postings(duplicates.corpus.passages(0, len(ids))), inverse(descending(ids)))
    )
    rankings = Rankings(context(duplicates))

    def scored(own):
        ranking = rankings.rank(searcher, split.queries, 5, own)
        assert (ranking.sizes() == 5).all()
        return mean_scores(score_queries(ranking, Judgements.of(split.qrels, ids)))

    assert scored(split.own_passages)["recall@1"] == 1.0 and scored(())["recall@1"] == 0.0
    assert scored(split.own_passages)["ndcg@10"] == 1.0


def test_no_weights_are_chosen_by_a_query_that_finds_itself(duplicates):
    split, passages = duplicates.evaluation_splits().scored(), duplicates.corpus.ids
    at_work = context(duplicates, validation=split)
    asked: list[str] = []
    pool = validation_pool(
        at_work, TrainingPassages(at_work), lambda texts: asked.extend(texts) or Texts.of([[1]] * len(texts))
    )
    assert len(asked) == len(pool.own) == 66
    for row, own in pool.own.items():
        assert split.queries[passages[pool.pool[own]]] == asked[row] and own not in pool.relevant[row]


def test_nothing_is_chosen_by_a_query_that_finds_itself(duplicates, monkeypatch):
    split, ids, seen = duplicates.evaluation_splits().scored(), duplicates.corpus.ids, []
    monkeypatch.setattr(tuning, "recall", lambda ranking, _: float(not seen.append(ranking)))
    tuning.bm25_parameters(Postings(duplicates.corpus.passages(0, len(ids))), ids, inverse(descending(ids)), split)
    own = [ids.index(query) for query in split.queries]
    assert seen and not any(
        itself in hits.positions for ranking in seen for itself, hits in zip(own, ranking.lists(), strict=True)
    )


def test_bm25_is_not_tuned_without_validation_queries(duplicates):
    at_work = context(duplicates)
    at_work.keep_passages = lambda: None
    with pytest.raises(Unavailable, match="no validation queries"):
        TUNED.make(SimpleNamespace(context=at_work), IndexForm.parse("exact"))


def test_a_query_is_no_hard_negative_of_itself(duplicates):
    at_work = context(duplicates, "retrieval.negatives=bm25")
    split, passages = duplicates.split("test"), TrainingPassages(at_work)
    relevant = passages.relevant(split)
    own = [passages.index_of[query] for query in relevant]
    plan = SimpleNamespace(retrieval=at_work.config.retrieval)
    texts = [split.queries[query] for query in relevant]

    def mined(*known):
        return hard_negatives(plan, at_work, passages, TrainQueries(texts, list(relevant.values()), *known), None)

    assert all(itself in found for itself, found in zip(own, mined(), strict=True))
    for itself, found, answers in zip(own, mined(own), relevant.values(), strict=True):
        assert found and itself not in found and not set(found) & set(answers)


def test_the_text_of_a_relevant_passage_is_no_hard_negative(corpus_of):
    dataset = corpus_of(["a ship at sea", "a ship at sea", "the ship of the desert", "rain"])
    at_work = context(dataset, "retrieval.negatives=bm25")
    plan, queries = SimpleNamespace(retrieval=at_work.config.retrieval), TrainQueries(["ship sea"], [[0]])
    assert hard_negatives(plan, at_work, TrainingPassages(at_work), queries, None) == [[2]]


def test_without_queries_and_texts_there_is_nothing_to_validate_on(corpus_of):
    at_work = context(corpus_of(["", " ", ""]))
    with pytest.raises(Unavailable, match="no validation queries, and no passage has a text that could stand in"):
        validation_pool(at_work, TrainingPassages(at_work), None)


def test_a_fusion_of_changed_queries_is_made_of_lists_without_their_own_passages(duplicates_folder, tmp_path):
    """Capitals change nothing for BM25, so that they cost a fusion nothing."""
    sets = [
        "architectures=[lstm]", "objectives.lstm=[]", "tokenizers=[{type: ngram, lowercase: true}]", "lexical=true",
        "baselines=[bm25]", "fusions=[{systems: [ngram-2k-lower.bm25, bm25]}]", "evaluation.robustness=[upper]",
        "evaluation.bootstrap=100", "evaluation.latency_queries=2",
    ]  # fmt: skip
    tokir(*words("run", duplicates_folder, tmp_path / "run", sets))
    for path in (tmp_path / "run/rankings/upper").iterdir():
        changed, clean = (
            [line.split()[:5] for line in file.read_text().splitlines() if int(line.split()[3]) <= 10]
            for file in (path, tmp_path / "run/rankings" / path.name)
        )
        assert len(clean) == 660 and changed == clean, path.name
