"""Several processes and one run folder, and a process that is stopped, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from command import PATIENCE, running, tokir, wait_for, words
from tokir.config import load_config
from tokir.errors import TokirError
from tokir.study import Study

SETS = [
    "tokenizers=[{type: bpe, vocabulary_size: 500}]", "architectures=[static]", "baselines=[bm25]",
    "training.documents=100", "models.static.steps=30", "models.static.batch_size=32",
    "evaluation.bootstrap=100", "evaluation.latency_queries=2",
]  # fmt: skip


def rankings(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "rankings").rglob("*.trec")}


def scores(folder: Path) -> dict[str, dict[str, float]]:
    return {row["id"]: row["scores"] for row in json.loads((folder / "results.json").read_text())["systems"]}


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    tokir(*words("run", data, folder, SETS, "--queries", "30"), "--quiet")
    return folder


def test_of_two_runs_in_one_folder_the_second_is_refused_and_the_first_is_as_if_alone(
    data, tmp_path, alone, capsys
):
    folder = tmp_path / "run"
    with running(words("run", data, folder, SETS, "--queries", "30")) as first:
        wait_for(folder / "models", first)  # it trains
        tokir(*words("run", data, folder, SETS, "--queries", "30"), code=2)
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith(f"error: {folder} is in use by process {first.pid} on ")
        tokir("embed", folder, code=2)
        assert f"in use by process {first.pid}" in capsys.readouterr().err
        _, errors = first.communicate(timeout=PATIENCE)
        assert first.returncode == 0, errors
    assert rankings(folder) == rankings(alone) and scores(folder) == scores(alone)


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_stop_is_obeyed_and_the_same_command_resumes_to_the_same_scores(
    number, data, tmp_path, alone, capsys
):
    folder = tmp_path / "run"
    with running(words("run", data, folder, SETS, "--queries", "30")) as first:
        wait_for(folder / "models/bpe-500.static.contrastive+queries.s0", first)  # a training
        first.send_signal(number)
        _, errors = first.communicate(timeout=PATIENCE)
    assert first.returncode == 128 + number and "Traceback" not in errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("error: ") and "stopped" in last and "the same command resumes" in last
    assert not (folder / "results.json").exists()
    tokir("search", folder, "history", code=2)
    assert "is not ready to be searched: finish it with" in capsys.readouterr().err
    tokir(*words("run", data, folder, SETS, "--queries", "30"), "--quiet")
    assert rankings(folder) == rankings(alone) and scores(folder) == scores(alone)


def test_a_run_begun_anew_by_another_process_is_not_written_into(data, tmp_path):
    """The folder of a run that has made nothing yet may be begun by another one: whoever writes first has it."""
    sets = [f"data.source={json.dumps(str(data))}", *SETS]
    first, second = (Study(load_config("quickstart", [*sets, f"seeds=[{seed}]"]), tmp_path) for seed in (0, 1))
    with pytest.raises(TokirError, match="another process has begun another run in"):
        first.train()
    assert second.config.seeds == [1] and not (tmp_path / "models").exists()


def test_what_another_process_has_made_meanwhile_is_seen(alone, data, tmp_path):
    """The manifest is read again when the folder becomes free."""
    shutil.copytree(alone, tmp_path / "run")
    manifest = tmp_path / "run/manifest.jsonl"
    lines = manifest.read_text()
    manifest.write_text("")
    config = load_config("quickstart", [f"data.source={json.dumps(str(data))}", "data.queries=30", *SETS])
    study = Study(config, tmp_path / "run")
    manifest.write_text(lines)
    before = (tmp_path / "run/models/bpe-500.static.contrastive+queries.s0/final.safetensors").stat().st_mtime_ns
    study.train()
    after = (tmp_path / "run/models/bpe-500.static.contrastive+queries.s0/final.safetensors").stat().st_mtime_ns
    assert after == before and manifest.read_text() == lines
