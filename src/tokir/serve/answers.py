"""The bodies of answers, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic describes those of the standard library from Python 3.12 on


class Embedding(TypedDict):
    """The unit vector of one text: a list of numbers, or little-endian float32 numbers in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(TypedDict):
    """Tokens that the system's tokenizer made of the texts; 0 where its library does not say."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(TypedDict):
    """Of ``POST /v1/embeddings``."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


class Model(TypedDict):
    """A system with a vector for each text."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    status: str
    reason: str | None
    dimensions: int | None


class Models(TypedDict):
    """Of ``GET /v1/models``."""

    object: Literal["list"]
    data: list[Model]


class FoundPassage(TypedDict):
    """A passage that a system found."""

    rank: int
    id: str
    score: float
    title: str
    text: str


class QueryResult(TypedDict):
    """What was found for one query, best first."""

    query: str
    hits: list[FoundPassage]


class SearchAnswer(TypedDict):
    """Of ``POST /search``: one result for each query, in their order."""

    system: str
    results: list[QueryResult]


class Passage(TypedDict):
    """Of ``GET /passages/ID``."""

    id: str
    title: str
    text: str


class SystemInfo(TypedDict):
    """A system of the run: whether this machine can answer with it, and if not, why."""

    id: str
    title: str
    status: str
    reason: str | None
    embeds: bool
    dimensions: int | None
    tokenizers: list[str]
    recall_at_10: float | None


class Systems(TypedDict):
    """Of ``GET /systems``, in the order of the study; notes say what has changed since."""

    systems: list[SystemInfo]
    notes: list[str]


class Health(TypedDict):
    """Of ``GET /health``: how many systems are ready, not loaded yet, and unavailable."""

    status: Literal["ok"]
    passages: int
    systems: dict[str, int]


class ErrorDetail(TypedDict):
    """One sentence that says what is wrong and what to do, and what programs can tell it by."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(TypedDict):
    """The body of every answer that is not a success, in the shape of OpenAI's API."""

    error: ErrorDetail
