"""The server's application: every request comes here, and gets an answer whatever goes wrong."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tokir.run import open_run
from tokir.serve.api import Api
from tokir.serve.endpoints import ENDPOINTS
from tokir.serve.errors import Refusal
from tokir.serve.limits import Limits
from tokir.serve.metrics import Metrics
from tokir.serve.pages import Pages
from tokir.serve.responses import answer_error, log_error
from tokir.serve.service import Service

Answer = Callable[[Request], Awaitable[Response]]
GONE = 499  # the client closed the connection; the number that web servers use for it
SAFE = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def create_app(run: Path, limits: Limits, hosts: frozenset[str] | None) -> App:
    """The application that answers from the run in a folder.

    Args:
        run: the run folder, which is only read.
        limits: of requests.
        hosts: see :class:`App`.

    Raises:
        TokirError: there is no run, or one of its files is missing or damaged.
    """
    service, metrics = Service(open_run(run), limits), Metrics()
    api, pages = Api(service, metrics), Pages(service, metrics)
    app = App(metrics, hosts)
    for endpoint in ENDPOINTS:
        app.add(endpoint.path, endpoint.method, getattr(api, endpoint.name))
    for path, page in pages.paths().items():
        app.add(path, "GET", page)
    return app


class App:
    """An ASGI application: looks up who answers a path, counts, and turns every error into JSON without a traceback.

    The paths are few and fixed, so that one look-up finds them. A router with its layers of handlers would make a short
    request a fifth slower.

    Args:
        metrics: where requests are counted.
        hosts: names under which this server is asked, where only some are let in: a web page can give its own name the
            address of this machine, and would then be allowed to read what is answered here (DNS rebinding).
    """

    def __init__(self, metrics: Metrics, hosts: frozenset[str] | None) -> None:
        self.metrics, self.hosts = metrics, hosts
        self._answers: dict[str, dict[str, Answer]] = {}

    def add(self, path: str, method: str, answer: Answer) -> None:
        """Let ``answer`` answer a path; one that ends with ``{id}`` stands for all that start like it."""
        self._answers.setdefault(path, {})[method] = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start, path = time.perf_counter(), self._path(scope)
        self.metrics.begin()
        try:
            self._check_host(scope)
            response = await self._answer(path, scope)(Request(scope, receive))
        except ClientDisconnect:
            response = Response(status_code=GONE)  # which nobody reads
        except Exception as error:
            response = answer_error(error)
        response.raw_headers += SAFE
        try:
            await response(scope, receive, send)
        except Exception as error:  # half of an answer is sent: the connection is closed, which shows it
            if not isinstance(error, ClientDisconnect):
                log_error(error)
        finally:
            self.metrics.end(path or "other", response.status_code, time.perf_counter() - start)

    def _path(self, scope: Scope) -> str | None:
        """The path as it was added; None where there is none."""
        path: str = scope["path"]
        if path in self._answers:
            return path
        for known in self._answers:
            start = known.removesuffix("{id}")
            if start != known and path.startswith(start) and path != start:
                scope["path_params"] = {"id": path.removeprefix(start)}
                return known
        return None

    def _answer(self, path: str | None, scope: Scope) -> Answer:
        """Who answers; Refusal where nobody does."""
        if path is None:
            raise Refusal(f"there is nothing at {scope['path']}: the paths are listed at /docs", status=404)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        answers = self._answers[path]
        if method not in answers:
            allowed = ", ".join(answers)
            raise Refusal(
                f"{scope['method']} is not answered at {scope['path']}: use {allowed}",
                status=405,
                headers=(("allow", allowed),),
            )
        return answers[method]

    def _check_host(self, scope: Scope) -> None:
        if self.hosts is None:
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in self.hosts:
            raise Refusal(
                f"this server listens on loopback and is not asked as {name!r}: ask it as localhost, or start it with "
                "--host",
                status=421,
                code="misdirected",
            )
