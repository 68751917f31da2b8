"""``results.json`` and its companions, record by record: they are written from these and read into these.

Light on purpose (pydantic alone), since a search or a table on the terminal needs nothing else. Whoever changes what
an older reader understands changes ``SCHEMA``.
"""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field, JsonValue, model_validator

from tokir.evaluation.decision import significant
from tokir.evaluation.registry import HEADLINE
from tokir.results.base import Interval as Interval
from tokir.results.base import OpenRecord, Record, Score
from tokir.results.systems import System as System
from tokir.results.systems import Tokenizer as Tokenizer
from tokir.tokenizers.measures import ComparedTokenizer as ComparedTokenizer
from tokir.tokenizers.measures import Cut

SCHEMA: Literal[2] = 2
Turned = TypeVar("Turned", bound="Difference")
Answer = Literal["supported", "not supported", "cannot tell"]


class Difference(Record):
    """``a`` minus ``b``, over the same queries; ``p_holm`` is p after Holm's correction."""

    a: str
    b: str
    difference: float
    interval: Interval
    p: float
    p_holm: float

    @property
    def significant(self) -> bool:
        """Is it significant after correction, and does its interval say so too?"""
        return significant(self.p_holm, self.interval)

    def turned(self: Turned) -> Turned:
        """``b`` minus ``a``."""
        low, high = self.interval
        changed = {"a": self.b, "b": self.a, "difference": -self.difference, "interval": (-high, -low)}
        return self.model_copy(update=changed)


class Comparison(Difference):
    """Two systems on a measure.

    ``queries_needed`` is the number of queries like these at which the difference would be found, before correction;
    None where no number would do.
    """

    measure: str = HEADLINE
    queries_needed: int | None = None


class Ablation(Record):
    """Two systems that differ in one thing; ``comparison`` is their position among ``Results.comparisons``."""

    factor: str
    before: str
    after: str
    comparison: int
    p_holm: float


class Perturbation(Record):
    """What a perturbation does to queries: in words, to how many of them, and the first few before and after.

    One that changes none does not apply to these queries: there are no scores and comparisons under it.
    """

    name: str
    words: str
    changed: int
    examples: tuple[tuple[str, str], ...]


class PerturbationScore(Record):
    """Recall@10 of the perturbed queries, and its change against the queries as they were, with its interval.

    ``p_holm`` is that of no change, corrected over the perturbations of the system.
    """

    recall_at_10: Score = Field(alias=HEADLINE)
    change: float
    interval: Interval
    p_holm: float

    @property
    def significant(self) -> bool:
        """Is the change significant after correction, and does its interval say so too?"""
        return significant(self.p_holm, self.interval)

    @property
    def lowers(self) -> bool:
        """Does the perturbation lower recall@10 significantly?"""
        return self.significant and self.change < 0


class PerturbationComparison(Difference):
    """The best tokenizer of a configuration (``a``) and another of it, under a perturbation."""

    perturbation: str
    outcome: Literal["change", "recall@10"]


class Correlation(Record):
    """Spearman's correlation of an intrinsic measure of tokenizers with an outcome of their models.

    ``rho``, ``p`` and ``interval`` are None where the measure or the outcome is the same for all.
    """

    configuration: str
    measure: str
    outcome: str
    tokenizers: int
    rho: float | None = None
    p: float | None = None
    interval: Interval | None = None


class Sentence(Record):
    """A sentence of the verdict, and the paths of its numbers in ``results.json``."""

    text: str
    evidence: tuple[str, ...]


class Finding(Record):
    """A claim held against the numbers, and the paths of the numbers."""

    question: str
    claim: str
    answer: Answer
    evidence: tuple[str, ...]
    text: str

    @property
    def measured(self) -> bool:
        """Was anything measured that the claim is about?"""
        return bool(self.evidence)


class DatasetFacts(Record):
    """The evaluated data set; ``choices`` says how choices were made, ``notes`` what was left out or is odd."""

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
    notes: tuple[str, ...]


class Environment(Record):
    """The machine and the libraries."""

    versions: dict[str, str | None]
    system: str
    cpu: str
    cores: int | None
    threads: int
    gpu: str | None
    device: str


class EvaluationFacts(OpenRecord):
    """The settings of the evaluation that captions speak of."""

    depth: int
    bootstrap: int
    latency_queries: int


class BudgetFacts(OpenRecord):
    """The settings of what is the same for all tokenizers."""

    equal: str
    seconds: float | None
    window: str
    characters_per_token: float
    match: str


class Results(Record):
    """``results.json``.

    ``comparisons`` holds every pair of evaluated systems on recall@10; ``groups`` lists of ids of which no two differ
    significantly, best first; ``robustness`` scores by id and perturbation; ``settings`` the whole configuration.
    """

    schema_: Literal[2] = Field(SCHEMA, alias="schema")
    study: str
    created: str
    dataset: DatasetFacts
    environment: Environment
    settings: dict[str, JsonValue]
    systems: tuple[System, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[tuple[str, ...], ...] = ()
    ablations: tuple[Ablation, ...] = ()
    robustness: dict[str, dict[str, PerturbationScore]] = Field(default_factory=dict)
    perturbation_comparisons: tuple[PerturbationComparison, ...] = ()
    perturbations: tuple[Perturbation, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    chance: dict[str, Score]
    verdict: tuple[Sentence, ...] = ()
    findings: tuple[Finding, ...] = ()

    def share_changed(self, perturbation: Perturbation) -> float:
        """Of the evaluated queries, the share that a perturbation changes."""
        return perturbation.changed / self.dataset.queries

    @property
    def evaluation(self) -> EvaluationFacts:
        """Of the settings."""
        return EvaluationFacts.model_validate(self.settings.get("evaluation"))

    @property
    def budget(self) -> BudgetFacts | None:
        """Of the settings; None where they have none."""
        found = self.settings.get("budget")
        return None if found is None else BudgetFacts.model_validate(found)

    @model_validator(mode="after")
    def _settings_can_be_read(self) -> Results:
        _ = self.evaluation, self.budget
        return self


class Passage(Record):
    """A passage."""

    id: str
    title: str
    text: str


class FoundPassage(Passage):
    """A passage that a system ranked."""

    score: float
    relevant: bool


class Found(Record):
    """What a system found for a query."""

    first_relevant_rank: int | None
    passages: tuple[FoundPassage, ...]


class Example(Record):
    """A query of ``examples.json``: how each tokenizer cuts it, and what each system found."""

    query_id: str
    text: str
    pieces: dict[str, tuple[str, ...]]
    relevant: int
    relevant_passage: Passage
    systems: dict[str, Found]


class Disputed(Record):
    """A query of ``explorer.json`` that one system finds and another, with another tokenizer, misses.

    Ranks and pieces are of the two in this order.
    """

    found_by: str
    missed_by: str
    query: str
    ranks: tuple[int, int | None]
    query_pieces: tuple[tuple[str, ...], tuple[str, ...]]
    passage_pieces: tuple[tuple[str, ...], tuple[str, ...]]


class TokenizerComparison(Record):
    """``tokenizers.json``: tokenizers side by side, without any model."""

    schema_: Literal[2] = Field(SCHEMA, alias="schema")
    dataset: str
    checksum: str
    documents: int
    held_out: int
    environment: Environment
    tokenizers: tuple[ComparedTokenizer, ...]
    cuts: tuple[Cut, ...]
