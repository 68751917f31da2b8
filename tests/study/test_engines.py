"""A study on a cluster of two nodes, one of which is lost on the way: what comes of it is what comes of a local run."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import loopback
import pytest
import torch

from command import tokir, words
from tokir.config import load_config
from tokir.errors import TokirError
from tokir.progress import Silent
from tokir.study import Machine, Study
from tokir.study.engines import check_engine, cluster

PATIENCE = 300  # seconds
SETS = [
    "tokenizers=[{type: bpe, vocabulary_size: 500}]", "architectures=[static, lstm]", "objectives={lstm: [lm]}",
    "poolings=[mean, learned]", "baselines=[]", "training.documents=400", "training.epochs=1",
    "models.static.steps=400", "models.static.batch_size=32", "retrieval.validations=1",
    "evaluation.bootstrap=100", "evaluation.latency_queries=2",
]  # fmt: skip
TIMED = ("/history.jsonl", "/training.json", "latency/", "results.", "report.")  # they hold seconds


def hashes(folder: Path) -> dict[str, str]:
    """Of all that a study makes and that tells no time."""
    lines = map(json.loads, (folder / "manifest.jsonl").read_text().splitlines())
    return {line["path"]: line["sha256"] for line in lines if not any(name in line["path"] for name in TIMED)}


def scores(folder: Path) -> dict[str, dict[str, float]]:
    return {row["id"]: row["scores"] for row in json.loads((folder / "results.json").read_text())["systems"]}


class Nodes:
    """Two nodes that listen at loopback alone; each has processes and a temporary folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Longer than Ray's own, since a busy machine is no fault, and shorter than a client waits: of a server that has
        # died, Ray says nothing until then.
        monkeypatch.setenv("RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S", str(cluster.SECONDS_TO_BEGIN // 3))
        monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # read when ray is imported
        from ray.cluster_utils import Cluster

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.cluster, self.address = Cluster(), f"ray://127.0.0.1:{port}"
        options = {"num_cpus": 1, "object_store_memory": 100 << 20}
        # The head tells Ray's makers that it is to tell them nothing; it is stopped, and no fault of ours.
        left = os.environ.get(loopback.LEFT, "")
        monkeypatch.setenv(loopback.LEFT, os.devnull)
        for name in ("head", "worker"):
            (folder / name).mkdir()
            monkeypatch.setenv("TMPDIR", str(folder / name))
            more = {"include_dashboard": False, "ray_client_server_port": port} if name == "head" else {}
            node = self.cluster.add_node(**options, **more)
        self.worker, self.worker_folder = node, folder / "worker"
        monkeypatch.delenv("TMPDIR")
        monkeypatch.setenv(loopback.LEFT, left)
        self._folder = folder

    def logs(self) -> str:
        """What Ray's servers of clients have said, where one of them did not begin."""
        return "".join(path.read_text() for path in self._folder.rglob("ray_client_server_*") if path.is_file())


@pytest.fixture
def nodes(monkeypatch) -> Iterator[Nodes]:
    if importlib.util.find_spec("ray") is None:  # not importorskip: what is set below is read when it is imported
        pytest.skip("ray is not installed")
    with tempfile.TemporaryDirectory(prefix="t-", ignore_cleanup_errors=True) as short:  # for names of sockets
        made = Nodes(Path(short), monkeypatch)
        yield made
        made.cluster.shutdown()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ray has no clusters on Windows")
def test_a_run_that_loses_one_of_two_nodes_makes_the_files_and_scores_of_a_local_run(nodes, data, tmp_path):
    local, spread = tmp_path / "local", tmp_path / "spread"
    command = [
        sys.executable,
        "-m",
        "tokir",
        *words("run", data, spread, SETS, "--queries", "20"),
        "--engine",
        nodes.address,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + PATIENCE
        while not list(nodes.worker_folder.glob("tokir-*/manifest.jsonl")):  # a training has begun there
            assert process.poll() is None and time.monotonic() < end, nodes.logs() + process.communicate()[1]
            time.sleep(0.01)
        nodes.cluster.remove_node(nodes.worker, allow_graceful=False)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, said
    begun = [line.split(": on node ")[0] for line in said.splitlines() if ": on node " in line]
    # What the lost node was at was begun once more; its first word of it may have been lost with it.
    assert len(begun) - len(set(begun)) in (0, 1), said
    assert "Traceback" not in said
    tokir(*words("run", data, local, SETS, "--queries", "20"), "--quiet")
    assert hashes(spread) == hashes(local)
    assert scores(spread) == scores(local)
    assert not list(spread.rglob("*.part*"))


def test_tasks_that_no_node_has_a_gpu_for_are_refused(monkeypatch):
    nodes = [{"Alive": True, "Resources": {"CPU": 8.0}}, {"Alive": False, "Resources": {"CPU": 8.0, "GPU": 1.0}}]
    monkeypatch.setattr(cluster, "_begun", lambda address: SimpleNamespace(nodes=lambda: nodes))
    context = SimpleNamespace(device=torch.device("cuda"), progress=Silent())
    with pytest.raises(TokirError, match=r"no node of the cluster has a GPU.*--device cpu"):
        cluster.Cluster(context, "ray://127.0.0.1:1").connect()


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarms on Windows")
def test_a_cluster_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=lambda **_: time.sleep(60)))
    monkeypatch.setattr(cluster, "SECONDS_TO_BEGIN", 1)
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(
        TokirError, match=r"ray://127\.0\.0\.1:1 is not reached: it did not answer within 1 seconds"
    ):
        cluster._begun("ray://127.0.0.1:1")
    assert signal.getsignal(signal.SIGALRM) == before


def test_an_engine_that_there_is_not_is_named_before_anything_is_done(tmp_path):
    with pytest.raises(TokirError, match="--engine rya: name local, ray, or ray://HOST:PORT"):
        Study(load_config("quickstart", []), tmp_path, Machine(engine="rya"))
    assert not list(tmp_path.iterdir())
    assert check_engine("ray://head:10001") == "ray://head:10001"
