"""Code points of Unicode as token ids."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from tokir.artifacts import write_json
from tokir.errors import TokirError
from tokir.tokenizers.normalization import normalized_text
from tokir.tokenizers.protocol import SEPARATOR, Span
from tokir.tokenizers.registry import Form
from tokir.untrusted import read_json

TYPE = "code points"
LARGEST = 1000  # bytes of the file; that of a tokenizer with a list of entries is larger


class CodePointTokenizer:
    """One token for each character, its number in Unicode: nothing is listed and nothing unknown.

    For models whose vectors are hashed (CANINE; Clark et al., 2022): no table has a row for each of these numbers.
    """

    separator_id = sys.maxunicode + 1
    vocabulary_size = separator_id + 1
    unknown_id = None

    def __init__(self, normalization: str | None = None, lowercase: bool = False) -> None:
        self._normalization, self._lowercase = normalization, lowercase

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        return [list(map(ord, self.normalize(text))) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""
        return "".join(SEPARATOR if i == self.separator_id else chr(i) for i in ids)

    def normalize(self, text: str) -> str:
        """``text`` in its normalization form, in lower case, as was asked for."""
        return normalized_text(text, self._normalization, self._lowercase)

    def pieces(self, text: str) -> list[str]:
        """The characters."""
        return list(self.normalize(text))

    def spans(self, text: str) -> list[Span]:
        """Which character of ``normalize(text)`` each token stands for."""
        return [Span(position, position + 1, True, False) for position in range(len(self.normalize(text)))]

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Characters of each word."""
        return [len(self.normalize(word)) for word in words]

    def save(self, path: Path) -> None:
        """Write what :meth:`read` reads, atomically."""
        settings = {"normalization": self._normalization, "lowercase": self._lowercase}
        write_json(path, {"type": TYPE, **settings})

    @classmethod
    def read(cls, path: Path) -> CodePointTokenizer | None:
        """The tokenizer that a file describes; None where it describes one of another kind."""
        if path.stat().st_size > LARGEST:
            return None
        try:
            found = read_json(path)
        except ValueError:
            return None
        if not isinstance(found, dict) or found.get("type") != TYPE:
            return None
        if (form := found.get("normalization")) not in (None, *get_args(Form)):
            raise TokirError(f"{path}: no tokenizer can be read from it: its normalization is {form!r}")
        return cls(form, bool(found.get("lowercase")))
