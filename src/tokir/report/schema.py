"""What the report reads: ``results.json`` and ``examples.json``, checked field by field before anything is drawn.

Only what the report shows is named here; further keys in the files are let be.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tokir.artifacts import RunFolder
from tokir.errors import TokirError
from tokir.evaluation.significance import told_apart

HEADLINE = "recall@10"


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Percentiles(_Read):
    """Milliseconds per query."""

    mean: float
    p50: float
    p95: float


class Validation(_Read):
    """One line of a model's history; losses in nats per token."""

    epoch: float
    training_loss: float | None = None
    loss: float
    bits_per_character: float


class LanguageModel(_Read):
    """A trained model on held-out documents."""

    perplexity: float
    bits_per_character: float
    bits_per_byte: float
    epochs: float
    tokens_per_second: float | None = None
    precision: str | None = None
    history: list[Validation] = []


class Watched(_Read):
    """One line of a retriever's history: how well it ranks the pool it is watched on."""

    step: int
    seconds: float
    mrr: float
    recall_at_10: float = Field(alias="recall@10")


class RetrievalTraining(_Read):
    """How a retriever was trained."""

    steps: int
    best_step: int
    pairs_per_second: float
    precision: str
    history: list[Watched] = []


class Tokenizer(_Read):
    """A trained tokenizer on held-out documents."""

    id: str
    type: str
    vocabulary_size: int
    documents: int | None = None
    fertility: float | None = None
    bytes_per_token: float | None = None
    characters_per_token: float | None = None
    vocabulary_use: float | None = None
    whole_words: float | None = None
    continued_words: float | None = None
    renyi_efficiency: float | None = None
    unknown_rate: float | None = None
    round_trip: float | None = None
    lost_bits_per_character: float | None = None


class Seen(_Read):
    """What a training read."""

    tokens: int
    characters: int


class System(_Read):
    """One row of the result table."""

    id: str
    kind: str
    title: str
    tokenizer: Tokenizer | None
    architecture: str | None
    objective: str | None
    variant: str | None = None
    pooling: str | None
    seed: int | None
    seeds: list[int] = []
    runs: list[str] = []
    groups: list[int] = []
    by_seed: list[float] = []
    seen: Seen | None = None
    parameters: int | None
    dimensions: int | None
    language_model: LanguageModel | None
    retrieval_training: RetrievalTraining | None = None
    scores: dict[str, float | None] | None
    intervals: dict[str, tuple[float, float]] | None
    latency_ms: dict[str, Percentiles] | None
    status: Literal["ok", "unavailable"]
    reason: str | None
    seconds: dict[str, float] = {}
    whitening_strength: float | None = None
    components_removed: int | None = None
    longest_tokens: int | None = None
    truncated_passages: int | None = None

    @property
    def minutes(self) -> float | None:
        """Minutes of training, the teacher's vectors included; None for what was not trained here."""
        seconds = [self.seconds[name] for name in ("train", "teacher") if name in self.seconds]
        return sum(seconds) / 60 if self.kind == "trained" and seconds else None

    @property
    def ranking(self) -> str:
        """The name of its ranked lists; those of the first seed where there are several."""
        return self.runs[0] if self.runs else self.id

    @property
    def ok(self) -> bool:
        """Was it evaluated?"""
        return self.status == "ok"

    def score(self, measure: str = HEADLINE) -> float | None:
        """A score, None where there is none."""
        return (self.scores or {}).get(measure)

    def interval(self, measure: str = HEADLINE) -> tuple[float, float] | None:
        """Its 95% interval."""
        return (self.intervals or {}).get(measure)

    def latency(self, stage: str = "total") -> Percentiles | None:
        """Milliseconds per query of a stage."""
        return (self.latency_ms or {}).get(stage)


class Difference(_Read):
    """``a - b`` over the same queries."""

    a: str
    b: str
    difference: float
    interval: tuple[float, float]
    p_holm: float = 0.0

    @property
    def told_apart(self) -> bool:
        """Is the difference more than chance, after correction?"""
        return told_apart(self.model_dump())


class Comparison(Difference):
    """Of a measure, between two systems."""

    measure: str


class Ablation(_Read):
    """Two systems that differ in one thing."""

    factor: str
    before: str
    after: str
    comparison: int
    p_holm: float


class Finding(_Read):
    """A claim held against the numbers."""

    question: str
    claim: str
    answer: Literal["supported", "not supported", "cannot tell"]
    evidence: list[str]
    text: str


class Sentence(_Read):
    """A sentence of the verdict and where its numbers lie."""

    text: str
    evidence: list[str]


