"""A study over two machines, as far as one computer can be two: what it makes must be what one machine makes.

    sudo .venv/bin/python benchmarks/machines.py        # Linux, with iproute2 and util-linux

Each machine has its own network with an address on a cable between the two, its own name, its own processes and its own
/tmp, where neither Python nor tokir may lie; they share the rest of the disk and the two cores. In turn:

* `torchrun`, a process on each machine: losses must be those of one process within 1e-5.
* Ray, a node on each machine, behind a token; the driver runs on the first.
* Ray once more, and the second machine is lost while the models train.

After the last two, every file without times must have the bytes that a run without a cluster gives it.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import yaml
from crash_points import TIMED

import tokir

ADDRESSES = {"one": "10.77.0.1", "two": "10.77.0.2"}
TOLERANCE = 1e-5  # relative, of losses over two processes
PATIENCE = 300  # seconds for a node, or a line, to come
STUDY: dict[str, Any] = {
    "name": "machines",
    "tokenizers": [{"type": "bpe", "vocabulary_size": 500}],
    "architectures": ["static", "lstm"],
    "objectives": {"lstm": ["lm", "contrastive+queries"], "static": ["contrastive+queries"]},
    "poolings": ["mean-white", "learned"],
    "baselines": ["bm25"],
    "training": {"documents": 60, "epochs": 1, "batch_size": 7, "dropout": 0},
    "retrieval": {"dropout": 0, "validations": 2},
    "models": {"static": {"steps": 20, "batch_size": 33}, "lstm": {"steps": 100, "batch_size": 16}},
    "evaluation": {"robustness": []},
}
TOKIR = [sys.executable, "-m", "tokir"]
STUDY_OPTIONS = ["--threads", "1", "--quiet"]


class Machines:
    """Two of them, with a folder that both see."""

    def __init__(self, shared: Path) -> None:
        self.shared, self._running = shared, ExitStack()
        (shared / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{ADDRESSES[m]} {m}\n" for m in ADDRESSES)
        )
        (shared / "study.yaml").write_text(yaml.safe_dump(STUDY))
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(Path(tokir.__file__).parent.parent),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def begin(self, machine: str, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Begin a command on a machine; what it says goes to a file, unless ``stderr`` says otherwise."""
        within = [
            f"hostname {machine}",
            "mount -t tmpfs none /tmp",
            "mount -t tmpfs none /dev/shm",
            f"mount --bind {shlex.quote(str(self.shared / 'hosts'))} /etc/hosts",
            "mkdir /tmp/home",
            f"HOME=/tmp/home exec {shlex.join(command)}",
        ]
        apart = ["unshare", "--uts", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
        log = (self.shared / f"{machine}.log").open("a")
        self._running.enter_context(log)
        process = subprocess.Popen(
            ["ip", "netns", "exec", _network(machine), *apart, "sh", "-ec", "\n".join(within)],
            cwd=self.shared,
            env=self.environment,
            text=True,
            start_new_session=True,
            **{"stdout": log, "stderr": log, **options},
        )
        self._running.callback(lose, process)
        return process

    def close(self) -> None:
        """End whatever still runs."""
        self._running.close()


def _network(machine: str) -> str:
    return f"tokir-{machine}"


@contextmanager
def machines() -> Iterator[Machines]:
    """Two machines, and their cable, for as long as the block runs."""
    ends = [f"cable-{machine}" for machine in ADDRESSES]
    with ExitStack() as stack:
        shared = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True)))
        for machine in ADDRESSES:
            ip("netns", "add", _network(machine))
            stack.callback(ip, "netns", "delete", _network(machine))
        first, second = (_network(machine) for machine in ADDRESSES)
        ip("link", "add", ends[0], "netns", first, "type", "veth", "peer", "name", ends[1], "netns", second)
        for machine, end in zip(ADDRESSES, ends, strict=True):
            ip("-n", _network(machine), "address", "add", f"{ADDRESSES[machine]}/24", "dev", end)
            for device in ("lo", end):
                ip("-n", _network(machine), "link", "set", device, "up")
        found = Machines(shared)
        stack.callback(found.close)
        yield found


def ip(*words: str) -> None:
    """Run iproute2."""
    subprocess.run(["ip", *words], check=True)


