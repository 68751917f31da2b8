"""One training over two processes against the same training in one: within 1e-4 of its losses, as docs/scaling says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from command import tokir, words
from tokir import errors
from tokir.artifacts import file_digest
from tokir.errors import TokirError
from tokir.study import helpers
from tokir.study.engines.orders import program
from tokir.training import processes

PATIENCE = 600  # seconds
DEVICE = ["--device", "cuda" if torch.cuda.device_count() > 1 else "cpu"]  # each process has one of its own
TOLERANCE = 1e-4  # relative, of training and validation losses; without dropout, whose masks differ
SETS = [
    "tokenizers=[{type: bpe, vocabulary_size: 500}]", "architectures=[static, lstm]",
    "objectives={lstm: [lm, contrastive+queries], static: [contrastive+queries]}", "baselines=[]",
    "training.documents=60", "training.epochs=1", "training.batch_size=7", "training.precision=fp32",
    "training.dropout=0", "retrieval.dropout=0", "retrieval.validations=2", "models.static.steps=20",
    "models.static.batch_size=33", "models.lstm.steps=4", "models.lstm.batch_size=16",
    "variants=[{name: late, architectures: [static], retrieval: {interaction: late}}]",
]  # fmt: skip


@contextmanager
def torchrun(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Two processes under way, which are stopped where the block fails."""
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tokir"]
    process = subprocess.Popen([*run, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()  # which it passes on to its two
        process.wait()


def histories(folder: Path) -> dict[str, list[dict[str, float]]]:
    return {
        path.parent.name: [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(folder.glob("models/*/history.jsonl"))
    }


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gloo")
def test_two_processes_reach_the_losses_of_one(data, tmp_path):
    with torchrun(words("train", data, tmp_path / "two", SETS, *DEVICE)) as process:
        tokir(*words("train", data, tmp_path / "one", SETS, *DEVICE), "--quiet")
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    one, two = histories(tmp_path / "one"), histories(tmp_path / "two")
    assert len(one) == 4 and one.keys() == two.keys()
    for model, lines in one.items():
        assert len(lines) == len(two[model])
        for alone, shared in zip(lines, two[model], strict=True):
            for loss in ("training_loss", "loss"):
                assert shared[loss] == pytest.approx(alone[loss], rel=TOLERANCE), (model, loss)
        about = json.loads((tmp_path / "two/models" / model / "config.json").read_text())
        assert about["processes"] == 2
    assert said.count("after 20 steps") == 2  # the first alone says how it goes


LOOP = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_loop as t
from tokir.config import TokenizerSettings
from tokir.data import load
from tokir.tokenizers import train_tokenizer
from tokir.training import processes

t.torch.set_num_threads(1)
passages = load("wiki").corpus.passages(0, 60)
tokenizer = train_tokenizer(passages, TokenizerSettings(vocabulary_size=600))
objective = t.LanguageModelObjective(tokenizer, passages[:40], passages[40:45], t.SETTINGS, t.LSTM)
folder = Path(sys.argv[1])
with processes.joined("cpu"):
    t.train(objective, folder / "unbroken", width=32)
    stop = t.StopAt(10) if processes.rank() == 0 else None  # the other one is not asked
    try:
        t.train(objective, folder / "broken", width=32, progress=stop)
        sys.exit("it was not stopped")
    except t.loop.Interrupted as error:
        assert "stopped at step" in str(error)
    t.train(objective, folder / "broken", width=32)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gloo")
def test_ctrl_c_in_one_process_stops_both_at_one_step_and_resuming_equals_unbroken_bit_for_bit(tmp_path):
    """With dropout, whose masks each process draws anew at each step."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", LOOP, str(tmp_path), str(Path(__file__).parent)],
            env={**common, "RANK": str(rank)},
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=300) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
    for name in ("best", "final"):
        digests = {file_digest(tmp_path / folder / f"{name}.safetensors") for folder in ("unbroken", "broken")}
        assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="gloo")
def test_what_goes_wrong_is_one_line(data, tmp_path):
    command = words("train", data, tmp_path / "wrong", [*SETS, "budget={equal: seconds, seconds: 5}"], *DEVICE)
    with torchrun([*command, "--quiet"]) as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "budget.seconds are those of one process" in lines[0]
    assert str(Path(errors.__file__).parent) not in said  # no traceback through the package


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(TokirError, match="2 processes on a machine with 1 GPU, "), processes.joined("auto"):
        pass


def test_a_process_that_would_not_compute_the_same_says_why_and_where_it_is(tmp_path):
    training = SimpleNamespace(threads=torch.get_num_threads())
    call = helpers._Call(training, tmp_path / "elsewhere", {}, program())
    with pytest.raises(TokirError, match="elsewhere is not there: all processes need the run folder"):
        helpers._help(call)
    with pytest.raises(TokirError, match=f"rank 0, on {socket.gethostname()}: this machine has another torch: "):
        helpers._help(replace(call, folder=tmp_path, program={**program(), "torch": "1.0"}))


def test_only_train_is_shared_out(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    tokir("run", "quickstart", "--data", data, "--out", tmp_path / "run", code=2)
    assert "torchrun is for `tokir train` alone" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", ["abc", "", "2"])
def test_an_environment_that_torchrun_did_not_set_is_refused(monkeypatch, capsys, data, tmp_path, size):
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.delenv("RANK", raising=False)
    tokir("train", "quickstart", "--data", data, "--out", tmp_path / "run", code=2)
    assert "as torchrun does not set them: unset both, or start with torchrun" in capsys.readouterr().err
