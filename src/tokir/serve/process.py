"""The server as processes: a socket, one worker or several behind it, and a stop that lets requests finish."""

from __future__ import annotations

import errno
import gc
import ipaddress
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from tokir.errors import STOPPING, TokirError
from tokir.serve.limits import Limits

if TYPE_CHECKING:
    from tokir.serve.app import App

BACKLOG = 2_048  # connections that wait to be accepted
PATIENCE = 120  # seconds that running requests have when the server is stopped
COUNTS, HELD = "tokir-metrics-", "held.lock"  # begins the name of a folder of metrics; a file in it
LEAST_FREE = 16 << 20  # bytes for these files, which are mapped: on a full disk a map ends the process
SECONDS_TO_HOLD = 60  # after which a folder that nobody holds is a dead server's
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
REQUIRED = ("starlette", "uvicorn", "httptools", "orjson", "prometheus_client")


def serve(run: Path, host: str, port: int, workers: int, limits: Limits, say: Callable[[str], None]) -> None:
    """Answer until SIGTERM or Ctrl-C; requests that run then are finished.

    Args:
        run: the run folder.
        host: an address of this machine; loopback lets itself be asked under its own names only.
        port: 0 for any that is free.
        workers: processes; they share the memory maps of the run folder.
        limits: of requests.
        say: is told the address once requests are taken.

    Raises:
        TokirError: a library is missing, the run cannot be opened, or the address cannot be had.
    """
    _require_libraries()
    listening = _bind(host, port)
    try:
        with _counted(workers):
            _answer(run, listening, workers, limits, say)
    finally:
        listening.close()


def is_loopback(host: str) -> bool:
    """Is an address, or a name, that of this machine for itself alone?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answer(run: Path, listening: socket.socket, workers: int, limits: Limits, say: Callable[[str], None]) -> None:
    import uvicorn

    from tokir.serve.app import create_app
    from tokir.serve.protocol import BoundedHttp
    from tokir.serve.workers import Workers

    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    hosts = LOOPBACK | {name} if is_loopback(host) else None
    app: Any = create_app(run, limits, hosts)  # what is wrong with the run is said before any worker starts
    if workers > 1:
        app = partial(_worker_app, run, limits, hosts)
        gc.collect()  # only workers hold the run, which they take up anew when it changes
    config = uvicorn.Config(
        app,
        factory=workers > 1,
        workers=workers,
        http=BoundedHttp,
        loop="auto",  # uvloop where it is installed
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=PATIENCE,
        timeout_worker_healthcheck=PATIENCE,  # loading a large library keeps a worker from answering
    )
    # Whoever has been told the address may stop the server: from then on a signal is not lost.
    with _stoppable():
        if workers == 1:
            server = uvicorn.Server(config)
            for number in STOPPING:
                signal.signal(number, lambda *_: setattr(server, "should_exit", True))
            say(f"http://{name}:{port}")
            server.run([listening])
        else:
            several = Workers(config, [listening])  # takes the signals itself
            say(f"http://{name}:{port}")
            several.run()


def _worker_app(run: Path, limits: Limits, hosts: frozenset[str] | None) -> App:
    """The application of one of several workers, which stops when the process that started it is gone."""
    from tokir.serve.app import create_app

    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    return create_app(run, limits, hosts)


def _require_libraries() -> None:
    from importlib.util import find_spec

    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        raise TokirError(f"serving needs {' and '.join(missing)}: pip install 'tokir[serve]'")


def _bind(host: str, port: int) -> socket.socket:
    """A socket that listens; TokirError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"port {port} of {host}"
        if error.errno == errno.EADDRINUSE:
            raise TokirError(f"{where} is in use: stop what listens there, or choose another --port") from None
        if error.errno == errno.EACCES:
            raise TokirError(f"{where} is for the system alone: choose a --port above 1023") from None
        reason = str(error.strerror or error).partition(" (while")[0]
        raise TokirError(f"{where} cannot be listened at ({reason}): choose another --host") from None


@contextmanager
def _counted(workers: int) -> Iterator[None]:
    """A folder in which several workers count together; one worker counts in its memory."""
    from tokir.serve import METRICS_FOLDER

    if workers == 1:
        os.environ.pop(METRICS_FOLDER, None)
        yield
        return
    _sweep()
    if shutil.disk_usage(tempfile.gettempdir()).free < LEAST_FREE:
        raise TokirError(
            f"{tempfile.gettempdir()} is nearly full, and workers count there in files that must grow: free some "
            "space, set TMPDIR, or use one worker"
        )
    with (
        tempfile.TemporaryDirectory(prefix=COUNTS, ignore_cleanup_errors=True) as folder,
        FileLock(Path(folder) / HELD),
    ):
        os.environ[METRICS_FOLDER] = folder
        try:
            yield
        finally:
            os.environ.pop(METRICS_FOLDER, None)


def _sweep() -> None:
    """Remove the folders of servers that were killed: whoever serves holds his own."""
    for folder in Path(tempfile.gettempdir()).glob(f"{COUNTS}*"):
        with suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime > SECONDS_TO_HOLD:
                with FileLock(folder / HELD, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and Ctrl-C stop the server, and its process then ends as one that has done its work.

    The server stops at these signals, and raises them once more when it has stopped.
    """
    before = [signal.signal(number, lambda *_: None) for number in STOPPING]
    try:
        yield
    finally:
        for number, handler in zip(STOPPING, before, strict=True):
            signal.signal(number, handler)
