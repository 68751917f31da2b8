"""What every tokenizer does: text to token ids and back; saving and loading."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tokir.artifacts import atomic, write_json, write_text
from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer

SEPARATOR = "<|endoftext|>"
UNKNOWN = "[UNK]"
LISTLESS = 1000  # bytes; a tokenizer's file without a list of entries is smaller, any other larger


class Span(NamedTuple):
    """The characters ``start`` up to ``stop`` that a token stands for."""

    start: int
    stop: int
    known: bool
    continues: bool  # does the token itself say that it goes on with the word before it?


class Tokenizer(Protocol):
    """Text to token ids and back."""

    @property
    def vocabulary_size(self) -> int:
        """Entries, the separator included."""

    @property
    def separator_id(self) -> int:
        """The id that stands between documents in a language model's stream."""

    @property
    def unknown_id(self) -> int | None:
        """The id of what has no entry; None where there is no such text."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""

    def normal(self, text: str) -> str:
        """``text`` after the tokenizer's own normalisation: what can come back from its tokens."""

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, as a person reads it."""

    def spans(self, text: str) -> list[Span]:
        """What each token of a normal ``text`` stands for."""

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; tokens of white space alone are not counted."""

    def save(self, path: Path) -> None:
        """Write the file that :func:`load` reads, atomically."""


