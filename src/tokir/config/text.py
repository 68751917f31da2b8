"""Settings as YAML text: values alone, and no more of them than settings have."""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import ComposerError

from tokir.errors import TokirError

MOST_CHARACTERS = 1 << 18  # a whole study has 3,000
MOST_VALUES = 100_000  # those of an alias counted as often as it is named; a whole study has 200
DEEPEST = 50


def parse_yaml(text: str, source: str) -> Any:
    """What YAML stands for, without objects of Python.

    Raises:
        TokirError: it is none, or holds more or nests deeper than settings do; the sentence begins with ``source`` and
            the line.
    """
    if len(text) > MOST_CHARACTERS:
        raise TokirError(
            f"{source}: has {len(text):,} characters, and at most {MOST_CHARACTERS:,} are read of settings"
        )
    try:
        loader = _Loader(text)
        if (root := loader.get_single_node()) is None:
            return None
        if _count(root, {}) > MOST_VALUES:
            raise TokirError(f"{source}: its aliases stand for more than {MOST_VALUES:,} values: write fewer")
        return loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise TokirError(f"{source}{line}: not YAML: {what}") from None
    except RecursionError:
        raise TokirError(f"{source}: an alias stands for what holds it") from None
    except (ValueError, TypeError, OverflowError, AttributeError) as error:  # such as the date 2024-13-01
        raise TokirError(f"{source}: not YAML: {error}") from None


class _Loader(yaml.SafeLoader):
    """That of Python: the one in C ends the process where much is nested."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, f"nests deeper than {DEEPEST} levels", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            if key.value in seen:  # the first one would be lost
                raise ComposerError(None, None, f"{key.value} is given twice: leave one out", key.start_mark)
            seen.add(key.value)
        return node


# Whole numbers are decimal: YAML 1.1 would read 010 as 8, and 1:30 as 90.
_INT = "tag:yaml.org,2002:int"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _INT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))


def _count(node: yaml.Node, counted: dict[int, int]) -> int:
    """The values that a node stands for, those of aliases as often as they are named."""
    if id(node) not in counted:
        parts = node.value if isinstance(node.value, list) else []
        inner = [part for pair in parts for part in (pair if isinstance(pair, tuple) else (pair,))]
        counted[id(node)] = 1 + sum(_count(part, counted) for part in inner)
    return counted[id(node)]
