import json
import subprocess
import sys

import numpy as np
import pytest

from tokir.artifacts import RunFolder, atomic, read_array, read_tensors, write_array
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


def test_a_folder_of_files_is_one_artefact_whichever_files_it_holds(tmp_path):
    folder, made = RunFolder(tmp_path), []

    def make(names):
        def write(path):
            made.append(names)
            for name in names:
                (path / name).write_text(name)

        return write

    folder.ensure_folder("index", 1, make(["a", "b"]))
    RunFolder(tmp_path).ensure_folder("index", 1, make(["a", "b"]))
    assert made == [["a", "b"]] and len(folder.folder_key("index")) == 2 and folder.whole()
    (tmp_path / "index" / "b").unlink()
    assert not folder.whole()
    folder.ensure_folder("index", 1, make(["a", "b"]))
    folder.ensure_folder("index", 2, make(["c"]))
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["c"]
    assert len(made) == 3 and folder.made("index") and not folder.made("ind")


def test_a_damaged_manifest_line_costs_one_artefact(tmp_path, caplog):
    folder = RunFolder(tmp_path)
    for name in ("a", "b"):
        folder.ensure([name], 0, lambda name=name: (tmp_path / name).write_text(name))
    manifest = tmp_path / "manifest.jsonl"
    first, second = manifest.read_text().splitlines()
    manifest.write_text(first[:20] + "\n" + second + "\n")
    again = RunFolder(tmp_path)
    assert again.key("b") == json.loads(second)["sha256"]
    assert not again.recorded("a")


HOLD = """
import sys
from pathlib import Path
from tokir.artifacts import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_use_is_refused_with_who_uses_it_and_free_when_that_process_ends(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    folder = RunFolder(tmp_path)
    with pytest.raises(TokirError, match=rf"in use by process {other.pid} on "), folder.locked():
        pass
    other.kill()  # a lock does not outlive its process
    other.communicate()
    with folder.locked(), folder.locked(), pytest.raises(TokirError, match="in use by process"):
        RunFolder(tmp_path).locked().__enter__()
    with RunFolder(tmp_path).locked():
        pass


def test_what_is_not_a_run_folder_is_named(tmp_path):
    with pytest.raises(TokirError, match="is not a run folder"):
        RunFolder.open(tmp_path)


def test_a_damaged_checkpoint_or_array_is_named(tmp_path):
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"\x00" * 40)
    with pytest.raises(TokirError, match=r"best\.safetensors: damaged checkpoint"):
        read_tensors(path)
    array = tmp_path / "a.npy"
    for written in (np.arange(6).reshape(2, 3), np.zeros((0, 3))):
        write_array(array, written)
        assert np.array_equal(read_array(array), written)
    array.write_bytes(array.read_bytes()[:30])
    with pytest.raises(TokirError, match=r"a\.npy: damaged"):
        read_array(array)
    with pytest.raises(TokirError, match=r"b\.npy: missing"):
        read_array(tmp_path / "b.npy")
