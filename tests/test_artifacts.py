import json

import pytest

from tokir.artifacts import RunFolder, atomic, read_tensors
from tokir.config import load_config
from tokir.errors import TokirError


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_an_artefact_is_made_once_and_again_when_inputs_or_bytes_change(tmp_path, caplog):
    calls = []

    def ensure(inputs):
        folder = RunFolder(tmp_path)  # a fresh reading of the manifest each time
        folder.ensure(["a.txt"], inputs, lambda: (calls.append(inputs), (tmp_path / "a.txt").write_text("x"))[0])

    ensure(1)
    ensure(1)
    assert calls == [1]
    ensure(2)
    assert calls == [1, 2]
    (tmp_path / "a.txt").write_text("damaged")
    ensure(2)
    assert calls == [1, 2, 2]
    assert "a.txt: damaged" in caplog.text
    (tmp_path / "a.txt").unlink()
    ensure(2)
    assert len(calls) == 4


def test_a_damaged_manifest_line_costs_one_artefact(tmp_path, caplog):
    folder = RunFolder(tmp_path)
    for name in ("a", "b"):
        folder.ensure([name], 0, lambda name=name: (tmp_path / name).write_text(name))
    manifest = tmp_path / "manifest.jsonl"
    first, second = manifest.read_text().splitlines()
    manifest.write_text(first[:20] + "\n" + second + "\n")
    again = RunFolder(tmp_path)
    assert again.key("b") == json.loads(second)["sha256"]
    with pytest.raises(KeyError):
        again.key("a")


def test_a_run_of_another_configuration_is_refused_by_the_difference(tmp_path):
    RunFolder.create(tmp_path / "run", load_config("quickstart", ["training.epochs=5"]))
    folder = RunFolder.create(tmp_path / "run", load_config("quickstart"))  # nothing was made of the first
    folder.ensure(["a"], 0, lambda: (tmp_path / "run" / "a").write_text("a"))
    RunFolder.create(tmp_path / "run", load_config("quickstart", ["pretrained_folders={byt5: /x}"]))
    with pytest.raises(TokirError, match=r"training\.epochs is 1 there and 3 here.*--out"):
        RunFolder.create(tmp_path / "run", load_config("quickstart", ["training.epochs=3"]))


def test_a_folder_with_other_files_is_not_written_into(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(TokirError, match="no run folder and not empty"):
        RunFolder.create(tmp_path, load_config("quickstart"))
    with pytest.raises(TokirError, match="no run folder"):
        RunFolder.open(tmp_path)


def test_a_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"\x00" * 40)
    with pytest.raises(TokirError, match=r"best\.safetensors: damaged checkpoint"):
        read_tensors(path)
