"""Which queries a study trains on, validates on and is scored on."""

from __future__ import annotations

import shutil
import unicodedata
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.data import Dataset
from tokir.errors import TokirError

from .conftest import jsonl, write_folder

QUERIES = jsonl([{"_id": f"q{i}", "text": f"query {i}"} for i in range(30)])


def judged(*numbers: int) -> str:
    return "query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\td1\t1\n" for i in numbers)


def numbers(split):
    return {int(id[1:]) for id in split.queries} if split else None


@pytest.fixture
def splits_of(tmp_path, open_):
    def splits_of(train=None, dev=None, test=None, **settings):
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        files = {
            name: judged(*ids) if ids else None for name, ids in [("train", train), ("val", dev), ("test", test)]
        }
        return open_(write_folder(tmp_path / "set", queries=QUERIES, **files)).evaluation_splits(**settings)

    return splits_of


def test_test_is_scored_and_dev_validates(splits_of):
    splits = splits_of(train=range(10), dev=range(10, 14), test=range(14, 20))
    assert numbers(splits.train) == set(range(10))
    assert numbers(splits.validation) == set(range(10, 14))
    assert (splits.evaluate.name, numbers(splits.evaluate)) == ("test", set(range(14, 20)))
    assert splits.note == "Choices are made on the 4 validation queries of dev."


def test_without_test_dev_is_scored_and_a_fifth_of_train_validates(splits_of):
    splits = splits_of(train=range(10), dev=range(10, 14))
    assert splits.evaluate.name == "dev"
    assert len(splits.validation.queries) == 2
    assert numbers(splits.train) | numbers(splits.validation) == set(range(10))
    assert not numbers(splits.train) & numbers(splits.validation)
    again = splits_of(train=range(10), dev=range(10, 14))
    assert again == splits
    others = [splits_of(train=range(10), dev=range(10, 14), seed=seed).validation for seed in range(1, 5)]
    assert any(other != splits.validation for other in others)


def test_evaluate_names_the_split(splits_of):
    splits = splits_of(train=range(10), dev=range(10, 14), test=range(14, 20), evaluate="validation")
    assert (splits.evaluate.name, len(splits.validation.queries)) == ("dev", 2)
    with pytest.raises(TokirError, match=r"no split 'tset' \(did you mean 'test'\?\); it has test, train"):
        splits_of(train=range(10), test=range(14, 20), evaluate="tset")


def test_nothing_to_validate_on(splits_of):
    splits = splits_of(test=range(3))
    assert (splits.train, splits.validation) == (None, None)
    assert "the stated defaults are used" in splits.note


def test_only_train_is_trained_and_validated_on_but_not_scored(splits_of):
    splits = splits_of(train=range(10))
    assert (len(splits.train.queries), len(splits.validation.queries), splits.evaluate) == (8, 2, None)
    assert splits.note == "Choices are made on 2 validation queries cut off from train by seed 0."
    with pytest.raises(TokirError, match="neither test nor dev queries but train"):
        splits.scored()
    assert numbers(splits_of(train=range(3), evaluate="train").scored()) == {0, 1, 2}


def test_queries_are_drawn_by_seed(splits_of):
    kept = splits_of(test=range(20), queries=5).evaluate
    assert len(kept.queries) == 5 and kept.qrels.keys() == kept.queries.keys()
    assert kept == splits_of(test=range(20), queries=5).evaluate
    assert kept != splits_of(test=range(20), queries=5, seed=1).evaluate
    more = splits_of(test=range(20), queries=50)
    assert len(more.evaluate.queries) == 20
    assert more.notes == ("All 20 test queries are scored, fewer than the 50 asked for.",)
    with pytest.raises(TokirError, match="at least 1, not 0"):
        splits_of(test=range(3), queries=0)


def test_no_query_is_in_two_splits(splits_of):
    splits = splits_of(train=range(10), dev=range(8, 14), test=range(12, 20), queries=2)
    assert (numbers(splits.train), numbers(splits.validation)) == (set(range(8)), set(range(8, 12)))


