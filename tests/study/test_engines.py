"""A study on a cluster of two nodes, one of which is lost on the way: what comes of it is what comes of a local run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import tokir
from tokir.artifacts import Names

ray = pytest.importorskip("ray")
PATIENCE = 200  # seconds
SETS = [
    "tokenizers=[{type: bpe, vocabulary_size: 500}]", "architectures=[static, lstm]", "objectives={lstm: [lm]}",
    "poolings=[mean, learned]", "baselines=[]", "training.documents=100", "training.epochs=1",
    "models.static.steps=20", "models.static.batch_size=32", "retrieval.validations=1",
    "evaluation.bootstrap=100", "evaluation.latency_queries=2",
]  # fmt: skip


def words(data: Path, out: Path) -> list[str]:
    sets = [word for value in SETS for word in ("--set", value)]
    return ["run", "quickstart", "--data", str(data), "--out", str(out), "--queries", "20", "--threads", "1", *sets]


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[object]:
    """Two nodes on loopback, each with processes and a temporary folder of its own."""
    from ray.cluster_utils import Cluster

    made = Cluster()
    for name in ("head", "worker"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / name))
        made.add_node(
            num_cpus=1, object_store_memory=100 << 20, include_dashboard=False, ray_client_server_port=CLIENTS
        )
    monkeypatch.delenv("TMPDIR")
    yield made
    made.shutdown()
