"""Around every request: whose it may be, how long it took, and an answer whatever goes wrong."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tokir.errors import TokirError
from tokir.serve.errors import Refusal
from tokir.serve.metrics import Metrics

log = logging.getLogger("tokir")
GONE = 499  # the client closed the connection; the number that web servers use for it
SAFE = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class Guard:
    """Refuses what is meant for another host, counts, and turns every error into JSON without a traceback.

    Args:
        app: that answers.
        metrics: where requests are counted.
        paths: of the endpoints, as the metrics name them.
        hosts: names under which this server is asked, where only some are let in: a web page can give its own name the
            address of this machine, and would then be allowed to read what is answered here (DNS rebinding).
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, paths: Mapping[Callable[..., Any], str], hosts: frozenset[str] | None
    ) -> None:
        self.app, self.metrics, self.paths, self.hosts = app, metrics, paths, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *SAFE]
            await send(message)

        self.metrics.begin()
        try:
            try:
                self._check_host(scope)
                await self.app(scope, receive, watched)
            except ClientDisconnect:
                status = GONE
            except Exception as error:
                if status:  # half of an answer is sent: the connection is closed, which shows that it is not whole
                    raise
                await answer_error(error)(scope, receive, watched)
        finally:
            path = self.paths.get(scope.get("endpoint") or _nothing, "other")
            self.metrics.end(path, status, time.perf_counter() - start)

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


def _nothing() -> None:
    """The endpoint of a path that there is not."""


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; float32 arrays are written with as many digits as tell them apart."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, "application/json")


def answer_error(error: Exception) -> Response:
    """The answer to a request that failed; what is not the client's mistake is logged in one line."""
    if not isinstance(error, Refusal):
        error = Refusal(str(error)) if isinstance(error, TokirError) else _unexpected(error)
    return as_json(error.answer, error.status, dict(error.headers))


def _unexpected(error: Exception) -> Refusal:
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" at {frame.filename}:{frame.lineno}" for frame in where)
    log.error("a request failed%s: %s: %s", place, type(error).__name__, str(error).partition("\n")[0])
    return Refusal("the server failed on this request; its log says where", status=500, code="internal_error")


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request; Refusal as soon as it is known to be longer than ``limit`` bytes."""
    said = request.headers.get("content-length", "0")
    size, parts = int(said) if said.isascii() and said.isdigit() else 0, []
    if size <= limit:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                break
            parts.append(part)
    if size > limit:
        raise Refusal(
            f"the body is longer than {limit:,} bytes: send it in several requests",
            status=413,
            code="too_large",
            headers=(("connection", "close"),),  # the rest of it is not read
        )
    return b"".join(parts)
