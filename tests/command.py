"""The command line, in this process and in others."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tokir import cli

PATIENCE = 120  # seconds
SMALL = [
    "--set", "training.documents=80",
    "--set", "training.epochs=1",
    "--set", "tokenizers=[{type: bpe, vocabulary_size: 500}]",
    "--set", "models.static.steps=30",
    "--set", "models.static.batch_size=64",
    "--set", "retrieval.validations=1",
    "--set", "baselines=[bm25, canine]",
    "--set", "fusions=[{method: weighted, systems: [best, bm25]}]",
    "--set", "evaluation.bootstrap=200",
    "--set", "evaluation.latency_queries=5",
    "--queries", "60",
]  # fmt: skip


def words(command: str, data: object, out: object, sets: Iterable[str], *more: str) -> list[str]:
    """A command of a study on one thread, with settings changed."""
    changed = [word for value in sets for word in ("--set", value)]
    return [command, "quickstart", "--data", str(data), "--out", str(out), "--threads", "1", *changed, *more]


def tokir(*arguments: object, code: int = 0) -> None:
    """Run a command as the entry point does."""
    before, sys.argv = sys.argv, ["tokir", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main()
    finally:
        sys.argv = before
    assert (stop.value.code or 0) == code


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which never outlives the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tokir", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until a process has made a file."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, process.stderr and process.stderr.read()
        time.sleep(0.005)
