"""All that a training needs, decided before it begins: one frozen plan for each model of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from tokir.artifacts import digest
from tokir.config import RetrievalSettings, TokenizerSettings, TrainingSettings
from tokir.errors import TokirError
from tokir.models.registry import STATIC
from tokir.study.context import Context
from tokir.study.documents import Documents
from tokir.study.teacher import Teacher
from tokir.study.tokenizers import Tokenizers
from tokir.systems import ModelPoint

if TYPE_CHECKING:
    from tokir.config import ArchitectureSettings
    from tokir.models import Model

UNBOUNDED = 10**9  # tokens: a static model has no window; it trains on whole crops
# Settings that do not change the weights of a model trained to retrieve, or that its plan holds by themselves.
APART = ("checkpoint", "teacher_optional")


@dataclass(frozen=True)
class Budget:
    """What a training may use up."""

    unit: Literal["tokens", "seconds"]
    amount: float


@dataclass(frozen=True)
class TrainingPlan:
    """One training: what is trained, with which settings, from which weights.

    Attributes:
        point: tokenizer, architecture, objective, variant and seed.
        own: settings of its architecture: learning rates, steps, batch size.
        training: how a language model is trained; its windows are those of this tokenizer.
        retrieval: how vectors are trained; its crops are those of this tokenizer, its dimensions its width.
        budget: what it may use up; None for the steps or epochs that its settings give.
        window: tokens that it reads at once when it embeds.
        width: of the states of its network.
        vocabulary_size: entries of its tokenizer.
        starts_from: the trainings whose weights it starts from: an earlier stage, a static model.
        inputs: all that its weights depend on, as JSON.
    """

    point: ModelPoint
    own: ArchitectureSettings
    training: TrainingSettings
    retrieval: RetrievalSettings
    budget: Budget | None
    window: int
    width: int
    vocabulary_size: int
    starts_from: tuple[TrainingPlan, ...]
    inputs: dict[str, Any]

    @property
    def id(self) -> str:
        """Names its folder, for example ``bpe-2k.lstm.lm.s0``."""
        return self.point.id

    @property
    def key(self) -> str:
        """Hash of all that its weights depend on."""
        return digest(self.inputs)

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self.retrieval.dimensions if self.point.retrieves else self.width

    @property
    def settings(self) -> TrainingSettings | RetrievalSettings:
        """Schedule, clipping, precision: those of what it is trained for."""
        return self.retrieval if self.point.retrieves else self.training

    @property
    def checkpoint(self) -> str:
        """Which of its weights embed: best or final."""
        return self.settings.checkpoint

    @property
    def static(self) -> bool:
        """Is it a model without a network?"""
        return not self.point.has_network

    @property
    def buckets(self) -> int:
        """Of each hash table, where token vectors are hashed; else 0."""
        return self.point.tokenizer.buckets

    @property
    def longest(self) -> int:
        """Tokens of the longest text that is read while training to retrieve."""
        return UNBOUNDED if self.static else self.window

    @property
    def parent(self) -> TrainingPlan | None:
        """The earlier stage whose weights it starts from."""
        return next((plan for plan in self.starts_from if plan.point == self.point.parent), None)

    @property
    def static_start(self) -> TrainingPlan | None:
        """The static model whose token vectors it starts from."""
        return next((plan for plan in self.starts_from if plan.point == self.point.static), None)


class Planner:
    """Makes the plan of each model once; tokenizers are trained for it if they are missing."""

    def __init__(self, context: Context, documents: Documents, tokenizers: Tokenizers, teacher: Teacher) -> None:
        self.context, self.documents = context, documents
        self.tokenizers, self.teacher = tokenizers, teacher
        self._plans: dict[ModelPoint, TrainingPlan] = {}

    def plan(self, point: ModelPoint) -> TrainingPlan:
        """The plan of a model of the grid.

        Raises:
            Unavailable: its teacher is not on this machine.
        """
        if point not in self._plans:
            self._plans[point] = self._make(point)
        return self._plans[point]

    def _make(self, point: ModelPoint) -> TrainingPlan:
        config, stretch = self.context.config, self._stretch(point.tokenizer)
        window = self._window(point.tokenizer)
        retrieval = _lengthened(config.retrieval_of(point.variant), stretch)
        if point.retrieves:
            taught = point.stage.queries_alone
            dimensions = self.teacher.dimensions if taught else self._width(point, STATIC, window)
            if point.tokenizer.hashed and dimensions % 8:
                raise TokirError(
                    f"{point.id}: hashed vectors have a multiple of 8 dimensions, those of the teacher {dimensions}: "
                    "name another teacher, or leave hashed out of the tokenizer"
                )
            if (first := retrieval.matryoshka[-1:]) and first[0] >= dimensions:
                raise TokirError(
                    f"{point.id}: retrieval.matryoshka: {first[0]} is not fewer than its {dimensions} dimensions"
                )
            retrieval = retrieval.model_copy(update={"dimensions": dimensions})
        if point.has_network and point.tokenizer.letters and "simcse" not in point.stage.parts:
            # A letter left out is another spelling, not a word less. The pairs of simcse differ in nothing else.
            retrieval = retrieval.model_copy(update={"token_dropout": 0.0})
        own = config.models[point.architecture].of_stage(taught="teacher" in point.stage.needs)
        if point.retrieves and point.stage.queries_alone:
            own = own.model_copy(update={"batch_size": retrieval.queries_per_batch})
        earlier = (point.parent, point.static if retrieval.from_static else None)
        plan = TrainingPlan(
            point=point,
            own=own,
            training=config.training.model_copy(update={"sequence_length": window}),
            retrieval=retrieval,
            budget=self._budget(point),
            window=window,
            width=self._width(point, point.architecture, window),
            vocabulary_size=self.tokenizers.get(point.tokenizer).vocabulary_size,
            starts_from=tuple(self.plan(before) for before in earlier if before is not None),
            inputs={},
        )
        return replace(plan, inputs=self._inputs(plan))

    def _stretch(self, tokenizer: TokenizerSettings) -> float:
        """Tokens of this tokenizer that hold the text of one token of the settings."""
        budget = self.context.config.budget
        if budget.window == "tokens" and not tokenizer.overlaps:  # so many n-grams would be a few words
            return 1.0
        return budget.characters_per_token / (self.tokenizers.characters_per_token(tokenizer) or 1.0)

    def _window(self, tokenizer: TokenizerSettings) -> int:
        """Tokens of this tokenizer that a network reads at once."""
        return max(1, round(self.context.config.training.sequence_length * self._stretch(tokenizer)))

    def _budget(self, point: ModelPoint) -> Budget | None:
        config = self.context.config
        budget = config.budget
        if budget.equal == "seconds":
            assert budget.seconds is not None
            return Budget("seconds", budget.seconds)
        if budget.equal == "tokens" and not point.retrieves:
            characters = sum(map(len, self.documents.training))
            return Budget("tokens", config.training.epochs * characters / budget.characters_per_token)
        return None

    def _width(self, point: ModelPoint, architecture: str, window: int) -> int:
        """Of the states of a network, or of the vectors of a retriever (``static``)."""
        from tokir.models import WIDTH, build_language_model, build_retriever
        from tokir.models.matching import count, matched_width

        config = self.context.config
        retrieval, match = config.retrieval_of(point.variant), config.budget.match
        usual = retrieval.dimensions if architecture == STATIC else WIDTH
        first = replace(point, tokenizer=config.tokenizers[0])
        if match == "none" or point == first:
            return usual

        def build(point: ModelPoint, window: int) -> Callable[[int], Model]:
            size = self.tokenizers.get(point.tokenizer).vocabulary_size
            training = config.training.model_copy(update={"sequence_length": window})

            def of(width: int) -> Model:
                if architecture == STATIC:
                    settings = retrieval.model_copy(update={"dimensions": width})
                    return build_retriever(STATIC, size, settings, 1, buckets=point.tokenizer.buckets)
                return build_language_model(architecture, size, training, width)

            return of

        wanted = count(lambda: build(first, self._window(first.tokenizer))(usual), match)
        return matched_width(build(point, window), usual, wanted, match)

    def _inputs(self, plan: TrainingPlan) -> dict[str, Any]:
        """All that a model's weights depend on."""
        config, point = self.context.config, plan.point
        inputs: dict[str, Any] = {
            **self.documents.inputs,
            "tokenizer": self.tokenizers.key(point.tokenizer),
            "architecture": point.architecture,
            "objective": str(point.objective),
            "seed": point.seed,
            "budget": config.budget.model_dump(),
            "own": plan.own.model_dump(mode="json"),
        }
        if config.budget.match != "none":
            inputs["matched"] = [plan.width, plan.dimensions]
        if not point.retrieves:
            return {**inputs, "training": config.training.model_dump(mode="json", exclude={"checkpoint"})}
        splits = (self.context.train_queries, self.context.validation)
        inputs |= {
            "retrieval": plan.retrieval.model_dump(mode="json", exclude={*APART, *_unused(plan)}),
            "window": plan.window,
            "queries": digest([split and [split.queries, split.qrels] for split in splits]),
            "starts_from": [[earlier.key, earlier.checkpoint] for earlier in plan.starts_from],
        }
        if "teacher" in point.stage.needs:
            inputs["teacher"] = self.teacher.checksum
        return inputs


def _unused(plan: TrainingPlan) -> Iterator[str]:
    """Settings of retrieval that its training does not read; were there more, finished trainings would be stale."""
    for name in ("queries_per_batch", "perturbed_share", "perturbations", "passage_parts", "part_tokens"):
        if not plan.point.stage.reads(name, plan.point.has_network):
            yield name
    if not plan.retrieval.matryoshka:
        yield "matryoshka"


def _lengthened(settings: RetrievalSettings, stretch: float) -> RetrievalSettings:
    """The settings with crops of as many tokens as hold their text."""
    lengths = {
        name: tuple(max(1, round(tokens * stretch)) for tokens in getattr(settings, name))
        for name in ("query_tokens", "passage_tokens", "part_tokens")
    }
    return settings.model_copy(update=lengths)
