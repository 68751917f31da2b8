"""Embeddings that were stopped on the way."""

from __future__ import annotations

import numpy as np
import pytest

from tokir.encoders import store

ROWS, WIDTH = 50, 4


class Stopped(Exception):
    pass


def block(start, stop):
    return np.arange(start * WIDTH, stop * WIDTH, dtype=np.float32).reshape(-1, WIDTH)


def write(path, key="key", stop_at=ROWS, asked=None):
    def make(start, stop):
        if start >= stop_at:
            raise Stopped
        if asked is not None:
            asked.append(start)
        return block(start, stop)

    store.write_blocks(path, ROWS, WIDTH, key, make, lambda _: None)


@pytest.fixture
def half(tmp_path, monkeypatch):
    """Four blocks of five are written."""
    monkeypatch.setattr(store, "BLOCK", 10)
    monkeypatch.setattr(store, "SECONDS_BETWEEN_NOTES", 0.0)
    with pytest.raises(Stopped):
        write(tmp_path / "corpus.npy", stop_at=40)
    return tmp_path / "corpus.npy"


def test_finished_blocks_are_not_embedded_again(half, caplog):
    asked = []
    write(half, asked=asked)
    assert asked == [40] and caplog.text == ""
    assert np.array_equal(np.load(half), block(0, ROWS))
    assert [file.name for file in half.parent.iterdir()] == ["corpus.npy"]


@pytest.mark.parametrize("suffix", [".part", ".part.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "gone"])
def test_damaged_blocks_are_noticed_and_embedded_again(half, suffix, damage, caplog):
    file = half.with_suffix(suffix)
    data = file.read_bytes()
    place = len(data) * 2 // 3
    flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    file.unlink()
    if damage != "gone":
        file.write_bytes({"flipped": flipped, "cut": data[:place], "empty": b""}[damage])
    asked = []
    write(half, asked=asked)
    assert asked == [0, 10, 20, 30, 40] and np.array_equal(np.load(half), block(0, ROWS))
    assert ("damaged; these texts are embedded again" in caplog.text) == (damage != "gone")


def test_blocks_of_other_inputs_are_not_taken(half):
    asked = []
    write(half, key="other", asked=asked)
    assert asked[0] == 0 and np.array_equal(np.load(half), block(0, ROWS))
