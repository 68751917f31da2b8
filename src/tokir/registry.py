"""Named entries that a study can choose from, the same way for every kind: tokenizers, architectures, indexes, ...

Each kind keeps its registry in a light module named ``registry.py``, whose entries are either values or the path of one
(``package.module:name``) that is imported when the entry is first asked for. So a name can be checked without loading
what stands behind it, and adding an entry is one file and one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar, cast

from tokir.errors import TokirError, nearest

Entry = TypeVar("Entry")


def at(path: str) -> Any:
    """What stands at ``package.module:name``."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


class Registry(Generic[Entry]):
    """Entries of one kind by name, in the order in which they were added.

    >>> shapes = Registry[object]("shape", {"ordered": "collections:OrderedDict"})
    >>> shapes["ordered"].__name__
    'OrderedDict'
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry | str]) -> None:
        self.kind = kind
        self._entries: dict[str, Entry | str] = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Entry:
        """The entry; TokirError, with the nearest name, where there is none."""
        try:
            entry = self._entries[self.check(name)]
        except ValueError as error:
            raise TokirError(str(error)) from None
        if isinstance(entry, str):
            self._entries[name] = entry = cast(Entry, at(entry))
        return entry

    def add(self, name: str, entry: Entry | str) -> None:
        """Add an entry, or the path of one; ValueError where the name is taken."""
        if name in self._entries:
            raise ValueError(f"there is already a {self.kind} named {name!r}")
        self._entries[name] = entry

    def check(self, name: str) -> str:
        """The name as it is; ValueError, with the nearest name, where it is not registered."""
        if name not in self._entries:
            raise ValueError(f"unknown {self.kind} {name!r}{nearest(name, self)}: known are {', '.join(self)}")
        return name
