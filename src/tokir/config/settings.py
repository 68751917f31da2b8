"""What every group of settings has in common, and how names and small types are checked as settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class Settings(BaseModel):
    """Base of every group of settings: unknown keys are errors, values never change after checking."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_is_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        members = value if isinstance(value, list) else [value]
        if any(isinstance(one, bool) for one in members) and bool not in kinds and {int, float} & kinds:
            raise ValueError("write a number")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """A type, or those of a union, or of the members of a list."""
    parts = get_args(annotation)
    return {kind for part in parts for kind in _kinds(part)} if parts else {annotation}


def distinct(values: list[T], names: Sequence[object] | None = None) -> list[T]:
    """``values`` as they are; ValueError where one of their ``names`` (by default themselves) occurs twice."""
    named = list(values if names is None else names)
    if repeated := {str(name) for name in named if named.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(repeated))} is named more than once")
    return values


def text_schema(kind: type[T], parse: Callable[[str], T]) -> CoreSchema:
    """How pydantic checks and dumps a type that is written as a string: a value of it, or a string to ``parse``."""

    def check(value: Any) -> T:
        if isinstance(value, kind):
            return value
        if not isinstance(value, str):
            raise ValueError("write a name here")
        return parse(value)

    return core_schema.no_info_plain_validator_function(
        check, serialization=core_schema.to_string_ser_schema(when_used="json")
    )
