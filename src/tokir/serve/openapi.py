"""The OpenAPI document: what each path reads and gives, out of the records that check and make it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from tokir import __version__
from tokir.serve.answers import ErrorAnswer
from tokir.serve.api import Api
from tokir.serve.endpoints import ENDPOINTS, Endpoint

MEANINGS = {
    400: "The request cannot be answered; the message says why, and what to do.",
    404: "There is no such system or passage, or this machine cannot answer with that system.",
    413: "The body is too long.",
    421: "The server listens on loopback, and was asked by another name.",
    500: "The server failed; its log says where.",
    503: "Too many requests are waiting.",
}


def document(title: str) -> dict[str, Any]:
    """The document of a server, in version 3.1 of OpenAPI."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": "A finished run of tokir."},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    summary = (getattr(Api, endpoint.name).__doc__ or "").partition("\n")[0]
    if isinstance(endpoint.answer, str):
        content = {endpoint.answer: {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": _schema(endpoint.answer, schemas)}}
    refused = {"application/json": {"schema": _schema(ErrorAnswer, schemas)}}
    statuses = sorted({*endpoint.errors, 421})
    answers = {str(status): {"description": MEANINGS[status], "content": refused} for status in statuses}
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": summary,
        "responses": {"200": {"description": "The answer.", "content": content}, **answers},
    }
    if endpoint.body is not None:
        schema = _schema(endpoint.body, schemas)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if "{id}" in endpoint.path:
        operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    return operation


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, str]:
    """A reference to the schema of a record, which is put into ``schemas`` with those that it holds."""
    schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[kind.__name__] = schema
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
