"""A study as a whole: data, grid of systems, baselines, evaluation."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from tokir.config.index import WHOLE, IndexForms
from tokir.config.models import ArchitectureSettings, ModelSettings
from tokir.config.names import (
    ArchitectureName,
    BaselineName,
    ModelFolder,
    PerturbationName,
    PretrainedName,
)
from tokir.config.objective import Objective
from tokir.config.pooling import Pooling
from tokir.config.retrieval import RetrievalSettings, Variant
from tokir.config.settings import Settings, distinct
from tokir.config.tokenizer import TokenizerSettings
from tokir.config.training import BudgetSettings, Precision, TrainingSettings
from tokir.config.variants import check, varies
from tokir.encoders.registry import PRETRAINED, model_id
from tokir.models.registry import ARCHITECTURES, STATIC
from tokir.retrieval.registry import Method
from tokir.study.registry import BASELINES

BEST = ("best", "best-own", "best-maxsim")  # members found on the validation queries; the widest comes first
MOST_TOKENIZERS = 1_000
LONGEST = 120  # letters of a fusion's id that name its members
Seed = Annotated[int, Field(ge=0, lt=2**63)]


def _each_once(objectives: list[Objective]) -> list[Objective]:
    return distinct(objectives, [objective.in_any_order for objective in objectives])


class DataSettings(Settings):
    """Which passages and queries."""

    source: str = Field("wiki", min_length=1, description="a built-in data set, a folder or a file")
    split: str | None = Field(
        None,
        min_length=1,
        description="the queries to evaluate on; by default test, or dev where there is no test",
    )
    queries: int | None = Field(None, ge=1, description="evaluate on this many queries, drawn by seed")
    seed: int = Field(
        0,
        ge=0,
        description="draws queries, validation queries out of train, training and held-out documents, passages that "
        "are trained on, and a teacher's crops",
    )
    unknown_documents: Literal["error", "drop"] = Field(
        "error", description="what to do with judgements that name unknown passages or queries"
    )


class FusionSettings(Settings):
    """Several systems as one.

    ``best`` is the system trained here that does best on the validation queries, of those with one vector per
    passage; ``best-own`` of those among them whose passages need no teacher; ``best-maxsim`` of those with late
    interaction. In one fusion they stand for different systems, ``best`` for the next best one, if there are
    any; a system that two of them stand for is a member once.
    """

    method: Method = Field("weighted", description="weighted sum of z-scores, or reciprocal ranks")
    systems: Annotated[list[str], AfterValidator(distinct)] = Field(
        ["best", "bm25"], min_length=2, description="ids of its members, or best, best-own, best-maxsim"
    )

    @property
    def id(self) -> str:
        """For example ``best+bm25.weighted``; of many members the first letters and a hash, since it names files."""
        members = "+".join(self.systems)
        if len(members) > LONGEST:
            members = f"{members[:LONGEST]}~{hashlib.sha256(members.encode()).hexdigest()[:8]}"
        return f"{members}.{self.method}"


class LateInteractionSettings(Settings):
    """The index of late interaction: the best cosine of each entry of a vocabulary with each passage."""

    kept: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the passages that each entry keeps, those nearest to it; all others count as near as the "
        "last one kept",
    )


class EvaluationSettings(Settings):
    """What is measured, and how often."""

    depth: int = Field(1000, ge=100, le=100_000, description="passages kept in a ranking")
    bootstrap: int = Field(10_000, ge=100, le=1_000_000, description="resamples behind a 95% interval")
    latency_queries: int = Field(100, ge=1, description="queries timed one at a time, after warm-up")
    robustness: Annotated[list[PerturbationName], AfterValidator(distinct)] = Field(
        [], description="perturbations of the queries, each evaluated beside the clean ones"
    )
    examples: int = Field(8, ge=0, le=1000, description="queries shown in full, drawn by seed")
    seed: int = Field(0, ge=0, description="of resampled queries, perturbations and the queries that are shown")


class StudyConfig(Settings):
    """One study: a data set, the grid of systems, baselines and an evaluation."""

    name: str = Field("study", pattern=r"^[A-Za-z0-9._-]+$", description="names the run folder")
    data: DataSettings = DataSettings()
    tokenizers: list[TokenizerSettings] = Field([TokenizerSettings()], min_length=1)
    architectures: list[ArchitectureName] = Field(
        ["lstm", "transformer"], min_length=1, description="each is trained over every tokenizer"
    )
    objectives: dict[ArchitectureName, Annotated[list[Objective], AfterValidator(_each_once)]] = Field(
        {},
        validate_default=True,
        description="what each architecture is trained for, by default its own; every objective is a model of its own",
    )
    models: ModelSettings = Field({}, validate_default=True)
    training: TrainingSettings = TrainingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    budget: BudgetSettings = BudgetSettings()
    variants: list[Variant] = Field([], description="ablations: models trained for retrieval in other ways")
    embedding_precision: Precision = Field(
        "fp32", description="arithmetic of embedding the corpus; queries are always embedded in fp32"
    )
    poolings: list[Pooling] = Field(
        [Pooling("mean"), Pooling("mean", "white"), Pooling("learned")],
        min_length=1,
        description="mean and sif of language models; learned of models trained for retrieval, and maxsim, late "
        "interaction, of static ones",
    )
    index: IndexForms = Field(
        [WHOLE],
        description="what the vectors of passages are put into: exact, or a list that begins with it; each is a system "
        "of its own, and a number of dimensions after a hyphen keeps the first ones alone",
    )
    lexical: bool = Field(False, description="rank by BM25 over the tokens of every tokenizer too")
    late_interaction: LateInteractionSettings = LateInteractionSettings()
    seeds: list[Seed] = Field([0], min_length=1, description="each model is trained once with each")
    architecture_seeds: dict[
        ArchitectureName, Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct)]
    ] = Field({}, description="seeds of an architecture's models, where they differ from the study's")
    baselines: list[BaselineName] = Field(
        ["bm25", "minilm"], description="systems that are not trained here: by name, hub id or folder"
    )
    fusions: list[FusionSettings] = Field([])
    pretrained_folders: dict[PretrainedName, ModelFolder] = Field(
        {}, description="local folders of pretrained models, by the name of the baseline or the teacher"
    )
    evaluation: EvaluationSettings = EvaluationSettings()

    @field_validator("tokenizers", mode="before")
    @classmethod
    def _grid(cls, values: Any) -> Any:
        """A list as the value of a tokenizer's setting stands for one tokenizer with each of its values."""
        if not isinstance(values, list):
            return values
        for number, entry in enumerate(values):
            for name, value in entry.items() if isinstance(entry, dict) else ():
                if value == []:
                    raise ValueError(f"tokenizers.{number}.{name} is an empty list: give a value")
        sizes = (math.prod(map(len, _choices(entry))) if isinstance(entry, dict) else 1 for entry in values)
        if (count := sum(sizes)) > MOST_TOKENIZERS:
            raise ValueError(
                f"their lists of values make {count:,} tokenizers, and a study has {MOST_TOKENIZERS:,}"
            )
        return [point for entry in values for point in (points(entry) if isinstance(entry, dict) else [entry])]

    @field_validator("objectives")
    @classmethod
    def _of_the_architectures(
        cls, values: dict[str, list[Objective]], info: ValidationInfo
    ) -> dict[str, list[Objective]]:
        """The objectives of the study's architectures and no others, so that equal studies have equal settings."""
        for name, trained in values.items():
            if not ARCHITECTURES[name].language_model and any(objective.models_language for objective in trained):
                raise ValueError(
                    f"objectives.{name}: a {name} model is for retrieval alone: it cannot be a language model"
                )
        defaults = {
            name: [Objective.parse(objective) for objective in ARCHITECTURES[name].objectives]
            for name in info.data.get("architectures", [])
        }
        return {name: values.get(name, default) for name, default in defaults.items()}

    @field_validator("models")
    @classmethod
    def _of_what_is_trained(
        cls, values: dict[str, ArchitectureSettings], info: ValidationInfo
    ) -> dict[str, ArchitectureSettings]:
        """The settings of the architectures that the study trains and no others."""
        names = list(info.data.get("architectures", []))
        objectives: dict[str, list[Objective]] = info.data.get("objectives", {})
        if any(objective.retrieves for trained in objectives.values() for objective in trained):
            names.append(STATIC)  # what networks trained to retrieve start from
        return {name: values.get(name) or ArchitectureSettings.of(name) for name in dict.fromkeys(names)}

    @model_validator(mode="before")
    @classmethod
    def _names_its_architectures(cls, values: Any) -> Any:
        """What is said of an architecture that is not trained would be lost without a word."""
        if not isinstance(values, dict) or "architectures" in values:
            return values
        trained = cls.model_fields["architectures"].get_default(call_default_factory=True)
        for field in ("objectives", "architecture_seeds"):
            given = values.get(field)
            named = list(given) if isinstance(given, dict) else []
            other = next((name for name in named if name not in trained), None)
            if other in ARCHITECTURES:
                raise ValueError(
                    f"{field}.{other}: architectures is not set, so only {' and '.join(trained)} are trained: set "
                    f"architectures, to [{', '.join(named)}] for example"
                )
        return values

    @model_validator(mode="after")
    def _has_systems(self) -> StudyConfig:
        if not (self.trained_objectives or self.baselines or self.lexical):
            raise ValueError("there is no system to make: name an objective, a baseline, or lexical: true")
        return self

    @model_validator(mode="after")
    def _has_poolings(self) -> StudyConfig:
        for name in self.architectures:
            # The states of a network differ in every context, so that late interaction would need an index of them.
            static = ARCHITECTURES[name].network is None
            for objective in self.objectives[name]:
                late = static and not objective.queries_alone  # tokens say nothing of a teacher's passages
                if not any(pooling.fits(objective) and (late or not pooling.late) for pooling in self.poolings):
                    suited = "learned" if objective.retrieves else "mean or sif"
                    raise ValueError(
                        f"poolings hold none for {name} with the objective {objective}, which takes {suited}"
                    )
        return self

    @property
    def trained_objectives(self) -> list[Objective]:
        """The objectives of all architectures, each once."""
        trained = (objective for name in self.architectures for objective in self.objectives[name])
        return list(dict.fromkeys(trained))

    @model_validator(mode="after")
    def _variants_fit(self) -> StudyConfig:
        for variant in self.variants:
            check(self, variant)
        return self

    @model_validator(mode="after")
    def _late_without_networks(self) -> StudyConfig:
        """The states of a network differ in every context: its tokens have no cosines to compute once for all texts."""
        for variant, name, objective in self.retrieval_trainings():
            if self.retrieval_of(variant).interaction == "vector":
                continue
            where = f"variant {variant}: " if variant else ""
            if ARCHITECTURES[name].network is not None:
                raise ValueError(
                    f"{where}retrieval.interaction: late is for static models, and {name} is a network: set late in a "
                    "variant whose architectures are [static]"
                )
            if objective.queries_alone:
                raise ValueError(
                    f"retrieval.interaction: late scores tokens against tokens, and {objective} keeps the "
                    "teacher's passage vectors: set late in a variant with other objectives"
                )
        return self

    @model_validator(mode="after")
    def _vectors_are_wide_enough(self) -> StudyConfig:
        """Widths that are known here; those of a teacher and of a baseline are checked when they are."""
        for variant, name, objective in self.retrieval_trainings():
            width, trained = (retrieval := self.retrieval_of(variant)).dimensions, retrieval.matryoshka
            if objective.queries_alone or self.budget.match != "none":
                continue
            for form in self.index:
                if misfit := form.misfit(width, name):
                    raise ValueError(misfit)
            if trained and trained[-1] >= width:
                raise ValueError(
                    f"retrieval.matryoshka: {trained[-1]} is not fewer than the {width} dimensions of {name}"
                )
        return self

    def retrieval_trainings(self) -> Iterator[tuple[str, str, Objective]]:
        """Variant (``""`` for none), architecture and objective of every training for retrieval."""
        for name in self.architectures:
            for objective in self.objectives[name]:
                if objective.retrieves:
                    yield "", name, objective
                for variant in self.variants:
                    if varies(self, variant, name, objective):
                        yield variant.name, name, objective

    def retrieval_of(self, variant: str) -> RetrievalSettings:
        """How vectors are trained in a variant; ``""`` is none of them."""
        changed = next((other.retrieval for other in self.variants if other.name == variant), {})
        return RetrievalSettings.model_validate({**self.retrieval.model_dump(), **changed})

    @model_validator(mode="after")
    def _models_have_ids_of_their_own(self) -> StudyConfig:
        taken = {name: name for name in (*BASELINES, *PRETRAINED, *BEST)}
        for name in self.pretrained_models:
            if (other := taken.setdefault(model_id(name), name)) != name:
                raise ValueError(
                    f"{name} would be called {model_id(name)} in tables and file names, as {other} is: put one of "
                    "them into a folder of another name"
                )
        return self

    @property
    def pretrained_models(self) -> list[str]:
        """The teacher, and every baseline that is a pretrained encoder, each once."""
        named = dict.fromkeys((self.retrieval.teacher, *self.baselines))
        return [name for name in named if name not in BASELINES]

    @model_validator(mode="after")
    def _widths_can_match(self) -> StudyConfig:
        networks = [name for name in self.architectures if ARCHITECTURES[name].network is not None]
        trained = [objective for name in networks for objective in self.objectives[name]]
        if self.budget.match != "none" and any(objective.retrieves for objective in trained):
            raise ValueError(
                "budget.match: a network trained to retrieve shares its width with the models it starts from, so it "
                "cannot be matched: leave match out, or train networks as language models alone"
            )
        taught = [one for one in self.trained_objectives if any(stage.queries_alone for stage in one.stages)]
        if self.budget.match != "none" and taught:
            raise ValueError(
                f"budget.match: the vectors of {taught[0]} are as wide as its teacher's, so they cannot be matched: "
                "leave match out, or train for another objective"
            )
        return self

    @field_validator("architecture_seeds")
    @classmethod
    def _seeds_of_what_is_trained(cls, values: dict[str, list[int]], info: ValidationInfo) -> dict[str, list[int]]:
        """The seeds of the study's architectures and no others, as with objectives."""
        trained = info.data.get("architectures", [])
        return {name: seeds for name, seeds in values.items() if name in trained}

    @field_validator("architectures", "poolings", "seeds", "baselines")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        return distinct(values)

    @field_validator("tokenizers", "fusions")
    @classmethod
    def _distinct_ids(cls, values: list[Any]) -> list[Any]:
        ids = [value.id for value in values]
        files = {value.id for value in values if getattr(value, "file", None)}  # called by their folders
        if twice := sorted(name for name in files if ids.count(name) > 1):
            raise ValueError(
                f"{', '.join(twice)} is named more than once: put one file into a folder of another name"
            )
        return distinct(values, ids)

    @field_validator("variants")
    @classmethod
    def _distinct_names(cls, values: list[Variant]) -> list[Variant]:
        return distinct(values, [value.name for value in values])


def points(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The grid of a tokenizer's settings.

    >>> points({"type": "bpe", "lowercase": [False, True]})
    [{'type': 'bpe', 'lowercase': False}, {'type': 'bpe', 'lowercase': True}]
    """
    return [dict(zip(entry, point, strict=True)) for point in product(*_choices(entry))]


def _choices(entry: dict[str, Any]) -> list[list[Any]]:
    return [value if isinstance(value, list) else [value] for value in entry.values()]
