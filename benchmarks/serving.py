"""Requests per second of ``/v1/embeddings``, beside the same model behind sentence-transformers and FastAPI.

    python benchmarks/serving.py runs/best-wiki

Loopback, a static system, clients that each send their next request when the last is answered. The peer is what one
writes with these two libraries: `SentenceTransformer.encode` in an endpoint with a Pydantic model on both sides, its
tables folded out of the run so that both give the same vectors (checked first). Both run on uvicorn with httptools and
uvloop. The processor time of a request, over all processes of a server, says more than the clock where other work
shares the machine. FastAPI is not a dependency of tokir: pip install fastapi.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from ratios import Ratio, of_speeds, report

PEER = str(Path(__file__).with_name("serving_peer.py"))
PEERS = "sentence-transformers + FastAPI"
PASSAGES = 32  # texts of a bulk request


def main() -> None:
    """Print a line for each server and job, and the ratios to the peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run with a static system")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    if find_spec("fastapi") is None:
        raise SystemExit("this benchmark needs its peer: pip install fastapi")
    name, files = static(asked.run)
    queries = [line.split("\t", 1)[1] for line in (asked.run / "queries.tsv").read_text("utf-8").splitlines()]
    bulk = [texts(asked.run, start) for start in range(0, 50 * PASSAGES, PASSAGES)]
    jobs = {
        "one query": [body(name, [query]) for query in queries],
        "one query, base64": [body(name, [query], encoding_format="base64") for query in queries],
        f"{PASSAGES} passages": [body(name, some) for some in bulk],
    }
    servers = {
        PEERS: [
            PEER,
            *(str(asked.run / files[file]) for file in ("table", "tokenizer")),
        ],
        "tokir serve": ["-m", "tokir", "serve", str(asked.run), "--port"],
        "tokir serve --workers 2": ["-m", "tokir", "serve", str(asked.run), "--workers", "2", "--port"],
    }
    vectors: dict[str, Any] = {}
    baseline: dict[str, tuple[float, ...]] = {}
    ratios: list[Ratio] = []
    print(f"{name}, {asked.clients} clients, {asked.seconds:.0f} s each; machine: {os.cpu_count()} cores")
    print(
        f"{'server':34} {'request':18} {'requests/s':>10} {'ratio':>6} {'p50 ms':>7} {'p99 ms':>7} {'cpu ms':>7} "
        f"{'ratio':>6}"
    )
    for server, words in servers.items():
        with running(words) as (port, process):
            vectors[server] = embed(port, jobs["one query"][0])
            for job, bodies in jobs.items():
                if server not in baseline and "base64" in job and "FastAPI" in server:
                    continue  # the peer has floats only
                asyncio.run(load(port, bodies, asked.clients, asked.seconds / 10))  # warm-up
                before = processor_seconds(process)
                times, seconds = asyncio.run(load(port, bodies, asked.clients, asked.seconds))
                cpu = (processor_seconds(process) - before) / len(times)
                rate = len(times) / seconds
                peer_rate, peer_cpu = baseline.setdefault(job.partition(",")[0], (rate, cpu))
                p50, p99 = (1000 * value for value in (statistics.median(times), np.percentile(times, 99)))
                print(
                    f"{server:34} {job:18} {rate:10.0f} {rate / peer_rate:5.1f}x {p50:7.2f} {p99:7.2f} "
                    f"{1000 * cpu:7.3f} {peer_cpu / cpu:5.1f}x"
                )
                if server != PEERS:
                    ratios.append(of_speeds(f"{server}, {job}", PEERS, rate, peer_rate, "requests/s"))
    report(ratios, asked.json)
    first, *others = vectors.values()
    print(f"largest difference of a vector's entries: {max(abs(first - other).max() for other in others):.1e}")


def static(run: Path) -> tuple[str, dict[str, str]]:
    """The first static system of a run, and the files of its encoder."""
    made = json.loads((run / "systems.json").read_text("utf-8"))["files"]
    return next((n, f["encoder"]) for n, f in made.items() if f.get("encoder", {}).get("kind") == "static")


def texts(run: Path, start: int) -> list[str]:
    """Passages of the run."""
    from tokir import open_run

    return open_run(run).passages.passages(start, start + PASSAGES)


def body(model: str, input: Sequence[str], **more: str) -> bytes:
    """A whole request over HTTP."""
    content = json.dumps({"model": model, "input": list(input), **more}).encode()
    head = f"POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"  # noqa: E501
    return head.encode() + content


# -- clients --------------------------------------------------------------------------------------------------


class Client(asyncio.Protocol):
    """Sends the next request when the last is answered; as little work as can be, since it shares the machine."""

    LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

    def __init__(
        self, bodies: Iterator[bytes], end: float, times: list[float], done: asyncio.Future[None]
    ) -> None:
        self.bodies, self.end, self.times, self.done = bodies, end, times, done
        self.missing, self.start = -1, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Send one."""
        self.missing, self.start = -1, time.perf_counter()
        self.transport.write(next(self.bodies))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        if self.missing < 0:
            head = data.index(b"\r\n\r\n")
            assert b" 200 " in data[:20], data[:1000]
            self.missing = int(self.LENGTH.search(data, 0, head)[1]) - (len(data) - head - 4)  # type: ignore[index]
        else:
            self.missing -= len(data)
        if self.missing == 0:
            now = time.perf_counter()
            self.times.append(now - self.start)
            if now < self.end:
                self.send()
            else:
                self.transport.close()
                self.done.set_result(None)


async def load(port: int, bodies: list[bytes], clients: int, seconds: float) -> tuple[list[float], float]:
    """Seconds of every request, and of all of it."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    start, done = time.perf_counter(), []
    for number in range(clients):
        mine = map(bodies.__getitem__, (i % len(bodies) for i in count(number * len(bodies) // clients)))
        done.append(loop.create_future())
        await loop.create_connection(partial(Client, mine, start + seconds, times, done[-1]), "127.0.0.1", port)
    await asyncio.gather(*done)
    return times, time.perf_counter() - start


def embed(port: int, request: bytes) -> np.ndarray:
    """The vector that a server gives for a request."""
    content = request.partition(b"\r\n\r\n")[2]
    asked = Request(f"http://localhost:{port}/v1/embeddings", content, {"content-type": "application/json"})
    with urlopen(asked) as answer:
        return np.array(json.load(answer)["data"][0]["embedding"], dtype=np.float32)


def processor_seconds(process: int) -> float:
    """What a process of Linux and those that it started have computed so far."""
    processes = [process, *map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())]
    fields = (Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split() for number in processes)
    return sum(int(user) + int(system) for *_, user, system in (field[:13] for field in fields)) / os.sysconf(
        "SC_CLK_TCK"
    )


@contextmanager
def running(words: list[str]) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port, and the number of the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, *words, str(port)])
    try:
        end = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, "the server did not start"
                time.sleep(0.1)
        time.sleep(1)  # workers
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


if __name__ == "__main__":
    main()
