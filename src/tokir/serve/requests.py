"""The bodies of requests: read, checked, and described for the OpenAPI document by the same models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from tokir.errors import LONGEST, nearest
from tokir.serve.errors import Refusal
from tokir.serve.limits import Limits
from tokir.words import shortened

MOST = 20  # wrong fields that an answer names
_IDS = (
    "holds token ids, which mean other tokens here than in the tokenizer they come from: send the text itself "
    "(LangChain: check_embedding_ctx_length=False)"
)
_KINDS = {dict: "an object", list: "a list", bool: "a boolean", int: "a number", float: "a number"}
_TEXTS_SCHEMA = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    "description": "One text, or a list of texts. Token ids are refused.",
}


def _texts(value: Any) -> list[str]:
    """One text or several, as a list."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("is an empty list: send one text at least")
    for number, item in enumerate(items):
        if isinstance(item, str):
            continue
        ids = item if isinstance(item, list) else items
        if isinstance(value, list) and ids and all(type(number) is int for number in ids):
            raise ValueError(_IDS)
        where = f"[{number}] is" if isinstance(value, list) else " is"
        raise ValueError(f"{where} {_KINDS.get(type(item), 'null')}, not a text".lstrip())
    return items


Texts = Annotated[list[str], BeforeValidator(_texts), WithJsonSchema(_TEXTS_SCHEMA)]


class Body(BaseModel):
    """An object with these fields and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class EmbeddingsRequest(Body):
    """What ``POST /v1/embeddings`` reads, as in OpenAI's API."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"model": "SYSTEM", "input": ["who painted the ceiling", "a chapel in Rome"]}
        }
    )

    model: str = Field(description="A system of the run that has a vector for each text: see /v1/models.")
    input: Texts
    encoding_format: Literal["float", "base64"] | None = Field(
        "float", description="Lists of numbers, or the bytes of little-endian float32 numbers in base64."
    )
    dimensions: int | None = Field(None, description="Those of the system; others are refused.")
    user: str | None = Field(None, description="Taken for the sake of OpenAI's clients, and not used.")

    def check(self, limits: Limits) -> None:
        """Refusal where a text is blank or more is asked for than the limits allow."""
        if len(self.input) > limits.texts:
            raise _too_many("input", len(self.input), limits.texts, "texts", "send them in several requests")
        for number, text in enumerate(self.input):
            where = f"input[{number}]" if len(self.input) > 1 else "input"
            if not text.strip():
                raise Refusal(f"{where} is blank: send a text, or leave it out", param="input")
            if len(text) > limits.characters:
                raise _too_many(where, len(text), limits.characters, "characters", "send it in parts")


class SearchRequest(Body):
    """What ``POST /search`` reads."""

    model_config = ConfigDict(json_schema_extra={"example": {"query": "who painted the ceiling", "top": 3}})

    query: Texts
    system: str | None = Field(
        None, description="A system of the run, by default the first that loads no large library: see /systems."
    )
    top: int = Field(10, ge=1, description="Passages of each query, at most, within the server's limit.")

    def passages(self, limits: Limits) -> int:
        """How many are asked for; where nothing is said, no more than the limits allow."""
        return self.top if "top" in self.model_fields_set else min(self.top, limits.top)

    def check(self, limits: Limits) -> None:
        """Refusal where a query is blank or more is asked for than the limits allow."""
        if len(self.query) > limits.queries:
            raise _too_many("query", len(self.query), limits.queries, "queries", "send them in several requests")
        if self.passages(limits) > limits.top:
            raise Refusal(f"top is {self.top:,}: at most {limits.top:,} passages are given", param="top")
        for number, text in enumerate(self.query):
            check_query(text, limits, f"query[{number}]" if len(self.query) > 1 else "query")


def check_query(text: str, limits: Limits, where: str = "query") -> None:
    """Refusal where a query is blank or too long."""
    if not text.strip():
        raise Refusal(f"{where} is empty: give some words to look for", param="query")
    if len(text) > limits.query:
        raise _too_many(where, len(text), limits.query, "characters", "shorten it")


def _too_many(where: str, count: int, limit: int, what: str, remedy: str) -> Refusal:
    field = where.partition("[")[0]
    return Refusal(f"{where} has {count:,} {what}, and at most {limit:,} are taken: {remedy}", param=field)


Kind = TypeVar("Kind", bound=Body)


def read(kind: type[Kind], raw: bytes) -> Kind:
    """A body, checked; Refusal with one sentence that names every field that is wrong."""
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        found = error
    if (count := found.error_count()) > MOST:  # most of them are fields that nobody knows: none is looked for
        raise Refusal(f"{count:,} fields are wrong: allowed are {', '.join(kind.model_fields)}")
    problems = [dict(problem) for problem in found.errors(include_url=False, include_input=False)]
    first: Any = problems[0]["loc"]
    sentences = dict.fromkeys(_sentence(kind, problem) for problem in problems)
    raise Refusal("; ".join(sentences), param=shortened(str(first[0]), LONGEST) if first else None)


def _sentence(kind: type[Body], problem: dict[str, Any]) -> str:
    location, names = problem["loc"], list(kind.model_fields)
    where = shortened(str(location[0]), LONGEST) if location else "the body"
    if problem["type"] == "json_invalid":
        return f"the body is not JSON ({problem['ctx']['error']}): send an object with {' and '.join(_required(kind))}"
    if problem["type"] == "model_type":
        return f"the body is not an object: send one with {' and '.join(_required(kind))}"
    if problem["type"] == "missing":
        return f"{where} is missing: {_meaning(kind, where)}"
    if problem["type"] == "extra_forbidden":
        return f"unknown field {where!r}{nearest(where, names)}: allowed are {', '.join(names)}"
    message: str = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":  # of _texts, which says the place in a list too
        return f"{where}{message}" if message.startswith("[") else f"{where} {message}"
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _required(kind: type[Body]) -> list[str]:
    return [name for name, field in kind.model_fields.items() if field.is_required()]


def _meaning(kind: type[Body], name: str) -> str:
    words = kind.model_fields[name].description or "one text, or a list of texts"
    return f"send {words[:1].lower()}{words[1:].rstrip('.')}"
