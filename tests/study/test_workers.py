"""Trainings on one thread each, beside each other in processes of their own: faster, and otherwise as one by one."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import toys
from command import PATIENCE, running, wait_for
from tokir.config import load_config
from tokir.progress import Progress, Silent
from tokir.study import Machine, Study
from tokir.study.engines import local, workers
from tokir.training.registry import OBJECTIVES

pytestmark = pytest.mark.skipif(os.name != "posix", reason="trained one by one there")
SETS = [
    "tokenizers=[{type: bpe, vocabulary_size: 500}]", "architectures=[static]", "seeds=[0, 1]", "baselines=[]",
    "training.documents=100", "models.static.steps=200", "models.static.batch_size=512", "retrieval.dimensions=32",
]  # fmt: skip
MODELS = [f"models/bpe-500.static.contrastive+queries.s{seed}" for seed in (0, 1)]


def study(
    data: Path, folder: Path, *sets: str, threads: int | None = None, progress: Progress | None = None
) -> Study:
    config = load_config("quickstart", [f"data.source={json.dumps(str(data))}", *SETS, *sets])
    return Study(config, folder, Machine("cpu", threads), progress)


def weights(folder: Path) -> list[bytes]:
    files = ("best.safetensors", "final.safetensors", "config.json")
    return [(folder / model / file).read_bytes() for model in MODELS for file in files]


@pytest.fixture(scope="module")
def one_by_one(data, tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("one") / "run"
    study(data, folder, threads=1).train()
    return weights(folder)


@pytest.fixture
def begun(monkeypatch) -> Iterator[list[workers._Worker]]:
    """The processes that studies begin on a machine that has room for two."""
    threads, found, begin = torch.get_num_threads(), [], workers._Worker
    torch.set_num_threads(2)
    monkeypatch.setattr(local, "MEMORY", 1)
    monkeypatch.setattr(workers, "_Worker", lambda: found.append(begin()) or found[-1])
    yield found
    torch.set_num_threads(threads)
    assert all(worker._process.returncode is not None for worker in found)


def test_two_at_once_make_the_same_files_as_one_after_the_other(begun, data, tmp_path, one_by_one):
    study(data, tmp_path / "run").train()
    assert len(begun) == 2 and weights(tmp_path / "run") == one_by_one
    again = study(data, tmp_path / "run")
    again.train()
    assert len(begun) == 2 and again.folder.whole() and not list((tmp_path / "run").rglob("resume"))


def test_short_trainings_are_not_worth_a_process(begun, data, tmp_path):
    study(data, tmp_path / "run", "models.static.steps=5").train()
    assert begun == [] and len(list((tmp_path / "run").rglob("best.safetensors"))) == 2


def test_the_study_goes_on_with_what_a_lost_process_was_at(begun, data, tmp_path, one_by_one, monkeypatch, caplog):
    ask = workers.Workers.ask

    def kill(self, order):
        ask(self, order)
        begun[-1]._process.kill()

    monkeypatch.setattr(workers.Workers, "ask", kill)
    study(data, tmp_path / "run").train()
    assert weights(tmp_path / "run") == one_by_one
    assert len(begun) == 2 and caplog.text.count("its process has ended (signal 9)") == 2


def test_the_study_trains_what_a_process_knows_nothing_of(begun, data, tmp_path, monkeypatch):
    """What a user's script has registered is known where the script runs."""
    monkeypatch.setattr(OBJECTIVES, "_entries", dict(OBJECTIVES._entries))
    OBJECTIVES.add("halves", toys.HALVES)
    study(data, tmp_path / "run", "objectives={static: [halves]}").train()
    assert len(begun) == 2 and len(list((tmp_path / "run").rglob("best.safetensors"))) == 2


def test_where_no_process_can_be_started_the_study_trains(begun, data, tmp_path, monkeypatch, caplog):
    def refuse() -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(workers, "_Worker", refuse)
    study(data, tmp_path / "run").train()
    assert len(list((tmp_path / "run").rglob("best.safetensors"))) == 2
    assert "no more processes can be started (Resource temporarily unavailable)" in caplog.text


def test_where_no_second_process_can_be_started_the_first_goes_on(begun, data, tmp_path, monkeypatch, caplog):
    begin = workers._Worker

    def only_one() -> object:
        if begun:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return begin()

    monkeypatch.setattr(workers, "_Worker", only_one)
    study(data, tmp_path / "run").train()
    assert len(begun) == 1 and len(list((tmp_path / "run").rglob("best.safetensors"))) == 2
    assert "no more processes can be started" in caplog.text and "its process has ended" not in caplog.text


class Stopping(Silent):
    """Ctrl-C in the midst of a training."""

    def step(self, task: str, done: float, total: float, detail: str = "") -> None:
        if task in MODELS[0] or task in MODELS[1]:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_stopped_study_leaves_states_that_resume_to_the_same_bytes(begun, data, tmp_path, one_by_one):
    with pytest.raises(KeyboardInterrupt):
        study(data, tmp_path / "run", progress=Stopping()).train()
    assert len(begun) == 2 and list((tmp_path / "run").rglob("state.safetensors"))
    study(data, tmp_path / "run").train()
    assert len(begun) == 4 and weights(tmp_path / "run") == one_by_one


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it finds the processes in /proc")
def test_no_process_outlives_a_study_that_is_killed(data, tmp_path, one_by_one, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    folder, sets = tmp_path / "run", [word for value in SETS for word in ("--set", value)]
    command = ["train", "quickstart", "--data", str(data), "--out", str(folder), "--device", "cpu", *sets]
    with running(command) as process:
        wait_for(folder / MODELS[0], process)  # a training
        pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if not pids and os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < 2 * local.MEMORY:
            pytest.skip("this machine has no memory for two")
        process.kill()
        process.communicate(timeout=PATIENCE)
    end = time.monotonic() + PATIENCE
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert pids and not list(folder.rglob("best.safetensors"))
    study(data, folder, threads=1).train()
    assert weights(folder) == one_by_one


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
