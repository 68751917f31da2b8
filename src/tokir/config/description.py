"""Every setting as a line for a reader: its name as ``--set`` takes it, its default and what it means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import yaml
from pydantic_core import PydanticUndefined

from tokir.config.settings import Settings
from tokir.config.study import StudyConfig


@dataclass(frozen=True)
class Description:
    """One setting.

    Attributes:
        name: dotted; entries of a list by their number, 0 for all of them, those of a mapping by ``NAME``.
        default: as YAML in one line; empty where a value has to be given.
        meaning: in words.
    """

    name: str
    default: str
    meaning: str


def descriptions(group: type[Settings] = StudyConfig, prefix: str = "") -> Iterator[Description]:
    """The settings of a group and of those inside it, in the order of a study's file.

    >>> next(one for one in descriptions() if one.name == "tokenizers.0.lowercase").default
    'false'
    """
    for name, field in group.model_fields.items():
        inside, meaning = _groups(field.annotation), field.description or ""
        if not inside or meaning:
            yield Description(f"{prefix}{name}", "" if inside else _default(group, name), meaning)
        for place, other in inside:
            yield from descriptions(other, f"{prefix}{name}{place}.")


def _groups(annotation: Any) -> list[tuple[str, type[Settings]]]:
    """The groups of settings that a value holds, and how one of them is named after it."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [("", annotation)]
    kind, parts = get_origin(annotation), get_args(annotation)
    place = ".0" if kind is list else ".NAME" if kind is dict else ""
    found = [(place + inner, group) for part in parts for inner, group in _groups(part)]
    return list(dict.fromkeys(found))


def _default(group: type[Settings], name: str) -> str:
    value = group.model_fields[name].get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return ""
    written = group.model_construct(**{name: value}).model_dump(mode="json", include={name}).get(name)
    return yaml.safe_dump(written, default_flow_style=True, width=math.inf).removesuffix("...\n").strip()
