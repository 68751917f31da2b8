"""Which queries a study trains on, chooses on and is scored on."""

from __future__ import annotations

import shutil

import pytest

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


def test_test_is_scored_and_dev_chooses(splits_of):
    splits = splits_of(train=range(10), dev=range(10, 14), test=range(14, 20))
    assert numbers(splits.train) == set(range(10))
    assert numbers(splits.choose) == set(range(10, 14))
    assert (splits.evaluate.name, numbers(splits.evaluate)) == ("test", set(range(14, 20)))
    assert splits.note == "Choices are made on the 4 queries of dev."


def test_without_test_dev_is_scored_and_a_fifth_of_train_chooses(splits_of):
    splits = splits_of(train=range(10), dev=range(10, 14))
    assert splits.evaluate.name == "dev"
    assert len(splits.choose.queries) == 2
    assert numbers(splits.train) | numbers(splits.choose) == set(range(10))
    assert not numbers(splits.train) & numbers(splits.choose)
    again = splits_of(train=range(10), dev=range(10, 14))
    assert again == splits
    others = [splits_of(train=range(10), dev=range(10, 14), seed=seed).choose for seed in range(1, 5)]
    assert any(other != splits.choose for other in others)


def test_evaluate_names_the_split(splits_of):
    splits = splits_of(train=range(10), dev=range(10, 14), test=range(14, 20), evaluate="validation")
    assert (splits.evaluate.name, len(splits.choose.queries)) == ("dev", 2)
    with pytest.raises(TokirError, match=r"no split 'tset' \(did you mean 'test'\?\); it has test, train"):
        splits_of(train=range(10), test=range(14, 20), evaluate="tset")


def test_nothing_to_choose_on(splits_of):
    splits = splits_of(test=range(3))
    assert (splits.train, splits.choose) == (None, None)
    assert "the stated defaults are used" in splits.note


def test_only_train_names_no_split_to_score(splits_of):
    with pytest.raises(TokirError, match="neither test nor dev queries but train"):
        splits_of(train=range(3))


def test_queries_are_drawn_by_seed(splits_of):
    kept = splits_of(test=range(20), queries=5).evaluate
    assert len(kept.queries) == 5 and kept.qrels.keys() == kept.queries.keys()
    assert kept == splits_of(test=range(20), queries=5).evaluate
    assert kept != splits_of(test=range(20), queries=5, seed=1).evaluate
    more = splits_of(test=range(20), queries=50)
    assert len(more.evaluate.queries) == 20
    assert "all 20 test queries are scored, fewer than the 50 asked for" in more.note
    with pytest.raises(TokirError, match="at least 1, not 0"):
        splits_of(test=range(3), queries=0)


def test_no_query_is_in_two_splits(splits_of):
    splits = splits_of(train=range(10), dev=range(8, 14), test=range(12, 20), queries=2)
    assert (numbers(splits.train), numbers(splits.choose)) == (set(range(8)), set(range(8, 12)))
