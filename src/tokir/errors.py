"""The one exception family of tokir."""

from __future__ import annotations

import difflib
import errno
import signal
from collections.abc import Iterable

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


def require_list(values: object, what: str) -> None:
    """TokirError where one text stands for a list of them: its letters would be taken for the members.

    Args:
        values: what was given.
        what: its members, in the plural.
    """
    if isinstance(values, str | bytes):
        raise TokirError(f"{what} are a list: write [{values!r}] for a single one")


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of ``choices``, or the empty string.

    >>> nearest("lsmt", ["lstm", "transformer"])
    " (did you mean 'lstm'?)"
    """
    known = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {known[close[0]]!r}?)" if close else ""