class TrainedTokenizer:
    """A tokenizer of HF ``tokenizers``, in one ``tokenizer.json``: all that are trained here, and others."""

    def __init__(self, hf: HFTokenizer) -> None:
        self._hf = hf

    @cached_property
    def vocabulary_size(self) -> int:
        """Entries, the separator included."""
        return max(self._hf.get_vocab().values()) + 1  # ids of others' files may have gaps

    @cached_property
    def separator_id(self) -> int:
        """The id that stands between documents in a language model's stream."""
        token = self._hf.token_to_id(SEPARATOR)
        assert token is not None  # every tokenizer that is loaded has one
        return int(token)

    @cached_property
    def unknown_id(self) -> int | None:
        """The id of what has no entry; None where there is no such text."""
        model = self._hf.model
        token = getattr(model, "unk_token", None)
        if token is not None:
            found = self._hf.token_to_id(token)
            return None if found is None else int(found)
        # A Unigram model's unknown entry is never used when bytes stand in for it; the library does not show either.
        stored = json.loads(self._hf.to_str())["model"]
        unknown = stored.get("unk_id")
        return None if unknown is None or stored.get("byte_fallback") else int(unknown)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        try:
            if len(texts) == 1:  # a single query skips the thread pool of a batch
                return [self._hf.encode(texts[0], add_special_tokens=False).ids]
            encodings = self._hf.encode_batch_fast(list(texts), add_special_tokens=False)
        except Exception as error:  # the library raises bare Exception; only others' files can be at fault
            raise TokirError(f"the tokenizer cannot cut a text: {error}: its file is incomplete") from None
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""
        return str(self._hf.decode(list(ids), skip_special_tokens=False))

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, as a person reads it; a part of a character stays as its byte symbols.

        >>> tokenizer.pieces("a retrieval")  # doctest: +SKIP
        ['a', ' ret', 'ri', 'ev', 'al']
        """
        encoding = self._hf.encode(text, add_special_tokens=False)
        if not self._cuts_bytes:
            return [token.replace("▁", " ") for token in encoding.tokens]
        decoded = (self.decode([token]) for token in encoding.ids)
        return [raw if "\ufffd" in piece else piece for piece, raw in zip(decoded, encoding.tokens, strict=True)]

    def normal(self, text: str) -> str:
        """``text`` after the tokenizer's own normalisation: what can come back from its tokens."""
        return str(self._hf.normalizer.normalize_str(text)) if self._hf.normalizer else text

    def spans(self, text: str) -> list[Span]:
        """What each token of a normal ``text`` stands for."""
        encoding = self._hf.encode(text, add_special_tokens=False)
        mark = getattr(self._hf.model, "continuing_subword_prefix", None) or "\0"  # WordPiece's ##
        return [
            Span(*span, i != self.unknown_id, token.startswith(mark))
            for span, i, token in zip(encoding.offsets, encoding.ids, encoding.tokens, strict=True)
        ]

    @cached_property
    def _cuts_bytes(self) -> bool:
        return type(self._hf.decoder).__name__ == "ByteLevel"

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; tokens of white space alone are not counted."""
        encodings = self._hf.encode_batch([f" {word}" for word in words], add_special_tokens=False)
        return [sum(end > 1 for _, end in encoding.offsets) for encoding in encodings]

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``, the format of HF ``tokenizers``, atomically."""
        write_text(path, self._hf.to_str(pretty=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> TrainedTokenizer:
        """Read a ``tokenizer.json``; TokirError when it is missing or damaged."""
        from tokenizers import Tokenizer as HFTokenizer

        try:
            hf = HFTokenizer.from_str(path.read_text("utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise TokirError(f"{path}: no tokenizer can be read from it: {error}") from None
        # Others' files may cut texts off, fill them up, or have no separator.
        hf.no_truncation()
        hf.no_padding()
        if hf.token_to_id(SEPARATOR) is None:
            hf.add_special_tokens([SEPARATOR])
        return cls(hf)


class SentencePieceTokenizer:
    """A model file of ``sentencepiece`` (Kudo and Richardson, 2018) that was trained elsewhere.

    The separator is one entry more than the file has.
    """

    def __init__(self, path: Path) -> None:
        import sentencepiece

        try:
            self._processor: Any = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
        except (OSError, RuntimeError, TypeError) as error:
            raise TokirError(f"{path}: no sentencepiece model can be read from it: {error}") from None
        self.separator_id = int(self._processor.get_piece_size())
        self.vocabulary_size = self.separator_id + 1
        fallback = any(self._processor.is_byte(i) for i in range(min(self.separator_id, 300)))
        self.unknown_id = None if fallback else int(self._processor.unk_id())

    def save(self, path: Path) -> None:
        """Write the model file as it was read."""
        with atomic(path, "wb") as file:
            file.write(self._processor.serialized_model_proto())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        return [list(ids) for ids in self._processor.encode(list(texts))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""
        return str(self._processor.decode([i for i in ids if i != self.separator_id]))

    def normal(self, text: str) -> str:
        """``text`` after the tokenizer's own normalisation: what can come back from its tokens."""
        marked = str(self._processor.normalize(text))
        return marked.replace("▁", " ").removeprefix(" ")  # which the library puts before every text

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, as a person reads it."""
        return [piece.replace("▁", " ") for piece in self._processor.encode(text, out_type=str)]

    def spans(self, text: str) -> list[Span]:
        """What each token of a normal ``text`` stands for."""
        pieces = self._processor.encode(text, return_type="proto").pieces
        ends = accumulate(len(piece.surface) for piece in pieces)
        return [
            Span(end - len(piece.surface), end, piece.id != self.unknown_id, False)
            for piece, end in zip(pieces, ends, strict=True)
        ]

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; tokens of white space alone are not counted."""
        return [sum(piece != "▁" for piece in self._processor.encode(word, out_type=str)) for word in words]


class CodePointTokenizer:
    """One token for each character, its number in Unicode: nothing is listed and nothing unknown.

    For models whose vectors are hashed (CANINE; Clark et al., 2022): no table has a row for each of these numbers.
    """

    separator_id = sys.maxunicode + 1
    vocabulary_size = separator_id + 1
    unknown_id = None
    _kind = "code points"

    def __init__(self, normalization: str | None = None, lowercase: bool = False) -> None:
        self._normalization, self._lowercase = normalization, lowercase

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        return [list(map(ord, self.normal(text))) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""
        return "".join(SEPARATOR if i == self.separator_id else chr(i) for i in ids)

    def normal(self, text: str) -> str:
        """``text`` after the tokenizer's own normalisation: what can come back from its tokens."""
        if self._normalization:
            text = unicodedata.normalize(self._normalization, text)  # type: ignore[arg-type]
        return text.lower() if self._lowercase else text

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, as a person reads it."""
        return list(self.normal(text))

    def spans(self, text: str) -> list[Span]:
        """What each token of a normal ``text`` stands for."""
        return [Span(place, place + 1, True, False) for place in range(len(text))]

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text."""
        return [len(self.normal(word)) for word in words]

    def save(self, path: Path) -> None:
        """Write what :func:`load` reads, atomically."""
        settings = {"normalization": self._normalization, "lowercase": self._lowercase}
        write_json(path, {"type": self._kind, **settings})

    @classmethod
    def read(cls, text: str) -> CodePointTokenizer | None:
        """The tokenizer that ``text`` describes; None where it describes one of another kind."""
        try:
            found = json.loads(text)
        except ValueError:
            return None
        if not isinstance(found, dict) or found.get("type") != cls._kind:
            return None
        return cls(found.get("normalization"), bool(found.get("lowercase")))


def load(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json`` or a sentencepiece ``.model``.

    Raises:
        TokirError: it is missing, damaged, or of another kind.
    """
    if not path.is_file():
        raise TokirError(f"{path}: there is no such file; name a tokenizer.json or a sentencepiece .model")
    if path.suffix == ".json":
        text = path.read_text("utf-8", "replace") if path.stat().st_size < LISTLESS else ""
        return CodePointTokenizer.read(text) or TrainedTokenizer.load(path)
    if path.suffix == ".model":
        return SentencePieceTokenizer(path)
    raise TokirError(f"{path}: a tokenizer is read from a tokenizer.json or a sentencepiece .model")