class Slip(_Read):
    """What a kind of slip does to queries."""

    variant: str
    words: str
    changed: int
    examples: list[tuple[str, str]]


class Change(_Read):
    """Scores of the queries with slips."""

    recall_at_10: float = Field(alias="recall@10")
    change: float
    interval: tuple[float, float]


class SlipComparison(Difference):
    """The best tokenizer of a recipe less another of it, under a slip."""

    slip: str
    outcome: str


class Correlation(_Read):
    """A measure of tokenizers against an outcome of their models."""

    recipe: str
    measure: str
    outcome: str
    tokenizers: int
    rho: float | None
    p: float | None
    interval: tuple[float, float] | None


class DatasetFacts(_Read):
    """The evaluated data set."""

    name: str
    source: str
    description: str
    checksum: str
    passages: int
    characters: int
    split: str
    queries: int
    relevant: int
    choices: str
    notes: list[str]


class Environment(_Read):
    """The machine and the libraries."""

    versions: dict[str, str | None]
    system: str
    cpu: str
    cores: int | None
    threads: int
    gpu: str | None
    device: str


class EvaluationFacts(_Read):
    """The settings that captions speak of."""

    depth: int
    bootstrap: int
    latency_queries: int


class BudgetFacts(_Read):
    """What is the same for all tokenizers."""

    equal: str
    seconds: float | None
    window: str
    characters_per_token: float
    match: str


class Settings(_Read):
    """The part of the configuration that captions speak of."""

    evaluation: EvaluationFacts
    budget: BudgetFacts | None = None


class Results(_Read):
    """``results.json``."""

    schema_: Literal[1] = Field(alias="schema")
    study: str
    created: str
    dataset: DatasetFacts
    environment: Environment
    settings: Settings
    systems: list[System]
    comparisons: list[Comparison]
    ablations: list[Ablation] = []
    groups: list[list[str]] = []
    robustness: dict[str, dict[str, Change]] = {}
    slips: list[Slip] = []
    slip_comparisons: list[SlipComparison] = []
    correlations: list[Correlation] = []
    verdict: list[Sentence] = []
    chance: dict[str, float]
    findings: list[Finding]


class Passage(_Read):
    """A passage as an example shows it."""

    id: str
    title: str
    text: str


class Found(Passage):
    """A passage that a system ranked."""

    relevant: bool


class FoundBy(_Read):
    """What a system found for a query."""

    first_relevant_rank: int | None
    passages: list[Found]


class Example(_Read):
    """A query, how each tokenizer cuts it, and what each system found."""

    query_id: str
    text: str
    pieces: dict[str, list[str]]
    relevant: int
    relevant_passage: Passage
    systems: dict[str, FoundBy]


class Disputed(_Read):
    """A query that one system finds and another, with another tokenizer, misses; pieces of the two in this order."""

    found_by: str
    missed_by: str
    query: str
    ranks: tuple[int, int | None]
    query_pieces: tuple[list[str], list[str]]
    passage_pieces: tuple[list[str], list[str]]


def read(folder: RunFolder) -> tuple[dict[str, Any], Results, list[Example], list[Disputed]]:
    """``results.json`` as it lies there and as checked values; ``examples.json`` and ``explorer.json``.

    The latter two are empty where there is no such file.

    Raises:
        TokirError: a file is missing, damaged, or of another version of tokir.
    """
    raw = folder.results()
    results = _checked(folder, "results.json", TypeAdapter(Results), raw)
    examples = _checked(folder, "examples.json", TypeAdapter(list[Example]), _list(folder, "examples.json"))
    disputed = _checked(folder, "explorer.json", TypeAdapter(list[Disputed]), _list(folder, "explorer.json"))
    return raw, results, examples, disputed


def _list(folder: RunFolder, name: str) -> Any:
    place = folder.path / name
    if not place.exists():
        return []
    try:
        return json.loads(place.read_text("utf-8"))
    except ValueError as error:
        raise _unreadable(folder, name, f"damaged ({error})") from None


def _checked(folder: RunFolder, name: str, kind: TypeAdapter[Any], value: Any) -> Any:
    if name == "results.json" and isinstance(value, dict) and value.get("schema") not in (None, 1):
        raise _unreadable(folder, name, f"of schema {value['schema']!r}, and this version of tokir reads schema 1")
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        problem = first["msg"][:1].lower() + first["msg"][1:]
        raise _unreadable(folder, name, f"damaged or of another version of tokir ({where}: {problem})") from None


def _unreadable(folder: RunFolder, name: str, why: str) -> TokirError:
    return TokirError(f"{folder.path / name}: {why}: make it again with `tokir evaluate {folder.path}`")
