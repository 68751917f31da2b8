"""What a study leaves out because the data set or this machine cannot give it, and it is not insisted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.config import Objective, StudyConfig, Variant
from tokir.errors import TokirError, Unavailable

if TYPE_CHECKING:
    from tokir.data import Dataset

Omissions = dict[str, str]
"""Part of an objective, or a variant, to the reason why it is left out."""
VARIANT = "the variant "


def find_omissions(config: StudyConfig, dataset: Dataset, download: bool) -> Omissions:
    """The parts of objectives that cannot be had here, and the variants that would then differ in nothing.

    Train queries are left out of summed objectives where the data set has none, and with
    ``retrieval.teacher_optional`` so is the teacher where none is on the machine.
    """
    from tokir.training.registry import OBJECTIVES

    used = {part for objective in config.trained_objectives for part in objective.all_parts}
    needs = {part: OBJECTIVES[part].needs for part in used}
    missing: Omissions = {}
    if any("train queries" in needed for needed in needs.values()) and not _has_train_queries(config, dataset):
        reason = "the data set has no train queries"
        missing |= {part: reason for part in sorted(used) if "train queries" in needs[part]}
    if any("teacher" in needed for needed in needs.values()) and config.retrieval.teacher_optional:
        from tokir.encoders.named import find

        name = config.retrieval.teacher
        try:
            find(name, config.pretrained_folders.get(name), download)
        except Unavailable as error:
            missing |= {part: f"no teacher: {error}" for part in sorted(used) if "teacher" in needs[part]}
    trained, left = ({name for name, *_ in of.retrieval_trainings()} for of in (config, _left(config, missing)))
    reasons = "; ".join(dict.fromkeys(missing.values()))
    gone = [variant for variant in config.variants if variant.name in trained - left]
    return missing | {_named(variant): reasons for variant in gone}


def sentences(omissions: Omissions) -> tuple[str, ...]:
    """What is left out, and why, as a reader is told."""
    return tuple(
        f"{part} is left out{'' if part.startswith(VARIANT) else ' of the objectives'}: {reason}"
        for part, reason in omissions.items()
    )


def leave_out(config: StudyConfig, omissions: Omissions) -> StudyConfig:
    """The configuration without the parts that are left out; ids of systems then say so.

    An objective that has nothing else is left out as a whole, unless it is the only one of its architecture, and with
    it a variant that is of no other.

    Raises:
        TokirError: nothing is left to train.
    """
    left = _left(config, omissions)
    for architecture, had in config.objectives.items():
        if had and not left.objectives[architecture]:
            raise TokirError(f"the objective {had[0]} cannot be trained: {'; '.join(omissions.values())}")
    return left


def _left(config: StudyConfig, omissions: Omissions) -> StudyConfig:
    """What is left of the configuration, which may be nothing."""
    if not omissions:
        return config

    def without(objectives: list[Objective]) -> list[Objective]:
        kept = [objective.without(omissions) for objective in objectives]
        return list(dict.fromkeys(objective for objective in kept if objective is not None))

    changed = {architecture: without(objectives) for architecture, objectives in config.objectives.items()}
    variants = [
        variant.model_copy(update={"objectives": left})
        for variant in config.variants
        if _named(variant) not in omissions
        if (left := variant.objectives and without(variant.objectives)) != []
    ]
    return config.model_copy(update={"objectives": changed, "variants": variants})


def _named(variant: Variant) -> str:
    return f"{VARIANT}{variant.name}"


def _has_train_queries(config: StudyConfig, dataset: Dataset) -> bool:
    data = config.data
    return dataset.evaluation_splits(data.split, data.queries, data.seed).train is not None
