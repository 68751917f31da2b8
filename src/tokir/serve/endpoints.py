"""The paths that there are: the application and the OpenAPI document are both made from this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tokir.serve import answers
from tokir.serve.requests import Body, EmbeddingsRequest, SearchRequest


@dataclass(frozen=True)
class Endpoint:
    """One path.

    Attributes:
        path: one that ends with ``{id}`` stands for all that start like it; an id may hold slashes.
        method: of HTTP.
        name: of the method of ``Api`` that answers.
        answer: what a success holds; a media type where that is no JSON.
        body: what is read.
        errors: the statuses of refusals, beside 500.
    """

    path: str
    method: Literal["GET", "POST"]
    name: str
    answer: Any
    body: type[Body] | None = None
    errors: tuple[int, ...] = ()


ENDPOINTS = (
    Endpoint("/v1/embeddings", "POST", "embeddings", answers.Embeddings, EmbeddingsRequest, (400, 404, 413, 503)),
    Endpoint("/v1/models", "GET", "models", answers.Models),
    Endpoint("/v1/models/{id}", "GET", "model", answers.Model, errors=(400, 404)),
    Endpoint("/search", "POST", "search", answers.SearchAnswer, SearchRequest, (400, 404, 413, 503)),
    Endpoint("/passages/{id}", "GET", "passage", answers.Passage, errors=(404,)),
    Endpoint("/systems", "GET", "systems", answers.Systems),
    Endpoint("/health", "GET", "health", answers.Health),
    Endpoint("/metrics", "GET", "prometheus", "text/plain"),
)
