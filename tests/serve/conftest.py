"""A small finished run behind an address of this process, and behind none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.testclient import TestClient

from tokir.serve.app import App, create_app
from tokir.serve.limits import Limits

STATIC = "bpe-500.static.contrastive+queries.learned.s0"
LSTM = "bpe-500.lstm.lm.mean-white.s0"


@pytest.fixture(scope="session")
def app(run) -> App:
    return create_app(run, Limits(), None)


@pytest.fixture(scope="session")
def client(app) -> TestClient:
    return TestClient(app)


@pytest.fixture(scope="session")
def address(app) -> Iterator[str]:
    """Of a server in a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server has not started"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
