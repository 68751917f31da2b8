"""Evidence of a finding: a path into ``results.json`` and the value that lies there."""

from __future__ import annotations

import re
from typing import Any

# .name or [3] or ["recall@10"]; a dot before a bracket is read too.
_STEP = re.compile(r"""\.?\[(?P<index>\d+)\]|\.?\["(?P<key>[^"]*)"\]|\.?(?P<name>[A-Za-z_]\w*)""")


def resolve(path: str, results: dict[str, Any]) -> Any:
    """The value at ``path``; LookupError when there is none.

    >>> resolve('systems[0].scores["recall@10"]', {"systems": [{"scores": {"recall@10": 0.5}}]})
    0.5
    """
    value: Any = results
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise LookupError(f"{path}: no path")
        key: Any = int(step["index"]) if step["index"] is not None else step["key"] or step["name"]
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
