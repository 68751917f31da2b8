import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tokir.artifacts import RunFolder, atomic, durable, manifest, read_array, read_tensors, write_array, write_text
from tokir.artifacts.own_folder import require_free
from tokir.encoders.store import write_blocks
from tokir.errors import TokirError, unreadable
from tokir.training.checkpoint import State


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
    folder.ensure_folder("index", 3, make(["a", "b"]))
    lines = tmp_path / "manifest.jsonl"
    damaged = lines.read_text().replace('"index/b"', '"index/c"')  # that line alone
    for lost in ("", "b"):  # with its file there, and gone as well
        lines.write_text(damaged)
        (tmp_path / "index" / lost).unlink() if lost else None
        again = RunFolder(tmp_path)
        again.ensure_folder("index", 3, make(["a", "b"]))
        assert made.pop() == ["a", "b"] and again.checked("index") and again.whole()
    (tmp_path / "index" / "b").write_text("other bytes")
    again.prune()
    again.ensure_folder("index", 3, make(["a", "b"]))
    assert made.pop() == ["a", "b"] and again.whole()


def test_a_file_of_a_folder_that_has_lost_its_line_is_not_read(tmp_path):
    def make(path):
        for name in "ab":
            write_text(path / name, name)

    RunFolder(tmp_path).ensure_folder("index", 0, make)
    lines = tmp_path / "manifest.jsonl"
    lines.write_text("".join(line for line in lines.read_text().splitlines(True) if "index/b" not in line))
    with pytest.raises(TokirError, match=r"index/b: no record of it in manifest\.jsonl"):
        RunFolder(tmp_path).checked("index")


def test_nothing_is_written_through_a_link(tmp_path):
    """A training's state and unfinished vectors are written where they lie, not where a link leads."""
    mine = tmp_path / "mine"
    mine.write_text("precious")
    for place, link in (("soft", os.symlink), ("hard", os.link)):
        path = tmp_path / place / "corpus.npy"
        path.parent.mkdir()
        link(mine, path.with_suffix(".part"))
        write_blocks(path, 2, 3, "key", lambda start, stop: np.ones((stop - start, 3)), lambda done: None)
        assert mine.read_text() == "precious" and read_array(path).shape == (2, 3)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/resume").symlink_to(tmp_path / "soft")
    with pytest.raises(TokirError, match="links and names that leave a folder are not followed"):
        State(tmp_path / "model", "key", torch.device("cpu"))


def test_a_machine_that_runs_short_is_no_damage(tmp_path):
    path = tmp_path / "a.npy"
    for error in (
        OSError(errno.EMFILE, "Too many open files"),
        MemoryError(),
        ImportError("failed to map segment"),
    ):
        assert "cannot be read now" in str(unreadable(path, error, "delete it"))
    assert str(unreadable(path, ValueError("x"), "delete it")) == f"{path}: damaged (x): delete it"


@pytest.mark.skipif(os.name == "nt", reason="no masks there")
def test_files_are_for_whom_the_mask_lets_read_them(tmp_path):
    before = os.umask(0o077)
    try:
        write_text(tmp_path / "a", "x")
        with durable.new_folder(tmp_path / "b") as fresh:
            (fresh / "c").write_text("x")
        os.umask(0o002)
        write_text(tmp_path / "d", "x")
        modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "b", "b/c", "d")]
    finally:
        os.umask(before)
    assert modes == [0o600, 0o700, 0o600, 0o664]


def test_a_damaged_manifest_line_costs_one_artefact(tmp_path, caplog):
    folder = RunFolder(tmp_path)
    for name in ("a", "b"):
        folder.ensure([name], 0, lambda name=name: (tmp_path / name).write_text(name))
    lines = tmp_path / "manifest.jsonl"
    first, second = lines.read_text().splitlines()
    for damaged in (
        first[:20],
        first.replace("sha256", "sha257"),
        first.replace('"seconds": 0', '"seconds": 1'),
        "",
    ):
        lines.write_text(damaged + "\n" + second + "\n")
        again = RunFolder(tmp_path)
        assert again.key("b") == json.loads(second)["sha256"] and again.checked("b").exists()
        assert not again.recorded("a") and "a damaged line is left out" in caplog.text
        with pytest.raises(TokirError, match=r"a: no record of it in manifest\.jsonl"):
            again.checked("a")
    earlier = {
        name: value for name, value in json.loads(first).items() if name not in ("size", "mtime_ns", "check")
    }
    lines.write_text(json.dumps(earlier) + "\n" + second + "\n")  # as an earlier tokir wrote it
    assert RunFolder(tmp_path).checked("a").exists()


