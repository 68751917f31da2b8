"""How vectors are trained for retrieval, and the ablations of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tokir.config.names import ArchitectureName, PerturbationName, PretrainedName
from tokir.config.objective import Objective
from tokir.config.settings import Settings, distinct
from tokir.config.training import OptimizationSettings


def _ordered(lengths: tuple[int, int]) -> tuple[int, int]:
    least, most = lengths
    if least > most:
        raise ValueError(f"the shortest length comes first: write [{most}, {least}]")
    return lengths


_Tokens = Annotated[int, Field(ge=1, le=1_000_000)]
Lengths = Annotated[tuple[_Tokens, _Tokens], AfterValidator(_ordered)]
"""Fewest and most tokens."""
FirstDimensions = Annotated[list[Annotated[int, Field(ge=8)]], AfterValidator(distinct), AfterValidator(sorted)]


class RetrievalSettings(OptimizationSettings):
    """How vectors are trained for retrieval, by every objective but language modelling."""

    documents: int = Field(100_000, ge=2, description="passages to train on, drawn by seed; all when fewer")
    from_static: bool = Field(
        True,
        description="a network starts from the token vectors of the static model trained for the same objective; over "
        "single characters and bytes it never does",
    )
    token_learning_rate: float = Field(
        1e-2, gt=0, le=1, description="peak, after warm-up, of token vectors and weights"
    )
    trained_token_learning_rate: float = Field(
        1e-3, gt=0, le=1, description="the same where they come from an earlier training"
    )
    query_tokens: Lengths = Field((2, 20), description="shortest and longest crop that stands in for the query")
    passage_tokens: Lengths = Field(
        (60, 160), description="shortest and longest crop that stands in for the passage"
    )
    interaction: Literal["vector", "late"] = Field(
        "vector",
        description="how a batch is scored: by the cosine of one vector for each text, or by MaxSim of their tokens",
    )
    pairs: Literal["crop", "cloze", "title"] = Field(
        "crop", description="pairs without labels: two crops, a span and what is left, a title and its text"
    )
    titles: bool = Field(
        True,
        description="pairs without labels keep the title of their passage; those of queries and of a teacher always do",
    )
    query_share: float = Field(
        0.25, gt=0, lt=1, description="batches of judged train queries, where there are any"
    )
    negatives: Literal["batch", "bm25", "self"] = Field(
        "batch", description="hard negatives of train queries: none but the batch, BM25's, or the model's own"
    )
    token_dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of a text's tokens left out in training; none where a network reads single characters or "
        "bytes, since that would change the spelling",
    )
    neighbours: int = Field(
        32, ge=1, description="passages near each other, as the teacher sees it, that share a batch; 1 for none"
    )
    contrastive_weight: float = Field(0.3, ge=0, description="of the contrastive loss beside a teacher's")
    teacher_optional: bool = Field(False, description="train without distillation where the teacher is missing")
    teacher: PretrainedName = Field(
        "minilm", description="the pretrained encoder that distillation follows: a name, a folder or a hub id"
    )
    teacher_texts: int | None = Field(
        None,
        ge=1,
        le=100,
        description="query-like crops of a passage the teacher embeds; by default 24,000 / passages, 4 to 16",
    )
    passage_parts: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="distillation: share of the teacher's batches that are parts of passages, which take their "
        "passage's vector and cost the teacher nothing; half of those of query-distillation always are",
    )
    part_tokens: Lengths = Field((8, 40), description="shortest and longest of these parts")
    teacher_temperature: float = Field(0.03, gt=0, le=1, description="of the teacher's ranking of a batch")
    queries_per_batch: int = Field(
        128, ge=2, le=65_536, description="query-distillation: texts in a batch, each of which ranks all passages"
    )
    perturbed_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="query-distillation: share of queries and short crops misspelt in training; each learns the "
        "correct text's vector",
    )
    perturbations: Annotated[list[PerturbationName], AfterValidator(distinct)] = Field(
        ["typo-1", "typo-2", "drop", "swap", "add-diacritics"],
        min_length=1,
        description="query-distillation: how texts are misspelt, one drawn for each",
    )
    dimensions: int = Field(
        256,
        ge=8,
        le=4096,
        description="of the vectors trained here; those of query-distillation have as many as its teacher's",
    )
    matryoshka: FirstDimensions = Field(
        [],
        description="numbers of first dimensions that are trained to retrieve alone: the loss is the mean over these "
        "and all dimensions (Matryoshka; Kusupati et al., 2022)",
    )
    validations: int = Field(8, ge=1, le=1000, description="how often a training is validated")

    @model_validator(mode="after")
    def _matryoshka_has_vectors(self) -> RetrievalSettings:
        if self.matryoshka and self.interaction == "late":
            raise ValueError(
                "matryoshka trains the first dimensions of one vector for each text, which interaction: late does "
                "not have: leave one of them out"
            )
        return self


class Variant(Settings):
    """The same training with some settings changed: a model of its own, beside the one it differs from."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="part of the ids of its systems")
    retrieval: dict[str, Any] = Field(min_length=1, description="settings of ``retrieval`` that differ")
    architectures: list[ArchitectureName] | None = Field(
        None, description="of the study's architectures, these; by default all"
    )
    objectives: list[Objective] | None = Field(
        None, description="of the study's objectives, these; by default all"
    )

    @model_validator(mode="before")
    @classmethod
    def _changes_retrieval_alone(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        changed = values.get("retrieval")
        keys = set(changed) if isinstance(changed, dict) else set()
        if "models" in values or keys & {"steps", "batch_size", "learning_rate", "retrieval_learning_rate"}:
            raise ValueError(
                "a variant changes settings of retrieval alone; models.<architecture>.* are the same for all models of "
                "an architecture: set them under models, and compare two studies"
            )
        if shared := keys & {"documents", "teacher", "teacher_optional", "teacher_texts"}:
            raise ValueError(
                f"retrieval.{min(shared)} is one for all models of a study: set it under retrieval, and compare two "
                "studies"
            )
        return values

    def changes(self, architecture: str, objective: Objective) -> bool:
        """Is a model of this architecture and objective trained in this variant too?"""
        return (
            objective.retrieves
            and (self.architectures is None or architecture in self.architectures)
            and (self.objectives is None or objective in self.objectives)
        )
