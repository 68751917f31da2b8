"""``tokir serve`` as a process: what stops it, and what keeps it from starting."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from command import tokir
from serve.conftest import STATIC
from tokir.artifacts import file_digest
from tokir.serve import METRICS_FOLDER, process
from tokir.threads import COUNTS

PATIENCE = 180  # seconds, for a busy machine


def fetch(url: str, body: object = None) -> bytes:
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, content), timeout=PATIENCE) as answer:
        return answer.read()


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("workers", "stop"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_a_stopped_server_finishes_what_it_has_begun_and_has_written_nothing(run, workers, stop):
    before = {path: file_digest(path) for path in run.rglob("*") if path.is_file()}
    words = [sys.executable, "-m", "tokir", "serve", str(run), "--port", "0", "--workers", str(workers)]
    environment = {name: value for name, value in os.environ.items() if name != METRICS_FOLDER}
    server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())[0]
        for _ in range(5):
            fetch(f"{address}/search", {"query": "history", "top": 1})
        counted = fetch(f"{address}/metrics").decode()
        assert f'tokir_texts_total{{system="{STATIC}",work="search"}} 5.0' in counted  # of whichever worker
        answers = []
        long = {"model": STATIC, "input": ["history of anarchism " * 150] * 2_000}
        asking = threading.Thread(target=lambda: answers.append(fetch(f"{address}/v1/embeddings", long)))
        asking.start()
        end = time.monotonic() + PATIENCE
        while "tokir_requests_running 2.0" not in fetch(f"{address}/metrics").decode():  # it, and this one
            assert asking.is_alive() and time.monotonic() < end
        server.send_signal(stop)
        asking.join()
        assert len(json.loads(answers[0])["data"]) == 2_000
        _, errors = server.communicate(timeout=PATIENCE)
        assert server.returncode == 0 and errors == ""
    finally:
        server.kill()
        sys.stdout.write(server.communicate()[1])  # workers notice that they are alone
    assert {path: file_digest(path) for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_head_without_end_is_refused_and_a_signal_after_the_address_is_not_lost(run):
    words = [sys.executable, "-m", "tokir", "serve", str(run), "--port", "0"]
    for ask in (True, False):
        server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        try:
            port = int(re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())[1])
            if ask:
                fetch(f"http://127.0.0.1:{port}/health")
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                    connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
                    with contextlib.suppress(ConnectionError):
                        for _ in range(64):
                            connection.sendall(b"a" * (1 << 14))
                    with contextlib.suppress(ConnectionError):
                        assert connection.recv(1 << 10).startswith(b"HTTP/1.1 400")
                fetch(f"http://127.0.0.1:{port}/health")
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=PATIENCE)
            assert (server.returncode, errors) == (0, "")
        finally:
            server.kill()


def test_what_a_killed_server_has_left_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(process, "SECONDS_TO_HOLD", -1)
    left = tmp_path / f"{process.COUNTS}left"
    left.mkdir()
    with process._counted(2):
        held = Path(os.environ[METRICS_FOLDER])
        assert not left.exists()
        with process._counted(2):
            assert held.exists()  # by whom it is held
    assert not held.exists() and METRICS_FOLDER not in os.environ


def test_what_keeps_it_from_starting_is_one_line(run, tmp_path, capsys, monkeypatch):
    for name in COUNTS:  # given back afterwards
        monkeypatch.setenv(name, os.environ.get(name, "1"))

    def refused(*words: object) -> str:
        tokir("serve", *words, code=2)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        return lines[0]

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use: stop" in refused(run, "--port", port)
    assert "cannot be listened at" in refused(run, "--host", "no-such-host.invalid")
    assert "is not a run folder" in refused(tmp_path)
    assert "did you mean 'texts'" in refused(run, "--limit", "text=3")
    for number in ("0", "9" * 5000):
        assert "write a whole number above zero, for example top=100" in refused(run, "--limit", f"top={number}")
    monkeypatch.setattr(process, "LEAST_FREE", 1 << 60)
    assert "is nearly full, and workers count there" in refused(run, "--port", "0", "--workers", "2")
    monkeypatch.setattr(process, "REQUIRED", ("starlette", "no_such_library"))
    assert refused(run) == "error: serving needs no_such_library: pip install 'tokir[serve]'"
