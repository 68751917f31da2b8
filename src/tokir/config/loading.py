"""Settings out of a preset, a YAML file and ``--set``; errors of one sentence that names the field."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from tokir.config.renaming import present_name, rename
from tokir.config.settings import Settings
from tokir.config.study import StudyConfig, points
from tokir.config.text import MOST_CHARACTERS, parse_yaml
from tokir.errors import TokirError, nearest, require_list, require_text
from tokir.models.registry import ARCHITECTURES, Architecture
from tokir.untrusted import expanded, read_text

log = logging.getLogger("tokir")

_PYDANTIC = re.compile(r"valid dictionary(?: or instance of \w+)?")  # what its words are to a user
PRESETS = ("quickstart", "reference", "objectives", "ablations", "tokenizers", "vocabulary", "best")


def load_config(preset_or_file: str, overrides: list[str] | None = None) -> StudyConfig:
    """Read a preset by name or a YAML file, apply ``key=value`` overrides, and check the result.

    Keys of overrides are dotted (``training.epochs=3``); values are YAML (``seeds=[0,1]``).

    Raises:
        TokirError: unknown preset, missing file, not YAML, an unknown key or a value out of bounds.
    """
    require_list(overrides or [], "overrides")
    for override in overrides or []:
        require_text(override)
    text, source = _read(preset_or_file)
    values = parse_yaml(text, source)
    if values is None:
        raise TokirError(f"{source}: it holds no settings: write some, or `{{}}` for the defaults")
    if not isinstance(values, dict):
        raise TokirError(f"{source}: a configuration is a mapping of settings, not {type(values).__name__}")
    values = _present(values, source)
    config, values_of_file = check_config(values, source), values
    given = []
    if overrides:
        values = _changeable(config, values)
        given = [_apply(values, override) for override in overrides]
        if renamed := [words for _, said in given for words in said]:
            log.warning("--set: %s", "; ".join(renamed))
        config = check_config(values, "--set")
    if preset_or_file not in PRESETS:  # which are for several architectures on purpose
        _say_what_is_not_read(config, values_of_file, source)
    for now, _ in given:
        _say_what_is_not_read(config, now, "--set")
    return config


def _say_what_is_not_read(config: StudyConfig, said: dict[str, Any], source: str) -> None:
    """Warn of settings of architectures that the study does not train, which would be lost without a word."""
    trained = {*config.architectures, *config.models}
    for group in ("objectives", "models", "architecture_seeds"):
        named = said.get(group)
        for name in named if isinstance(named, dict) else ():
            if name not in trained:
                log.warning("%s: %s.%s is not read: architectures does not name %s", source, group, name, name)


def check_config(values: dict[str, Any], source: str = "configuration") -> StudyConfig:
    """Check raw settings; raises TokirError with one sentence that names every field that is wrong.

    Settings under an old name are renamed, with a warning.
    """
    try:
        return StudyConfig.model_validate(_present(values, source))
    except ValidationError as error:
        problems = "; ".join(_sentence(dict(problem)) for problem in error.errors())
        raise TokirError(f"{source}: {problems}") from None
    except UnicodeEncodeError as error:
        found = error.object[error.start : error.end]
        raise TokirError(f"{source}: not valid Unicode: {found!r} is half of a surrogate pair") from None


def _read(preset_or_file: str) -> tuple[str, str]:
    """The text of a configuration, and what to call its source in messages."""
    path = expanded(preset_or_file)
    if preset_or_file in PRESETS:
        text = files("tokir").joinpath("presets", f"{preset_or_file}.yaml").read_text("utf-8")
        return text, f"preset {preset_or_file}"
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        hint = "; a data set is named by --data" if path.is_dir() else ""
        raise TokirError(
            f"unknown preset {preset_or_file!r}{nearest(preset_or_file, PRESETS)}: "
            f"name one of {', '.join(PRESETS)}, or a .yaml file{hint}"
        )
    try:
        return read_text(path, 4 * MOST_CHARACTERS), str(path)
    except UnicodeDecodeError:
        raise TokirError(f"{path}: not UTF-8: convert the file") from None
    except OSError as error:
        raise TokirError(f"{path}: cannot read the configuration: {error}") from None


def _present(values: dict[str, Any], source: str) -> dict[str, Any]:
    """Raw settings under their present names."""
    if not isinstance(values, dict):
        return values  # for the check to refuse
    try:
        values, renamed = rename(values)
    except TokirError as error:
        raise TokirError(f"{source}: {error}") from None
    if renamed:
        log.warning("%s: %s", source, "; ".join(renamed))
    return values


def _changeable(config: StudyConfig, values: dict[str, Any]) -> dict[str, Any]:
    """Every setting of a checked configuration, to be overridden.

    A checked configuration holds what its architectures use, and of tokenizers what follows from their type; overrides
    may name other architectures and types, so here is what was said (``values``) of each of them, or else the defaults
    of architectures.
    """
    dumped = config.model_dump(mode="json")
    said = {group: values.get(group) or {} for group in ("objectives", "models")}
    dumped["tokenizers"] = [point for entry in values.get("tokenizers") or [{}] for point in points(entry)]
    dumped["architecture_seeds"] = values.get("architecture_seeds") or {}
    dumped["objectives"] = {name: list(entry.objectives) for name, entry in _architectures()} | said["objectives"]
    dumped["models"] = {
        name: entry.defaults | (said["models"].get(name) or {}) for name, entry in _architectures()
    }
    return dumped


def _architectures() -> list[tuple[str, Architecture]]:
    return [(name, ARCHITECTURES[name]) for name in ARCHITECTURES]


def dump_config(config: StudyConfig) -> str:
    """The resolved configuration as YAML, in the order of the fields."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def _apply(values: dict[str, Any], override: str) -> tuple[dict[str, Any], list[str]]:
    """Change ``values`` by one ``key=value``: what it gives under its present name, and what was renamed."""
    path, value = _read_override(override)
    now, renamed = rename(_nested(path, value))
    # A group of settings that is given as a whole keeps those that it does not name.
    for new, changed in _leaves(now) if renamed or path[0] in _groups() else [(path, value)]:
        _assign(values, new, changed, override)
    return now, renamed


