"""Bodies in and out: JSON, and errors as JSON."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from tokir.serve.errors import Refusal

log = logging.getLogger("tokir")


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; float32 arrays are written with as many digits as tell them apart."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, "application/json")


def answer_error(error: Exception) -> Response:
    """The answer to a request that failed; what is not the client's mistake is logged in one line."""
    if not isinstance(error, Refusal):
        log_error(error)
        error = Refusal("the server failed on this request; its log says where", status=500, code="internal_error")
    return as_json(error.answer, error.status, dict(error.headers))


def log_error(error: Exception) -> None:
    """Say in one line what failed, and where."""
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" at {frame.filename}:{frame.lineno}" for frame in where)
    log.error("a request failed%s: %s: %s", place, type(error).__name__, str(error).partition("\n")[0])


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request; Refusal as soon as it is known to be longer than ``limit`` bytes."""
    said = next((value for name, value in request.scope["headers"] if name == b"content-length"), b"0")
    size, parts = int(said) if said.isdigit() else 0, []
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
