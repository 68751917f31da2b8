"""The one exception family of tokir."""

from __future__ import annotations

import difflib
import errno
import shlex
import signal
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

LONGEST = 200  # characters of a name that is mistyped; comparing takes time that grows with their square
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # of descriptors or memory
_SAID_WHEN_SHORT = ("Too many open files", "Cannot allocate memory", "failed to map segment")  # by libraries
STOPPING = (signal.SIGINT, signal.SIGTERM)  # signals that ask for a stop


class TokirError(Exception):
    """A mistake the user can mend: one sentence with what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class Unavailable(TokirError):
    """A baseline or data set that is not on this machine; the sentence says how to get it."""


class Interrupted(TokirError):
    """The user stopped the work; what was finished is kept, and the same command resumes it.

    Attributes:
        number: of the signal: Ctrl-C, or SIGTERM.
    """

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.number = number


class Stopped(KeyboardInterrupt):
    """A signal that stops the work wherever it is, as Ctrl-C does in Python.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def interrupted(stop: KeyboardInterrupt, message: str) -> Interrupted:
    """The sentence for the user who stopped the work."""
    return Interrupted(message, getattr(stop, "number", signal.SIGINT))


def full_disk(error: BaseException | None) -> OSError | None:
    """The error of a full disk behind ``error``, which a library may have made another one of."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return error
        error = error.__cause__ or error.__context__
    return None


def unreadable(path: Path, error: BaseException, remedy: str) -> TokirError:
    """The sentence for a file that a library could not open: it is damaged, unless the machine has run short.

    Args:
        path: the file, or the folder.
        error: what the library raised; it raises whatever damage provokes.
        remedy: what mends a damaged one.
    """
    short = getattr(error, "errno", None) in _SHORT or any(said in str(error) for said in _SAID_WHEN_SHORT)
    if isinstance(error, MemoryError) or short:
        return TokirError(
            f"{path} cannot be read now ({error}): close other programs, or raise the limit (ulimit)"
        )
    return TokirError(f"{path}: damaged ({error}): {remedy}")


def require_list(values: object, what: str) -> None:
    """TokirError where something else stands for a list.

    The letters of a text would be taken for the members; an iterator has none left once they have been checked; a set
    has no order.

    Args:
        values: what was given.
        what: its members, in the plural.
    """
    if isinstance(values, str | bytes):
        raise TokirError(f"{what} are a list: write [{values!r}] for a single one")
    if not (hasattr(values, "__len__") and hasattr(values, "__iter__")) or isinstance(values, Set | Mapping):
        raise TokirError(f"{what} are a list, not {type(values).__name__}")


def require_text(value: object) -> None:
    """TokirError where something else stands for a text."""
    if not isinstance(value, str):
        raise TokirError(f"{value!r} is no text: give a string")


def require_kind(value: object, kind: type, how: str) -> None:
    """TokirError where something else stands for an object of a kind; ``how`` says where one comes from."""
    if not isinstance(value, kind):
        raise TokirError(f"{value!r} is no {kind.__name__}: {how}")


def quoted(path: Path) -> str:
    """A path as a shell reads it."""
    return shlex.quote(str(path))


def nearest(word: object, choices: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of ``choices``, or the empty string, as for a very long word.

    >>> nearest("lsmt", ["lstm", "transformer"])
    " (did you mean 'lstm'?)"
    """
    written = str(word).lower()
    if len(written) > LONGEST:
        return ""
    known = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(written, known, n=1, cutoff=0.6)
    return f" (did you mean {known[close[0]]!r}?)" if close else ""