def test_a_reader_is_given_no_file_whose_bytes_have_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "SMALL", 100)
    folder = RunFolder(tmp_path)

    def write():
        (tmp_path / "i").mkdir(exist_ok=True)
        for name, size in (("small", 10), ("large", 1000)):
            write_text(tmp_path / "i" / name, "x" * size)

    folder.ensure(["i/small", "i/large"], 0, write)
    for name in ("small", "large"):
        file = tmp_path / "i" / name
        times = file.stat().st_atime_ns, file.stat().st_mtime_ns
        for change in (lambda text: "y" + text[1:], lambda text: text[:-1], lambda text: ""):
            file.write_text(change("x" * (10 if name == "small" else 1000)))
            with pytest.raises(TokirError, match=f"{name}: damaged"):
                RunFolder(tmp_path).checked("i")
        file.unlink()
        with pytest.raises(TokirError, match=f"{name}: missing"):
            RunFolder(tmp_path).checked("i")
        write()
        os.utime(file, ns=times)
        assert RunFolder(tmp_path).checked("i") == tmp_path / "i"
    copy = shutil.copytree(tmp_path / "i", tmp_path / "copy", copy_function=shutil.copyfile)  # other times
    shutil.rmtree(tmp_path / "i")
    copy.rename(tmp_path / "i")
    assert RunFolder(tmp_path).checked("i/large").exists()
    (tmp_path / "manifest.jsonl").write_text("")
    with pytest.raises(TokirError, match="no record of it"):
        RunFolder(tmp_path).checked("i")


def test_what_dead_writers_left_is_swept_and_nothing_else(tmp_path):
    class Killed(BaseException):
        pass

    def kill(step):
        if step.kind == "rename" or killed:
            killed.append(step)
            raise Killed
        return step.do()

    for deep in ("", "models/a/resume"):
        killed = []
        with durable.watched(kill), pytest.raises(Killed):
            write_text(tmp_path / deep / "state", "half")
    killed = []
    with durable.watched(kill), pytest.raises(Killed), durable.from_library(tmp_path / "index") as fresh:
        (fresh / "a").write_text("a")
    (tmp_path / ".gitignore").write_text("*")
    (tmp_path / ".tokir-notes").write_text("mine")
    assert len(list(tmp_path.rglob(".tokir-*-*"))) == 3
    with RunFolder(tmp_path).locked():
        assert not list(tmp_path.rglob(".tokir-*-*"))
    left = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {".gitignore", ".tokir-notes", ".lock"}


@pytest.mark.skipif(os.name == "nt", reason="a limit of POSIX stands for a full disk")
@pytest.mark.parametrize(("free", "fault"), [(0, errno.ENOSPC), (1 << 40, errno.EIO)])
@pytest.mark.parametrize("written", [durable.from_library, durable.new_folder])
def test_a_library_that_cannot_write_to_the_end_is_an_error_with_a_reason(
    written, free, fault, tmp_path, monkeypatch
):
    import resource

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        with pytest.raises(OSError) as error, written(tmp_path / "index") as fresh:
            np.save(fresh / "scores.npy", np.ones(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (error.value.errno, error.value.filename) == (fault, str(tmp_path / "index"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_step_leaves_the_old_file_or_the_new_one(fault, tmp_path):
    def failing(step):
        steps.append(step.kind)
        if len(steps) == number:
            raise OSError(fault, os.strerror(fault))
        return step.do()

    number = 0
    while True:
        number, steps = number + 1, []
        path = tmp_path / str(number) / "file"
        path.parent.mkdir()
        path.write_text("old")
        try:
            with durable.watched(failing):
                write_text(path, "new")
        except OSError as error:
            assert error.filename in (str(path), str(path.parent))
            assert path.read_text() == ("new" if steps[number - 1] == "sync folder" else "old")
            assert [file.name for file in path.parent.iterdir()] == ["file"]
        else:
            break
    assert steps == ["create", "write", "sync", "rename", "sync folder"]


DIES = """
import fcntl, os, sys
from pathlib import Path
from tokir.artifacts import RunFolder
def missing(*_):
    raise OSError(38, "Function not implemented")
fcntl.flock = missing
with RunFolder(Path(sys.argv[1])).locked():
    os._exit(9)
"""


@pytest.mark.skipif(os.name == "nt", reason="a lock of POSIX")
@pytest.mark.filterwarnings("ignore:flock not supported")
def test_without_flock_a_lock_is_a_file_and_that_of_a_dead_process_is_taken_over(tmp_path, monkeypatch):
    import fcntl

    def missing(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", missing)
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", DIES, str(tmp_path)], check=False).returncode == 9
    assert (tmp_path / ".holder").exists()
    with RunFolder(tmp_path).locked(wait=30):
        assert f"process {os.getpid()} on" in (tmp_path / ".holder").read_text()
        with pytest.raises(TokirError, match=f"in use by process {os.getpid()}"):
            RunFolder(tmp_path).locked().__enter__()


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
    with pytest.raises(TokirError, match=r"best\.safetensors: damaged"):
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


def test_a_process_that_was_killed_is_not_waited_for(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.locked():
        assert folder.writer() == f"process {os.getpid()} on {socket.gethostname()}"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for said, known in (
        (f"process {ended.pid} on {socket.gethostname()}", False),
        ("process 1 on elsewhere", True),
    ):
        (tmp_path / ".holder").write_text(said)
        assert (folder.writer() is not None) == known


def test_a_link_in_a_folder_is_the_users(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "export").mkdir()
    (tmp_path / "export/link").symlink_to(tmp_path / "mine")
    with pytest.raises(TokirError, match="holds link, which is not of an earlier export"):
        require_free(tmp_path / "export", "export")
