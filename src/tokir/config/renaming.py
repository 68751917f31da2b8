"""Settings that had another name once: still understood where settings are loaded, and renamed there."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tokir.errors import TokirError

RENAMED = {
    "training.learning_rate.*": "models.*.learning_rate",
    "retrieval.learning_rate.tokens": "retrieval.token_learning_rate",
    "retrieval.learning_rate.trained_tokens": "retrieval.trained_token_learning_rate",
    "retrieval.learning_rate.*": "models.*.retrieval_learning_rate",
    "retrieval.steps.*": "models.*.steps",
    "retrieval.batch_size.*": "models.*.batch_size",
    "retrieval.related": "retrieval.neighbours",
}
"""Old keys and what they are now; ``*`` is the name of an architecture."""
IN_VARIANTS = {
    old.removeprefix("retrieval."): new.removeprefix("retrieval.")
    for old, new in RENAMED.items()
    if old.startswith("retrieval.") and new.startswith("retrieval.")
}


def rename(values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Raw settings with the present keys in place of old ones, and what was renamed, in words.

    >>> rename({"retrieval": {"steps": {"static": 9}}})
    ({'models': {'static': {'steps': 9}}}, ['retrieval.steps.static is now models.static.steps'])

    Raises:
        TokirError: a setting is given under both of its names.
    """
    values = deepcopy(values)
    said = _rename(values, RENAMED)
    variants = values.get("variants")
    for number, variant in enumerate(variants if isinstance(variants, list) else []):
        changed = variant.get("retrieval") if isinstance(variant, dict) else None
        if isinstance(changed, dict):
            said += _rename(changed, IN_VARIANTS, f"variants.{number}.retrieval.")
    return values, said


def present_name(key: str) -> str | None:
    """The present name of an old setting or group of settings, for an error message; None where it has none.

    >>> present_name("retrieval.steps")
    'models.<architecture>.steps'
    """
    now = [new for old, new in RENAMED.items() if old == key or old.startswith(f"{key}.")]
    return " or ".join(now).replace("*", "<architecture>") or None


def _rename(values: dict[str, Any], renamed: dict[str, str], prefix: str = "") -> list[str]:
    said = []
    for old, new in renamed.items():
        *groups, last = old.split(".")
        group: Any = values
        for name in groups:
            group = group.get(name) if isinstance(group, dict) else None
        if not isinstance(group, dict):
            continue
        for key in list(group) if last == "*" else [last]:
            if key not in group:
                continue
            source, target = old.replace("*", str(key)), new.replace("*", str(key))
            _put(values, target, group.pop(key), f"{prefix}{source}", f"{prefix}{target}")
            said.append(f"{prefix}{source} is now {prefix}{target}")
        _drop_empty(values, groups)
    return said


def _put(values: dict[str, Any], key: str, value: Any, old: str, new: str) -> None:
    *groups, last = key.split(".")
    for name in groups:
        if values.get(name) is None:  # a group that is written without settings
            values[name] = {}
        values = values[name]
        if not isinstance(values, dict):
            raise TokirError(f"{old} is now {new}: write it there")
    if last in values:
        raise TokirError(f"{old} is now {new}, and both are set: leave {old} out")
    values[last] = value


def _drop_empty(values: dict[str, Any], groups: list[str]) -> None:
    """Remove the group that is left without settings, and those above it."""
    if not groups:
        return
    *above, last = groups
    for name in above:
        values = values[name]
    if not values[last]:
        del values[last]