def lose(process: subprocess.Popen[str]) -> None:
    """Kill all processes of a machine that a command has begun."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    """Print what each way makes, against one machine."""
    if sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("unshare")):
        sys.exit("it needs Linux, root, ip (iproute2) and unshare (util-linux)")
    if any(Path(path).resolve().is_relative_to("/tmp") for path in (tokir.__file__, sys.prefix)):
        sys.exit("tokir and Python must lie outside of /tmp, of which each machine has its own")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was set up is taken down
    with machines() as both:
        alone = both.shared / "alone"
        done(both.begin("one", [*TOKIR, "run", "study.yaml", "--out", str(alone), *STUDY_OPTIONS]))
        ok = by_torchrun(both, alone)
        for lost in (False, True):
            ok &= by_ray(both, alone, lost)
    sys.exit(not ok)


def done(process: subprocess.Popen[str]) -> None:
    """Wait until it has ended well."""
    if process.wait() != 0:
        raise SystemExit(f"exit code {process.returncode}: {shlex.join(map(str, process.args))}")  # type: ignore[arg-type]


def by_torchrun(both: Machines, alone: Path) -> bool:
    """A process on each machine, and one run folder."""
    out, began = both.shared / "torchrun", time.monotonic()
    run = [str(Path(sys.executable).with_name("torchrun")), "--nnodes=2", "--nproc-per-node=1"]
    run += ["--master-addr=one", "--master-port=29500"]
    train = ["-m", "tokir", "train", "study.yaml", "--out", str(out), *STUDY_OPTIONS]
    ranks = [both.begin(m, [*run, f"--node-rank={rank}", *train]) for rank, m in enumerate(ADDRESSES)]
    for process in ranks:
        done(process)
    paths = sorted(alone.glob("models/*/history.jsonl"))
    pairs = [
        (json.loads(here), json.loads(there))
        for path in paths
        for here, there in zip(
            path.read_text().splitlines(), (out / path.relative_to(alone)).read_text().splitlines(), strict=True
        )
    ]
    off: float = max(abs(b[loss] - a[loss]) / a[loss] for a, b in pairs for loss in ("loss", "training_loss"))
    print(
        f"torchrun: {len(paths)} models, losses within {off:.1e} of one process, {time.monotonic() - began:.0f} s"
    )
    return off < TOLERANCE


def by_ray(both: Machines, alone: Path, lost: bool) -> bool:
    """A node on each machine; a second one is perhaps lost."""
    out, began = both.shared / f"ray-{lost}", time.monotonic()
    node = ["ray", "start", "--num-cpus=1", "--disable-usage-stats", "--block"]
    head = both.begin("one", [*node, "--head", f"--node-ip-address={ADDRESSES['one']}"])
    other = both.begin(
        "two", [*node, f"--address={ADDRESSES['one']}:6379", f"--node-ip-address={ADDRESSES['two']}"]
    )
    status = ["ray", "status", f"--address={ADDRESSES['one']}:6379"]
    wait_for_nodes(both, status)
    engine = ["--engine", f"ray://{ADDRESSES['one']}:10001", "--threads", "1"]
    run = [*TOKIR, "run", "study.yaml", "--out", str(out), *engine]
    driver = both.begin("one", run, stderr=subprocess.PIPE)
    assert driver.stderr is not None
    trained = follow(driver.stderr, other if lost else None)
    done(driver)
    for process in (other, head):
        lose(process)
    made = {path.relative_to(alone).as_posix() for path in alone.glob("*/**/*") if path.is_file()}
    files = sorted(name for name in made if not TIMED.fullmatch(name))
    differ = [name for name in files if (alone / name).read_bytes() != (out / name).read_bytes()]
    what = "the second machine lost in mid-training" if lost else f"trainings on {trained} nodes"
    print(
        f"Ray: {what}, {len(files) - len(differ)} of {len(files)} files the same, {time.monotonic() - began:.0f} s"
    )
    print(*(f"  other bytes: {name}" for name in differ), sep="\n", end="\n" if differ else "")
    return not differ and (lost or trained == len(ADDRESSES))


def wait_for_nodes(both: Machines, status: Sequence[str]) -> None:
    """Come back when both nodes are there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        asked = both.begin("one", status, stdout=subprocess.PIPE)
        said, _ = asked.communicate()
        if said.count("node_") >= len(ADDRESSES):
            return
        time.sleep(2)
    raise SystemExit("the nodes do not find each other; the logs of both machines were: " + str(both.shared))


def follow(lines: IO[str], lost: subprocess.Popen[str] | None) -> int:
    """Read what the driver says, and lose a machine while models train; the nodes that trained."""
    nodes = set()
    for line in lines:
        if ".s0: on node" in line:
            nodes.add(line.split()[-1])
        if lost is not None and len(nodes) == len(ADDRESSES):
            lose(lost)
            lost = None
    return len(nodes)


if __name__ == "__main__":
    main()
