"""Paths into ``results.json``, such as ``systems[3].scores["recall@10"]``: made, followed, and shown as evidence."""

from __future__ import annotations

import re
from typing import Any

# .name or [3] or ["recall@10"]
_STEP = re.compile(r"""\[(?P<index>\d+)\]|\["(?P<key>(?:[^"\\]|\\.)*)"\]|\.?(?P<name>[A-Za-z_]\w*)""")


def path(*steps: str | int) -> str:
    """The path of a value.

    >>> path("systems", 3, "scores", "recall@10")
    'systems[3].scores["recall@10"]'
    """
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier() and step.isascii():
            text += f".{step}" if text else step
        else:
            escaped = re.sub(r'([\\"])', r"\\\1", step)
            text += f'["{escaped}"]'
    return text


def resolve(path: str, results: dict[str, Any]) -> Any:
    """The value at ``path`` of what ``results.json`` holds; LookupError where there is none.

    >>> resolve('systems[0].scores["recall@10"]', {"systems": [{"scores": {"recall@10": 0.5}}]})
    0.5
    """
    value: Any = results
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise LookupError(f"{path}: not a path")
        key: Any = step["name"]
        if step["index"] is not None:
            key = int(step["index"])
        elif step["key"] is not None:
            key = re.sub(r"\\(.)", r"\1", step["key"])
        if not isinstance(value, list if isinstance(key, int) else dict):
            raise LookupError(f"{path}: nothing there")
        value = value[key]
        position = step.end()
    return value


def describe(path: str, results: dict[str, Any]) -> str:
    """The value at ``path`` in words: numbers to four digits, mappings as ``name value``.

    >>> describe("chance", {"chance": {"recall@10": 0.0035625}})
    'recall@10 0.003563'
    """
    try:
        return _words(resolve(path, results))
    except LookupError:
        return "not in this file"


def _words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_words, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