WORDS = ["cats", "Cats ", "ＣＡＴＳ", "cats and dogs", "cats\u00a0 and DOGS", "Straße", "STRASSE", "dogs", "fish"]


@settings(max_examples=60)
@given(
    texts=st.lists(st.sampled_from(WORDS), min_size=1, max_size=16),
    splits=st.lists(st.sets(st.sampled_from(["train", "dev", "test"])), min_size=16, max_size=16),
    seed=st.integers(0, 3),
)
def test_no_text_is_in_two_splits(texts, splits, seed):
    """Whatever ids it goes by; and only scored queries are never left out."""
    queries = {f"q{number}": text for number, text in enumerate(texts)}
    qrels = {
        name: {query: {"d1": 1} for query, names in zip(queries, splits, strict=False) if name in names}
        for name in ("train", "dev", "test")
    }
    qrels = {name: judged for name, judged in qrels.items() if judged}
    corpus = SimpleNamespace(blank=0)  # no passage is read
    dataset = Dataset("set", "set", corpus, queries, qrels, "", "")  # type: ignore[arg-type]
    found = dataset.evaluation_splits(seed=seed)
    parts = [part for part in (found.train, found.validation, found.evaluate) if part is not None]
    folded = [
        {" ".join(unicodedata.normalize("NFKC", t).casefold().split()) for t in p.queries.values()} for p in parts
    ]
    assert sum(map(len, folded)) == len(set().union(*folded))
    assert all(part.queries for part in parts)
    scored = qrels.get("test", qrels.get("dev"))
    assert (found.evaluate and found.evaluate.queries.keys()) == (scored and scored.keys())


def test_queries_with_the_same_text_are_left_out_and_counted(tmp_path, open_):
    texts = [
        "Where is  it",
        "where is it",
        "WHERE IS IT",
        "what is it",
        "What is it?",
        "what is\tit",
        "who",
        "when",
    ]
    queries = jsonl([{"_id": f"q{i}", "text": text} for i, text in enumerate(texts)])
    folder = write_folder(
        tmp_path / "set", queries=queries, train=judged(0, 3, 6), val=judged(1, 5), test=judged(2, 4)
    )
    splits = open_(folder).evaluation_splits()
    assert [numbers(split) for split in (splits.train, splits.validation, splits.scored())] == [{6}, {5}, {2, 4}]
    assert splits.notes == (
        "1 query of train is left out: the same query, by id or by text, is in test.",
        "1 query of dev is left out: the same query, by id or by text, is in test.",
        "1 query of train is left out: the same query, by id or by text, is in dev.",
    )
    (folder / "qrels" / "val.tsv").unlink()
    twice = jsonl([{"_id": f"q{i}", "text": f"text {i // 2}"} for i in range(12)])
    write_folder(folder, queries=twice, train=judged(*range(10)), test=judged(10, 11))
    splits = open_(folder).evaluation_splits()  # one of each pair was drawn for validation
    assert (len(splits.validation.queries), len(splits.train.queries)) == (2, 6)
    assert splits.notes == (
        "2 queries of train are left out: the same query, by id or by text, is among the validation queries.",
    )


def test_scored_queries_without_text_are_counted(tmp_path, open_):
    queries = jsonl([{"_id": f"q{i}", "text": "" if i == 1 else "some text"} for i in range(2)])
    dataset = open_(write_folder(tmp_path / "set", queries=queries, train=None, test=judged(0, 1)))
    assert dataset.evaluation_splits().notes == (
        "1 of 2 test queries holds no text and is scored like the others.",
    )


def test_splits_that_have_no_use_and_passages_without_text_are_counted(tmp_path, open_):
    corpus = jsonl([{"_id": "d1", "title": "", "text": "x"}, {"_id": "d2", "title": "", "text": " "}])
    folder = write_folder(tmp_path / "set", corpus=corpus, queries=QUERIES, train=None, test=judged(0, 1))
    (folder / "qrels/training.tsv").write_text(judged(2, 3, 4))
    assert open_(folder).evaluation_splits().notes == (
        "3 queries of training are not used: train is trained on, and dev validates.",
        "1 of 2 passages holds no text and is searched like the others.",
    )
