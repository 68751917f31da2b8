"""What the libraries of tokenizers do with files that others made: errors, and panics of Rust, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer

MOST_ENTRIES = 2_000_000  # ids of a vocabulary, gaps included; a row of a table is made for each


@contextmanager
def as_sentence(beginning: str) -> Iterator[None]:
    """Let whatever a library raises be a TokirError that begins so; HF ``tokenizers`` raises bare ``Exception``."""
    try:
        yield
    except TokirError:
        raise
    except BaseException as error:
        if not is_fault(error):
            raise
        raise TokirError(f"{beginning}: {error}") from None


def set_up(hf: HFTokenizer) -> HFTokenizer:
    """What HF ``tokenizers`` does not keep in its file: text that looks like a special token is text, and no cache.

    A BPE model remembers the words that it has cut, on each thread, and does not free that with itself: some megabyte
    for each tokenizer that is loaded. What cuts many texts here cuts each word once (:mod:`tokir.tokenizers.chunks`).
    """
    hf.encode_special_tokens = True
    if type(hf.model).__name__ == "BPE" and hasattr(hf.model, "_resize_cache"):  # from version 0.21 on
        hf.model._resize_cache(0)
    return hf


def is_fault(error: BaseException) -> bool:
    """Is it an error, or a panic of Rust, which is none to Python? Not so where the program is to stop."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def require_entries(count: int) -> None:
    """ValueError where a vocabulary has no entries, or has ids beyond ``MOST_ENTRIES``."""
    if not 0 < count <= MOST_ENTRIES:
        raise ValueError(f"it has ids up to {count - 1:,}, and at most {MOST_ENTRIES:,} entries are read")
