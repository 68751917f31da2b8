"""The pages for people: one to search from, and one that describes the paths. No script, nothing from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from tokir.report.templates import environment
from tokir.serve.errors import Refusal
from tokir.serve.metrics import Metrics
from tokir.serve.openapi import document
from tokir.serve.requests import check_query
from tokir.serve.responses import answer_error, as_json
from tokir.serve.service import Service
from tokir.untrusted import printable
from tokir.words import shortened

if TYPE_CHECKING:
    from jinja2 import Environment

HITS, MOST_HITS = 3, 20  # of each system on the page
EXCERPT = 240  # characters of a passage shown before it is unfolded
DAY = "max-age=86400"


class Pages:
    """Pages are made here and sent part by part: what each system found, as soon as it is there."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self.service, self.metrics = service, metrics
        self._name = printable(service.run.path.resolve().name)
        self._document = document(f"tokir: {self._name}")

    def paths(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        """Each path with what answers it."""
        return {
            "/": self.search,
            "/docs": self.docs,
            "/openapi.json": self.openapi,
            "/page.css": self.style,
            "/icon.svg": self.icon,
        }

    async def search(self, request: Request) -> Response:
        """Search by hand: per system what it found, and how each tokenizer cut the query."""
        query = request.query_params.get("query")
        top = request.query_params.get("top", "")
        hits = int(top) if top.isascii() and top.isdigit() and len(top) < 9 and int(top) else HITS
        hits = min(hits, MOST_HITS, self.service.limits.top)
        problem = None
        if query is not None:
            try:
                check_query(query, self.service.limits, "the query")
            except Refusal as refusal:
                problem = refusal.message
        return StreamingResponse(
            self._found(query, hits, problem), 400 if problem else 200, media_type="text/html"
        )

    async def docs(self, request: Request) -> Response:
        """The paths, out of the OpenAPI document."""
        return HTMLResponse(_templates().get_template("docs.html.jinja").render(document=self._document))

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        return as_json(self._document)

    async def style(self, request: Request) -> Response:
        """The style of both pages: the report's, and what is added to it."""
        parts = (files("tokir").joinpath(*path).read_text("utf-8") for path in _STYLES)
        return Response("\n".join(parts), headers={"cache-control": DAY}, media_type="text/css")

    async def icon(self, request: Request) -> Response:
        """The icon of both pages."""
        return Response(_ICON, headers={"cache-control": DAY}, media_type="image/svg+xml")

    async def _found(self, query: str | None, hits: int, problem: str | None) -> AsyncIterator[str]:
        page, run = self._page, self.service.run
        yield page.head(self._name, len(run.passages), run.notes, query or "", hits, MOST_HITS, self._longest)
        if problem is not None:
            yield page.problem(problem)
        elif query is None:
            yield page.systems([self._named(name) for name in self.service.by_weight()])
        else:
            yield page.cuts(list(self.service.cuts(query)))
            for name in self.service.by_weight():
                yield page.waiting(self._named(name))
                yield await self._section(name, query, hits)
        yield page.foot()

    async def _section(self, name: str, query: str, hits: int) -> str:
        try:
            found = (await self.service.search([query], name, hits))[0]
        except Exception as error:  # one system that fails leaves the others their answers
            refused = orjson.loads(answer_error(error).body)
            return str(self._page.missing(self._named(name), refused["error"]["message"]))
        self.metrics.searched(name, 1)
        return str(self._page.answer(self._named(name), found))

    def _named(self, name: str) -> dict[str, Any]:
        title, recall = self.service.about[name]
        return {
            "id": name,
            "title": title,
            "recall": recall,
            "tokenizers": self.service.run.tokenizers_of(name),
            "state": self.service.state(name),
        }

    @property
    def _longest(self) -> int:
        """Characters that fit into the field of the query: one more than are searched, so that more is refused."""
        return self.service.limits.query + 1

    @cached_property
    def _page(self) -> Any:
        return _templates().get_template("search.html.jinja").module


@lru_cache(maxsize=1)
def _templates() -> Environment:
    made = environment("serve")
    made.filters["excerpt"] = lambda text: shortened(text, EXCERPT)
    made.filters["json"] = lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return made


_STYLES = (("report", "page.css"), ("serve", "page.css"))
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0072b2"/>'
    '<path d="M3 5h4v2H3zM8 5h5v2H8zM3 9h6v2H3zM10 9h3v2h-3z" fill="#fff"/></svg>'
)
