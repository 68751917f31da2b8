"""Stored corpora: reading by position, and opening one from anywhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tokir.data import Corpus
from tokir.data.corpus import facts_path
from tokir.errors import TokirError

from .conftest import jsonl


@pytest.fixture
def corpus(tmp_path, open_, monkeypatch) -> Corpus:
    """Eleven passages in batches of four."""
    monkeypatch.setattr("tokir.data.corpus.ROWS_PER_BATCH", 4)
    rows = [{"_id": f"d{i}", "title": "", "text": f"text {i}"} for i in range(11)]
    (tmp_path / "many.jsonl").write_text(jsonl(rows), encoding="utf-8")
    return open_(tmp_path / "many.jsonl").corpus


def test_positions_across_batches(corpus):
    assert corpus.passages(3, 9) == [f"text {i}" for i in range(3, 9)]
    assert corpus.select([10, 0, 4, 10]) == ["text 10", "text 0", "text 4", "text 10"]
    assert [document.id for document in corpus.documents([8, 2, 9])] == ["d8", "d2", "d9"]
    assert corpus.positions({"d7", "d0", "d11"}) == {"d0": 0, "d7": 7}
    corpus.release()  # takes nothing away
    assert (corpus.select([]), corpus.passages(11, 20), corpus.record(8).id) == ([], [], "d8")
    for outside in (-1, 11):
        with pytest.raises(IndexError):
            corpus.select([outside])
        with pytest.raises(IndexError):
            corpus.record(outside)


def test_a_batch_is_touched_once(corpus, monkeypatch):
    taken = []

    class Batch:
        def __init__(self, batch):
            self.batch = batch

        def take(self, rows):
            taken.append(len(rows))
            return self.batch.take(rows)

    monkeypatch.setattr(corpus, "_batches", [Batch(batch) for batch in corpus._batches])
    assert len(corpus.documents([*range(11), *range(11)])) == 22
    assert taken == [8, 8, 6]


def test_a_copy_opens_from_anywhere(tmp_path, corpus):
    path = tmp_path / "run" / "corpus.arrow"
    corpus.copy_to(path)
    for verify in (True, False):
        copy = Corpus.open(path, verify=verify)
        assert "ids" not in vars(copy)
        assert (list(copy.records()), copy.checksum) == (list(corpus.records()), corpus.checksum)
    assert sorted(file.name for file in path.parent.iterdir()) == ["corpus.arrow", "corpus.json"]
    whole = path.read_bytes()
    path.unlink()  # a mapped file must not change
    path.write_bytes(whole[:300] + b"?" + whole[301:])
    with pytest.raises(TokirError, match=r"corpus\.arrow is damaged \(its bytes are not those written\)"):
        Corpus.open(path)
    path.unlink()
    path.write_bytes(whole[:300])
    with pytest.raises(TokirError, match=r"corpus\.arrow is damaged"):
        Corpus.open(path, verify=False)
    path.unlink()
    with pytest.raises(TokirError, match=r"corpus\.arrow does not exist"):
        Corpus.open(path, verify=False)
    facts_path(path).unlink()
    with pytest.raises(TokirError, match=r"corpus\.json does not exist"):
        Corpus.open(path)


def test_importing_is_light():
    code = "import sys, tokir.data.corpus; print({'numpy', 'pyarrow', 'urllib.request'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
