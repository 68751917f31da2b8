"""Names that several groups of settings share, each checked against the registry of its kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from tokir.encoders.registry import model_name
from tokir.errors import TokirError, nearest
from tokir.evaluation.registry import PERTURBATIONS
from tokir.models.registry import ARCHITECTURES
from tokir.study.registry import check as check_baseline
from tokir.untrusted import expanded

ArchitectureName = Annotated[str, AfterValidator(ARCHITECTURES.check)]
# Folders become whole paths, so that a run can be resumed from anywhere.
PretrainedName = Annotated[str, AfterValidator(model_name)]
ModelFolder = Annotated[str, AfterValidator(lambda folder: str(expanded(folder).resolve()))]
BaselineName = Annotated[str, AfterValidator(check_baseline)]
PerturbationName = Annotated[str, AfterValidator(PERTURBATIONS.check)]
DEVICES = ("auto", "cpu", "cuda", "mps")


def check_device(device: str) -> None:
    """TokirError where it is not one of ``DEVICES``; whether it is there is seen when it is used."""
    if device not in DEVICES:
        raise TokirError(f"--device {device}{nearest(device, DEVICES)}: allowed are {', '.join(DEVICES)}")
