"""Tokenizers that were made elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.artifacts import digest
from tokir.errors import TokirError
from tokir.tokenizers.code_points import CodePointTokenizer
from tokir.tokenizers.huggingface import HuggingFaceTokenizer
from tokir.tokenizers.protocol import Tokenizer, TokenizerKind
from tokir.tokenizers.registry import TOKENIZERS
from tokir.untrusted import expanded

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

SHOWN = 6  # digits of a hash
UNREAD_SIZE = 257  # stands in the settings; the file's own size is recorded when it is read
_NAMED = re.compile(rb'\s*\{\s*"type"\s*:\s*"([^"]+)"')


def kind_named_in(path: Path) -> str:
    """The kind that a file names in its first entry; empty where it names none."""
    with path.open("rb") as file:
        named = _NAMED.match(file.read(1000))
    return named[1].decode("utf-8", "replace") if named else ""


class File(TokenizerKind):
    """A ``tokenizer.json``, a sentencepiece ``.model``, or a JSON file whose first entry is its kind's ``type``."""

    label = "tokenizer from a file"
    takes = frozenset({"file"})

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The whole path, so that a run can be resumed from any folder."""
        values = {"vocabulary_size": UNREAD_SIZE, **values}
        if isinstance(values.get("file"), str):
            values["file"] = str(expanded(values["file"]).absolute())
        return values

    @classmethod
    def check(cls, settings: TokenizerSettings) -> None:
        """The file is named, and brings its own vocabulary and normalization."""
        super().check(settings)
        if settings.vocabulary_size != UNREAD_SIZE:
            raise ValueError("a tokenizer from a file has the entries of its file: leave vocabulary_size out")
        if settings.file is None:
            raise ValueError("the type file needs the setting file: a tokenizer.json or a sentencepiece .model")

    @classmethod
    def name(cls, settings: TokenizerSettings) -> str:
        """The name of the file, or of the folder of a ``tokenizer.json``."""
        path = Path(settings.file or "")
        stem = path.parent.name if path.stem == "tokenizer" and path.parent.name else path.stem
        told = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
        apart = "" if stem.isascii() else digest(stem)[:SHOWN]  # what other letters say is in its hash alone
        return "-".join(part for part in ("file", told, apart) if part)

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
        """Read from the file; nothing is trained."""
        from tokir.tokenizers import load

        return load(Path(settings.file or ""))

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """By its content and its suffix."""
        name = kind_named_in(path)
        if name in TOKENIZERS and name != "file":
            return TOKENIZERS[name].load(path)
        if path.suffix == ".json":
            return CodePointTokenizer.read(path) or HuggingFaceTokenizer.load(path)
        if path.suffix == ".model":
            from tokir.tokenizers.sentencepiece import SentencePieceTokenizer

            return SentencePieceTokenizer(path)
        raise TokirError(f"{path}: a tokenizer is read from a tokenizer.json or a sentencepiece .model")
