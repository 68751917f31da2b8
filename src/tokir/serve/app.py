"""The server's application: its paths, and what stands around them."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokir.run import open_run
from tokir.serve.api import Api
from tokir.serve.endpoints import ENDPOINTS
from tokir.serve.errors import Refusal
from tokir.serve.guard import Guard, answer_error
from tokir.serve.limits import Limits
from tokir.serve.metrics import Metrics
from tokir.serve.pages import Pages
from tokir.serve.service import Service


def create_app(run: Path, limits: Limits, hosts: frozenset[str] | None) -> Starlette:
    """The application that answers from the run in a folder.

    Args:
        run: the run folder, which is only read.
        limits: of requests.
        hosts: names under which it lets itself be asked; None for any.

    Raises:
        TokirError: there is no run, or one of its files is missing or damaged.
    """
    service, metrics = Service(open_run(run), limits), Metrics()
    api, pages = Api(service, metrics), Pages(service, metrics)
    routes = [
        Route(endpoint.route, getattr(api, endpoint.name), methods=[endpoint.method]) for endpoint in ENDPOINTS
    ]
    routes += [Route(path, page, methods=["GET"]) for path, page in pages.routes().items()]
    paths = {route.endpoint: route.path_format for route in routes}
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, metrics=metrics, paths=paths, hosts=hosts)],
        exception_handlers={HTTPException: _not_there},
    )
    app.router.redirect_slashes = False  # a path is one path
    return app


async def _not_there(request: Request, error: Exception) -> Response:
    """The answer to a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    path, headers = request.url.path, tuple((error.headers or {}).items())
    if error.status_code == 405:
        allowed = dict(headers).get("Allow", "another method")
        message = f"{request.method} is not answered at {path}: use {allowed}"
    else:
        message = f"there is nothing at {path}: the paths are listed at /docs"
    return answer_error(Refusal(message, error.status_code, headers=headers))