def _read_override(override: str) -> tuple[list[str], Any]:
    """The path of a setting, and the value that it is given."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise TokirError(f"--set {override}: write key=value, for example training.epochs=3")
    return key.strip().split("."), parse_yaml(text, f"--set {key}")


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    """The settings of which only that one is given."""
    for part in reversed(path):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _groups() -> list[str]:
    """The settings of a study that are groups of settings."""
    kinds = {name: field.annotation for name, field in StudyConfig.model_fields.items()}
    return [
        "models",
        *(name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Settings)),
    ]


def _leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], Any]]:
    """The paths in nested groups, and what lies there."""
    if not isinstance(values, dict):
        yield list(path), values
        return
    for key, value in values.items():
        yield from _leaves(value, (*path, str(key)))


def _assign(values: dict[str, Any], path: list[str], value: Any, override: str) -> None:
    *groups, last = path
    target: Any = values
    for depth, group in enumerate(groups):
        if isinstance(target, list) and _within(group, target):
            target = target[int(group)]
        elif isinstance(target, dict):
            target = target.setdefault(group, {})  # an unknown group is for the check to name
        else:
            raise _no_group(override, groups[: depth + bool(not isinstance(target, list))], target)
    if isinstance(target, list) and _within(last, target):
        target[int(last)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise _no_group(override, groups, target)


def _within(number: str, items: list[Any]) -> bool:
    """Is it the number of one of ``items``?"""
    return number in map(str, range(len(items)))


def _no_group(override: str, path: list[str], target: Any) -> TokirError:
    """Why nothing can be set below a path."""
    if isinstance(target, list):
        name, last = ".".join(path), len(target) - 1
        if last < 0:
            return TokirError(f"--set {override}: {name} is empty: set {name} itself, as a list")
        have = f"is one, {name}.0" if not last else f"are {last + 1}, {name}.0 to .{last}"
        return TokirError(f"--set {override}: name one of {name} by its number; there {have}")
    return TokirError(f"--set {override}: {'.'.join(path)} is not a group of settings")


def _sentence(problem: dict[str, Any]) -> str:
    """One pydantic error as a sentence: the field, what is allowed, the nearest name."""
    location = [part for part in problem["loc"] if part != "[key]"]
    where = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        if now := present_name(where):
            return f"{where} is now {now}: write it there"
        allowed = _fields_at(location[:-1])
        return f"unknown setting {where}{nearest(str(location[-1]), allowed)}: allowed are {', '.join(allowed)}"
    message: str = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    message = _PYDANTIC.sub("mapping of settings", message).replace(" after validation", "")
    if problem["type"] == "literal_error":
        expected = problem["ctx"]["expected"]
        names = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        return f"{where} is {problem['input']!r}{nearest(str(problem['input']), names)}: allowed are {expected}"
    if where and message.startswith(f"{where}."):  # the message names a setting in the group
        return message
    whole = problem["input"] if isinstance(problem["input"], list) else [problem["input"]]
    if message.startswith("unknown ") or any(isinstance(entry, dict) for entry in whole):  # too long, or said
        return f"{where}: {message}" if where else message
    return f"{where} is {problem['input']!r}: {message}"


def _fields_at(location: list[Any]) -> list[str]:
    """The settings of the group at a location, which may hold indices of lists and keys of mappings."""
    model: Any = StudyConfig
    for part in location:
        if part in model.model_fields:
            annotation = model.model_fields[part].annotation
            kinds = (annotation, *get_args(annotation))
            model = next((k for k in kinds if isinstance(k, type) and issubclass(k, Settings)), model)
    return list(model.model_fields)
