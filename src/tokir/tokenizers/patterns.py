"""Regular expressions in tokenizer files of others: those that can take for ever are not run.

HF ``tokenizers`` cuts with Oniguruma, which backtracks. A repetition inside of a repetition, as in ``(a+)+``, tries as
many ways as there are to part a text; nothing can stop it from outside while it does. Such patterns are refused by how
they are written; the patterns of the known families of tokenizers nest none. Whatever else takes more than ten million
steps at one place of a text ends in an error of the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tokir.untrusted import parse_json

# An escape, a class of characters, the beginning of a group, its end, or a repetition without an end; else anything.
_PART = re.compile(
    r"\\[pP]\{[^}]*\}|\\.|(?P<open>\((?:\?(?P<kind>#|>|<?[=!]|<\w+>|[\w-]*:?))?)|(?P<close>\))"
    r"|(?P<repeat>[*+]|\{\d*,\})(?P<how>[?+]?)|(?P<set>\[\^?\]?)|.",
    re.DOTALL,
)
_IN_SET = re.compile(r"\\.|\[:\w+:\]|(?P<open>\[)|(?P<close>\])|.", re.DOTALL)


def refuse_backtracking(text: str) -> None:
    """ValueError where a ``tokenizer.json`` holds a pattern with a repetition inside of a repetition."""
    if '"Regex"' in text:
        for pattern in _patterns(parse_json(text)):
            if nests_repetitions(pattern):
                raise ValueError(f"its pattern {pattern[:80]!r} repeats a repetition, which can take for ever")


def nests_repetitions(pattern: str) -> bool:
    r"""Does a repetition without an end stand in a group that is repeated without an end?

    >>> nests_repetitions(r"(\w+\s?)+"), nests_repetitions(r"\p{L}+|[^\s]+(?!\S)"), nests_repetitions(r"(?>a+)+")
    (True, False, False)
    """
    inside = [False]  # of each open group: does it hold a repetition?
    atomic = [False]
    closed = False  # does the group that has just ended hold one?
    position = 0
    while found := _PART.match(pattern, position):
        position = found.end()
        if found["open"]:
            inside.append(False)
            atomic.append(found["kind"] == ">")
        elif found["close"] and len(inside) > 1:
            closed = inside.pop() and not atomic.pop()
            inside[-1] |= closed
            continue
        elif found["repeat"]:
            if closed and found["how"] != "+":
                return True
            inside[-1] = True
        elif found["set"]:
            position = _end_of_set(pattern, position)
        closed = False
    return False


def _end_of_set(pattern: str, position: int) -> int:
    depth = 1
    while depth and (found := _IN_SET.match(pattern, position)):
        position = found.end()
        depth += bool(found["open"]) - bool(found["close"])
    return position


def _patterns(value: Any) -> Iterator[str]:
    """All ``{"Regex": pattern}`` in what JSON held; it is as deep as that could be read."""
    if isinstance(value, dict):
        if isinstance(pattern := value.get("Regex"), str):
            yield pattern
        for inner in value.values():
            yield from _patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from _patterns(inner)
