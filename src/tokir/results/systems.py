"""A row of the result table: what a system is, how it was trained, what it scores and what it costs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tokir.evaluation.registry import HEADLINE
from tokir.results.base import Interval, OpenRecord, Record, Score

OWN = ("table", "network", "tokens", "terms")
"""What a system needs of its own: token vectors, a network, or only the tokens or terms that its index lists."""
UNREADABLE = 0.2  # share of unknown tokens above which a system has not read the corpus


class Percentiles(Record):
    """Milliseconds per query."""

    mean: float
    p50: float
    p95: float


class ModelValidation(OpenRecord):
    """One line of a language model's history; losses in nats per token."""

    epoch: float
    training_loss: float | None = None
    loss: float
    bits_per_character: float
    bits_per_byte: float


class LanguageModel(Record):
    """A trained language model on held-out documents; bits hold what restores the text that its tokenizer loses."""

    perplexity: float
    bits_per_character: float
    bits_per_byte: float
    epochs: float
    tokens_per_second: float | None = None
    precision: str | None = None
    history: tuple[ModelValidation, ...] = ()


class RetrievalValidation(OpenRecord):
    """One line of a retriever's history: how well it ranks its pool of validation passages."""

    step: int
    seconds: float
    mrr: Score
    recall_at_10: Score = Field(alias=HEADLINE)


class RetrievalTraining(Record):
    """How a retriever was trained; ``interaction`` is what its batches were scored by."""

    interaction: Literal["vector", "late"] = "vector"
    matryoshka: tuple[int, ...] = ()  # numbers of first dimensions that it was trained for
    steps: int
    best_step: int
    pairs_per_second: float
    precision: str
    history: tuple[RetrievalValidation, ...] = ()


class Tokenizer(OpenRecord):
    """A tokenizer: its settings, and its measures on held-out documents."""

    id: str
    type: str
    label: str | None = None  # what a reader calls the type
    vocabulary_size: int
    entries_asked: int | None = None  # words and characters may have fewer
    file: str | None = None
    lowercase: bool | None = None
    normalization: str | None = None
    prefix_space: bool | None = None
    pretokenization: str | None = None
    hashed: bool | None = None
    shortest_ngram: int | None = None
    longest_ngram: int | None = None
    with_words: bool | None = None
    hashes: int | None = None
    stemming: str | None = None
    stop_words: str | None = None
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


class Seen(Record):
    """What a training read, all stages together."""

    tokens: int
    characters: int


class Needs(Record):
    """What a system needs when it is used: something of :data:`OWN`, or a pretrained model by its name."""

    query: tuple[str, ...]  # for each query
    passage: tuple[str, ...]  # for each passage that is new

    @property
    def encoders_of_passages(self) -> list[str]:
        """Pretrained models that read a new passage, and no query."""
        return [name for name in self.passage if name not in (*OWN, *self.query)]


class Seconds(Record):
    """What making a system took: its training (all stages), its teacher's vectors, the vectors of the corpus
    (with late interaction its index).
    """

    train: float | None = None
    teacher: float | None = None
    embed: float | None = None


class Fused(Record):
    """What a fusion joins."""

    systems: tuple[str, ...]
    weights: tuple[float, ...]
    method: str | None = None


class System(Record):
    """One row of the result table.

    Trainings of one system that differ in their seed alone are one row: it has no ``seed`` but ``seeds``, and its id
    ends without one. ``runs`` names the ranked lists, one per seed.

    Attributes:
        tokenizer: of a fusion that of its members, where those that have one share it.
        stages: seconds of every training that the system rests on, by training; systems share them.
        teacher_files: seconds of every file of its teacher's vectors; systems share them too.
        unknown_rate: share of a pretrained model's tokens of the corpus that are unknown to it.
        validation_recall: recall@10 on the validation queries.
        index: what the vectors of passages are in, ``exact`` or for example ``int8-128``; None where there are none.
        index_label: the same for a reader.
        index_recall: of the ten passages that exact search over whole vectors finds first, the share that are among the
            ten first here too; None for that search itself.
        bytes_per_passage: of what it searches: vectors with what belongs to them, postings, best cosines.
        needs: what each query, and each new passage, needs.
        groups: numbers of the groups of ``Results.groups`` it belongs to.
    """

    id: str
    kind: str
    title: str
    tokenizer: Tokenizer | None = None
    architecture: str | None = None
    architecture_label: str | None = None
    objective: str | None = None
    objective_label: str | None = None
    variant: str | None = None
    pooling: str | None = None
    pooling_label: str | None = None
    index: str | None = None
    index_label: str | None = None
    index_recall: Score | None = None
    bytes_per_passage: float | None = None
    seed: int | None = None
    parameters: int | None = None
    dimensions: int | None = None
    seen: Seen | None = None
    language_model: LanguageModel | None = None
    retrieval_training: RetrievalTraining | None = None
    scores: dict[str, Score] | None = None
    intervals: dict[str, Interval] | None = None
    latency_ms: dict[str, Percentiles] | None = None
    status: Literal["ok", "unavailable"] = "ok"
    reason: str | None = None
    seconds: Seconds = Seconds()
    stages: dict[str, float] = Field(default_factory=dict)
    teacher_files: dict[str, float] = Field(default_factory=dict)
    whitening_strength: float | None = None
    components_removed: int | None = None
    longest_tokens: int | None = None
    truncated_passages: int | None = None
    unknown_rate: float | None = None
    fused: Fused | None = None
    needs: Needs | None = None
    validation_recall: Score | None = None
    runs: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    by_seed: tuple[Score, ...] = ()
    groups: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Was it evaluated?"""
        return self.status == "ok"

    @property
    def whole(self) -> bool:
        """Does it search vectors as they are, or no vectors?"""
        return self.index in (None, "exact")

    @property
    def could_read(self) -> bool:
        """Did it know enough of the corpus for its scores to say anything of it?"""
        return self.unknown_rate is None or self.unknown_rate <= UNREADABLE

    @property
    def minutes(self) -> float | None:
        """Minutes of training, the teacher's vectors included; None for what was not trained here."""
        seconds = [value for value in (self.seconds.train, self.seconds.teacher) if value is not None]
        return sum(seconds) / 60 if self.kind == "trained" and seconds else None

    @property
    def ranking(self) -> str:
        """The name of its ranked lists; those of the first seed where there are several."""
        return self.runs[0] if self.runs else self.id

    def score(self, measure: str = HEADLINE) -> float | None:
        """A score; None where there is none."""
        return (self.scores or {}).get(measure)

    def interval(self, measure: str = HEADLINE) -> Interval | None:
        """Its 95% interval."""
        return (self.intervals or {}).get(measure)

    def latency(self, stage: str = "total") -> Percentiles | None:
        """Milliseconds per query of a stage."""
        return (self.latency_ms or {}).get(stage)
