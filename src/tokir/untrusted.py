"""Input from elsewhere is data: it is read up to a size, names nothing outside its folder, and is shown as text.

What parses a file that others may have written goes through here: settings, run folders, tokenizers, models. How much
of a data set is unpacked stands with its readers, :mod:`tokir.data.files`.
"""

from __future__ import annotations

import builtins
import json
import os
import re
import reprlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tokir.errors import TokirError

MOST_JSON = 1 << 28  # bytes of a file of a run folder
MOST_OF_A_MODEL = 1 << 27  # bytes of a tokenizer or of a configuration; the largest in use have 35 MB
# Control characters, halves of surrogate pairs, and what changes the direction of all that follows (Unicode Annex 9).
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON writes one
Made = TypeVar("Made")


def printable(text: str) -> str:
    r"""``text`` for one line of a terminal: whatever a terminal would obey is written as its number.

    >>> printable("a\x1b[2Jb\nc")
    'a\\x1b[2Jb c'
    """
    return _UNSHOWN.sub(_number, text.replace("\n", " "))


def _number(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def expanded(name: str | Path) -> Path:
    """A path with the home folder in place of ``~``; as it is written where there is no such home.

    >>> expanded("~nobody-of-this-name/data").as_posix()
    '~nobody-of-this-name/data'
    """
    if name == "":  # which would be the present folder: of a shell's variable that is not set, for one
        raise TokirError("a path is empty: name a file or a folder (the present one is '.')")
    try:
        path = Path(name)
    except TypeError:
        raise TokirError(f"{name!r} is no path: give a string") from None
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def within(folder: Path, name: str) -> Path:
    """The path of ``name`` in ``folder``.

    Raises:
        TokirError: it lies outside, by its name or by a link on its way; or it can be no name of a file.
    """
    try:
        path = folder / name
        real, root = (Path(os.path.realpath(place)) for place in (path, folder))
    except (TypeError, ValueError):  # of another type, or with NUL or half of a surrogate pair
        raise TokirError(f"{folder} names a file {name!r}, which cannot be the name of one") from None
    if not real.is_relative_to(root):
        raise TokirError(
            f"{path} lies outside of {folder} (at {real}), and links and names that leave a folder are not followed: "
            "put the file itself there"
        )
    return path


def require_utf8(name: str) -> None:
    """TokirError where a name is not UTF-8: neither settings nor the libraries that write files can hold it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise TokirError(f"{name} is not a name in UTF-8: rename it") from None


def inside(name: str) -> str:
    """``name``; ``ValueError`` where by its spelling it is not that of a file below a folder, with ``/`` between parts.

    >>> inside("models/a/best.safetensors")
    'models/a/best.safetensors'
    """
    if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in name.split("/")):
        raise ValueError(f"{name!r} is no name of a file below the folder")
    return name


def require_size(path: Path, most: int = MOST_OF_A_MODEL) -> None:
    """TokirError where a file holds more than ``most`` bytes; raises ``OSError``."""
    if (size := path.stat().st_size) > most:
        raise TokirError(f"{path} holds {size:,} bytes, and at most {most:,} are read of such a file")


def read_text(path: Path, most: int = MOST_JSON) -> str:
    """The text of a file of at most ``most`` bytes; raises ``OSError``, and ``ValueError`` where it is not UTF-8."""
    require_size(path, most)
    return path.read_text("utf-8")


def parse_json(text: str) -> Any:
    """What JSON stands for; ``ValueError`` where it is none, nests too deeply, or holds half a character."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    if _SURROGATE.search(text):  # which may be one half of a pair, as it should be
        json.dumps(value, ensure_ascii=False).encode()
    return value


def read_json(path: Path, most: int = MOST_JSON) -> Any:
    """The JSON in a file; raises as :func:`read_text` and :func:`parse_json`."""
    return parse_json(read_text(path, most))


def completed(value: Any, **defaults: Any) -> dict[str, Any]:
    """A JSON object with ``defaults`` where it lacks a field; ``ValueError`` where one is not of its default's type."""
    if not isinstance(value, dict):
        raise ValueError(f"{reprlib.repr(value)} is no object")
    made = {**defaults, **value}
    for name, default in defaults.items():
        if not _fits(made[name], type(default)):
            raise ValueError(f"{name} is {reprlib.repr(made[name])}")
    return made


def built(cls: type[Made], values: Mapping[str, Any]) -> Made:
    """A dataclass of values that JSON held; lists become tuples where it has tuples.

    Raises:
        TypeError: a field is missing or unknown.
        ValueError: a value is not of the type of its field. Types that are imported for annotations alone are not
            checked.
    """
    hints = get_type_hints(cls, localns=_Unimported(cls))
    for name, value in values.items():
        if not _fits(value, hints.get(name, Any)):
            raise ValueError(f"{name} is {reprlib.repr(value)}")
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


class _Unimported(dict[str, Any]):
    """Stands in for names that a module imports only where types are checked."""

    def __init__(self, cls: type) -> None:
        super().__init__()
        self._known = vars(sys.modules[cls.__module__])

    def __missing__(self, name: str) -> Any:
        if name in self._known or hasattr(builtins, name):
            raise KeyError(name)
        return Any


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if origin is dict:
        return isinstance(value, dict) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(kinds) == len(value) and all(map(_fits, value, kinds))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return type(value) is int
    if hint is Any or not isinstance(hint, type) or getattr(hint, "_is_protocol", False):
        return True
    return isinstance(value, hint)
