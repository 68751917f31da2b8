"""The server's application: every request comes here, and gets an answer whatever goes wrong."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tokir.errors import LONGEST
from tokir.run import open_run
from tokir.serve.api import Api
from tokir.serve.current import Current
from tokir.serve.endpoints import ENDPOINTS
from tokir.serve.errors import Refusal
from tokir.serve.limits import Limits
from tokir.serve.metrics import Metrics
from tokir.serve.pages import Pages
from tokir.serve.responses import answer_error, log_error
from tokir.serve.service import Service
from tokir.words import shortened

Answer = Callable[[Request], Awaitable[Response]]
Answers = dict[str, dict[str, Answer]]
"""By path and method; a path that ends with ``{id}`` stands for all that start like it."""
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
    metrics = Metrics()
    return App(metrics, hosts, Current(run, partial(_answers, run, limits, metrics)))


def _answers(run: Path, limits: Limits, metrics: Metrics) -> Answers:
    """Who answers each path from the run as it is now."""
    service = Service(open_run(run), limits)
    api, pages = Api(service, metrics), Pages(service, metrics)
    answers: Answers = {path: {"GET": page} for path, page in pages.paths().items()}
    for endpoint in ENDPOINTS:
        answers.setdefault(endpoint.path, {})[endpoint.method] = getattr(api, endpoint.name)
    return answers


class App:
    """An ASGI application: looks up who answers a path, counts, and turns every error into JSON without a traceback.

    The paths are few and fixed, so one look-up finds them, without a router and its layers of handlers.

    Args:
        metrics: where requests are counted.
        answers: who answers; a request keeps to what it found first.
        hosts: names under which this server is asked, where only some are let in: a web page can give its own name the
            address of this machine, and would then be allowed to read what is answered here (DNS rebinding).
    """

    def __init__(self, metrics: Metrics, hosts: frozenset[str] | None, answers: Current[Answers]) -> None:
        self.metrics, self.hosts, self.answers = metrics, hosts, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start, answers = time.perf_counter(), self.answers.get()
        path = _path(answers, scope)
        self.metrics.begin()
        try:
            self._check_host(scope)
            response = await _answer(answers, path, scope)(Request(scope, receive))
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

    def _check_host(self, scope: Scope) -> None:
        if self.hosts is None:
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in self.hosts:
            asked = f"is not asked as {shortened(name, LONGEST)!r}" if name else "asks for a Host header"
            raise Refusal(
                f"this server listens on loopback and {asked}: ask it as localhost, or start it with --host",
                status=421,
                code="misdirected",
            )


def _path(answers: Answers, scope: Scope) -> str | None:
    """The path as it stands in ``answers``; None where there is none."""
    path: str = scope["path"]
    if path in answers:
        return path
    for known in answers:
        start = known.removesuffix("{id}")
        if start != known and path.startswith(start) and path != start:
            scope["path_params"] = {"id": path.removeprefix(start)}
            return known
    return None


def _answer(answers: Answers, path: str | None, scope: Scope) -> Answer:
    """Who answers; Refusal where nobody does."""
    if path is None:
        raise Refusal(f"there is nothing at {scope['path']}: the paths are listed at /docs", status=404)
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    by_method = answers[path]
    if method not in by_method:
        allowed = ", ".join(by_method).replace("GET", "GET, HEAD")
        raise Refusal(
            f"{scope['method']} is not answered at {scope['path']}: use {allowed}",
            status=405,
            headers=(("allow", allowed),),
        )
    return by_method[method]
