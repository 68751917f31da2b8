"""The settings that each architecture has for itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from tokir.config.settings import Settings
from tokir.models.registry import ARCHITECTURES


def _usual(setting: str) -> str:
    """Its defaults by architecture, in words."""
    return ", ".join(f"{ARCHITECTURES[name].defaults[setting]} ({name})" for name in ARCHITECTURES)


class ArchitectureSettings(Settings):
    """Rates, steps and batches of one architecture: each at its best, or a comparison would be of these."""

    learning_rate: float | None = Field(None, gt=0, le=1, description="peak as a language model, after warm-up")
    retrieval_learning_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="peak of its network when it is trained to retrieve; retrieval.token_learning_rate is that of the "
        "token vectors, which tolerate a much larger one",
    )
    steps: int = Field(ge=1, description=f"batches it is trained on to retrieve; by default {_usual('steps')}")
    taught_steps: int | None = Field(
        None,
        ge=1,
        description="the same where a teacher is followed, which takes fewer of them; by default `steps`",
    )
    batch_size: int = Field(
        ge=2,
        le=65_536,
        description=f"pairs in each of them, each a negative of the others; by default {_usual('batch_size')}",
    )

    @classmethod
    def of(cls, architecture: str, **changed: Any) -> ArchitectureSettings:
        """The defaults of an architecture, with some of them changed."""
        return cls.model_validate({**ARCHITECTURES[architecture].defaults, **changed})

    def of_stage(self, taught: bool) -> ArchitectureSettings:
        """The settings of one training, which follows a teacher or does not."""
        steps = self.taught_steps if taught and self.taught_steps is not None else self.steps
        return self.model_copy(update={"steps": steps, "taught_steps": None})

    @model_serializer(mode="wrap")
    def _used(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


def _filled(values: Any) -> Any:
    """Raw settings by architecture, each over its own defaults; ValueError where an architecture is unknown."""
    if not isinstance(values, dict):
        return values
    filled = {}
    for name, value in values.items():
        try:
            ARCHITECTURES.check(str(name))
        except (
            ValueError
        ) as error:  # said at once, or all that an unknown one has no defaults for would be listed too
            raise ValueError(f"models.{name}: {error}") from None
        filled[name] = {**ARCHITECTURES[name].defaults, **value} if isinstance(value, dict) else value
    return filled


def _fitting(values: dict[str, ArchitectureSettings]) -> dict[str, ArchitectureSettings]:
    """ValueError where an architecture has a learning rate that it has no use for, or lacks one."""
    for name, settings in values.items():
        entry = ARCHITECTURES[name]
        for field in ("learning_rate", "retrieval_learning_rate"):
            given, wanted = getattr(settings, field), getattr(entry, field)
            if given is not None and wanted is None:
                raise ValueError(
                    f"models.{name}.{field}: a {name} model has nothing that learns at it: leave it out"
                )
            if given is None and wanted is not None:
                raise ValueError(f"models.{name}.{field}: give a number, or leave it out for {wanted:g}")
    return values


ModelSettings = Annotated[dict[str, ArchitectureSettings], BeforeValidator(_filled), AfterValidator(_fitting)]
"""Settings by architecture; those that are not given are the architecture's defaults."""
