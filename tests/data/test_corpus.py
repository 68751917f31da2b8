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
    with pytest.raises(TokirError, match=r"corpus\.arrow: damaged \(its bytes are not those written\)"):
        Corpus.open(path)
    path.unlink()
    path.write_bytes(whole[:300])
    with pytest.raises(TokirError, match=r"corpus\.arrow: damaged"):
        Corpus.open(path, verify=False)
    path.unlink()
    with pytest.raises(TokirError, match=r"corpus\.arrow cannot be read: No such file"):
        Corpus.open(path, verify=False)
    facts_path(path).unlink()
    with pytest.raises(TokirError, match=r"cannot be read: No such file or directory \(.*corpus\.json\)"):
        Corpus.open(path)


def test_opening_and_reading_load_little(tmp_path, corpus):
    """A query is answered from a stored corpus in milliseconds; pandas and pyarrow.compute alone take a second."""
    heavy = {"pandas", "pyarrow.compute", "urllib.request"}
    code = f"""
import sys, tokir.data.corpus
from pathlib import Path
assert not {{"numpy", "pyarrow"}} & sys.modules.keys()
corpus = tokir.data.corpus.Corpus.open(Path({str(corpus.path)!r}), verify=False)
print([document.id for document in corpus.documents([9, 0])], corpus.positions({{"d5"}}), corpus.passages(3, 4))
print({heavy} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['d9', 'd0'] {'d5': 5} ['text 3']", "set()"]
