"""Which trainings read which settings: a variant is trained where it changes something; what nobody reads is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from tokir.config.objective import Objective
from tokir.models.registry import ARCHITECTURES

if TYPE_CHECKING:
    from tokir.config.retrieval import RetrievalSettings, Variant
    from tokir.config.study import StudyConfig
    from tokir.config.training import TrainingSettings

OF_LANGUAGE_MODELS = (
    "epochs", "batch_size", "validations_per_epoch", "warmup", "gradient_clip", "dropout", "checkpoint", "precision",
)  # fmt: skip
"""Settings of ``training`` that nothing else reads."""


def varies(config: StudyConfig, variant: Variant, architecture: str, objective: Objective) -> bool:
    """Is a model of this architecture and objective another one in a variant?"""
    return variant.changes(architecture, objective) and any(
        _reads(architecture, objective, setting) for setting in _changed(config, variant)
    )


def check(config: StudyConfig, variant: Variant) -> None:
    """ValueError where a variant, or one of its settings, changes nothing."""
    trained = [
        (name, objective)
        for name in config.architectures
        for objective in config.objectives[name]
        if variant.changes(name, objective)
    ]
    if not trained:
        raise ValueError(f"variant {variant.name} fits no objective of this study that trains to retrieve")
    try:
        changed = _changed(config, variant)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in ("retrieval", *problem["loc"]))
        message = problem["msg"].removeprefix("Value error, ")
        raise ValueError(f"variant {variant.name}: {where}: {message[0].lower()}{message[1:]}") from None
    if not changed:
        raise ValueError(f"variant {variant.name} changes nothing: its settings are those of retrieval")
    for setting in changed:
        if not any(_reads(name, objective, setting) for name, objective in trained):
            named = ", ".join(dict.fromkeys(f"{name} for {objective}" for name, objective in trained))
            raise ValueError(
                f"variant {variant.name}: retrieval.{setting} changes nothing, since no model that it trains reads it: "
                f"{named}"
            )


def unread(config: StudyConfig) -> tuple[str, ...]:
    """A sentence for each setting of trainings that is not its default, and that no training of the study reads."""
    trained = [(name, objective) for name in config.architectures for objective in config.objectives[name]]
    models_language = any(objective.models_language for _, objective in trained)
    found = [
        f"retrieval.{name} is {value}"
        for name, value in _not_default(config.retrieval).items()
        if not any(_reads(*training, name) for training in trained)
    ]
    if not models_language:
        values = _not_default(config.training)
        found += [f"training.{name} is {values[name]}" for name in OF_LANGUAGE_MODELS if name in values]
    return tuple(f"{setting}, but no training of this study reads it" for setting in found)


def _changed(config: StudyConfig, variant: Variant) -> list[str]:
    """Settings of retrieval that a variant has otherwise than the study; ValidationError where one is wrong."""
    there = config.retrieval_of(variant.name)
    return [name for name in variant.retrieval if getattr(there, name) != getattr(config.retrieval, name)]


def _reads(architecture: str, objective: Objective, setting: str) -> bool:
    return objective.reads(setting, network=ARCHITECTURES[architecture].network is not None)


def _not_default(settings: RetrievalSettings | TrainingSettings) -> dict[str, object]:
    default = type(settings)()
    names = (name for name in type(settings).model_fields if getattr(settings, name) != getattr(default, name))
    return {name: getattr(settings, name) for name in names}
