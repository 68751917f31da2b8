"""The one exception family of tokir."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TokirError(Exception):
    """A mistake the user can mend: one sentence with what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class Unavailable(TokirError):
    """A baseline or data set that is not on this machine; the sentence says how to get it."""


class Interrupted(TokirError):
    """The user stopped the work; what was finished is kept, and the same command resumes it."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest of ``choices``, or the empty string.

    >>> nearest("lsmt", ["lstm", "transformer"])
    " (did you mean 'lstm'?)"
    """
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
