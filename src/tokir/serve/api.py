"""The endpoints that programs call."""

from __future__ import annotations

import base64
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from tokir.errors import LONGEST
from tokir.serve.answers import (
    Embedding,
    Embeddings,
    Health,
    Model,
    Models,
    Passage,
    SearchAnswer,
    SystemInfo,
    Systems,
    Usage,
)
from tokir.serve.errors import Refusal
from tokir.serve.metrics import CONTENT_TYPE, Metrics
from tokir.serve.requests import EmbeddingsRequest, SearchRequest, read
from tokir.serve.responses import as_json, read_body
from tokir.serve.service import Service
from tokir.words import shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Api:
    """What each path does; the first line of a docstring is its summary in the OpenAPI document."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self.service, self.metrics = service, metrics

    async def embeddings(self, request: Request) -> Response:
        """Embed texts, as OpenAI's API does it."""
        asked = read(EmbeddingsRequest, await read_body(request, self.service.limits.body))
        asked.check(self.service.limits)
        system = self.service.known(asked.model, "model", self.service.embedders)
        vectors, tokens = await self.service.embed(asked.input, system)
        if asked.dimensions not in (None, vectors.shape[1]):
            raise Refusal(
                f"{system} has {vectors.shape[1]} dimensions: leave dimensions out; a system of first dimensions alone "
                "has a name of its own (/v1/models)",
                param="dimensions",
            )
        self.metrics.embedded(system, len(vectors), tokens or 0)
        rows: list[Any] = _base64(vectors) if asked.encoding_format == "base64" else list(vectors)
        data: list[Embedding] = [
            {"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)
        ]
        usage: Usage = {"prompt_tokens": tokens or 0, "total_tokens": tokens or 0}
        answer: Embeddings = {"object": "list", "data": data, "model": system, "usage": usage}
        return as_json(answer)

    async def models(self, request: Request) -> Response:
        """List the systems that embed, as OpenAI's API lists models."""
        answer: Models = {"object": "list", "data": [self._model(name) for name in self.service.embedders]}
        return as_json(answer)

    async def model(self, request: Request) -> Response:
        """One of the systems that embed."""
        return as_json(self._model(self.service.known(request.path_params["id"], "model", self.service.embedders)))

    async def search(self, request: Request) -> Response:
        """What one system finds for one query or for several."""
        asked = read(SearchRequest, await read_body(request, self.service.limits.body))
        asked.check(self.service.limits)
        system = self.service.default if asked.system is None else asked.system
        system = self.service.known(system, "system", self.service.run.systems)
        found = await self.service.search(asked.query, system, asked.passages(self.service.limits))
        self.metrics.searched(system, len(found))
        answer: SearchAnswer = {
            "system": system,
            "results": [
                {
                    "query": query,
                    "hits": [
                        {"rank": rank, "id": hit.id, "score": hit.score, "title": hit.title, "text": hit.text}
                        for rank, hit in enumerate(hits, start=1)
                    ],
                }
                for query, hits in zip(asked.query, found, strict=True)
            ],
        }
        return as_json(answer)

    async def passage(self, request: Request) -> Response:
        """A passage by its id."""
        found = self.service.run.find_passage(request.path_params["id"])
        if found is None:
            raise Refusal(
                f"no passage {shortened(request.path_params['id'], LONGEST)!r}: ids are those that a search gives",
                status=404,
                code="passage_not_found",
            )
        answer: Passage = {"id": found.id, "title": found.title, "text": found.text}
        return as_json(answer)

    async def systems(self, request: Request) -> Response:
        """List all systems, and say which this machine cannot answer with."""
        run = self.service.run
        answer: Systems = {"systems": [self._system(name) for name in run.systems], "notes": list(run.notes)}
        return as_json(answer)

    async def health(self, request: Request) -> Response:
        """Whether the server answers."""
        states: Counter[str] = Counter(self.service.state(name).status for name in self.service.run.systems)
        answer: Health = {"status": "ok", "passages": len(self.service.run.passages), "systems": dict(states)}
        return as_json(answer)

    async def prometheus(self, request: Request) -> Response:
        """Counts of requests, texts and tokens of all workers, in the text format of Prometheus."""
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)

    def _model(self, name: str) -> Model:
        service = self.service
        status, reason = service.state(name)
        return {
            "id": name,
            "object": "model",
            "created": service.created,
            "owned_by": "tokir",
            "status": status,
            "reason": reason,
            "dimensions": service.dimensions.get(name),
        }

    def _system(self, name: str) -> SystemInfo:
        service = self.service
        status, reason = service.state(name)
        return {
            "id": name,
            "title": service.about[name].title,
            "status": status,
            "reason": reason,
            "embeds": name in service.embedders,
            "dimensions": service.dimensions.get(name),
            "tokenizers": list(service.run.tokenizers_of(name)),
            "recall_at_10": service.about[name].recall,
        }


def _base64(vectors: NDArray[np.float32]) -> list[str]:
    """Little-endian float32 bytes of each vector."""
    little = vectors.astype("<f4", copy=False) if sys.byteorder == "big" else vectors
    return [base64.b64encode(row.tobytes()).decode("ascii") for row in little]
