"""What one request may ask for, at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from tokir.errors import TokirError, nearest

DIGITS = 18  # of a limit, at most


@dataclass(frozen=True)
class Limits:
    """Each is a whole number above zero; the defaults suit static models on one machine."""

    body: int = 8 << 20  # bytes of a request
    texts: int = 2_048  # of one request for embeddings, as in OpenAI's API
    characters: int = 32_768  # of a text to embed, about 8,000 tokens
    queries: int = 100  # of one search
    query: int = 4_096  # characters of a query
    top: int = 1_000  # passages of each query
    waiting: int = 64  # requests that wait for the thread that computes


def read_limits(words: Sequence[str]) -> Limits:
    """The limits that ``NAME=NUMBER`` words change; TokirError where one is not understood.

    >>> read_limits(["top=50"]).top
    50
    """
    known = [field.name for field in fields(Limits)]
    changed = {}
    for word in words:
        name, _, number = word.partition("=")
        if name not in known:
            raise TokirError(
                f"--limit {word}: no limit {name!r}{nearest(name, known)}: there are {', '.join(known)}"
            )
        if not number.isascii() or not number.isdigit() or len(number) > DIGITS or int(number) < 1:
            raise TokirError(f"--limit {word}: write a whole number above zero, for example {name}=100")
        changed[name] = int(number)
    return replace(Limits(), **changed)
