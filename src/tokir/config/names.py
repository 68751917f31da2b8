"""Names that several groups of settings share, each checked against the registry of its kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from tokir.encoders.registry import PRETRAINED
from tokir.evaluation.registry import PERTURBATIONS
from tokir.models.registry import ARCHITECTURES
from tokir.retrieval.registry import INDEXES
from tokir.study.registry import check as check_baseline

ArchitectureName = Annotated[str, AfterValidator(ARCHITECTURES.check)]
PretrainedName = Annotated[str, AfterValidator(PRETRAINED.check)]
BaselineName = Annotated[str, AfterValidator(check_baseline)]
IndexName = Annotated[str, AfterValidator(INDEXES.check)]
PerturbationName = Annotated[str, AfterValidator(PERTURBATIONS.check)]
FusionName = Literal["weighted", "rrf"]
DEVICES = ("auto", "cpu", "cuda", "mps")
