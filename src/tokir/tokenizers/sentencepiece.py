"""Tokenizers of the ``sentencepiece`` library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokir.artifacts import atomic
from tokir.tokenizers.native import as_sentence, require_entries
from tokir.tokenizers.pipeline import MARK
from tokir.tokenizers.protocol import Span, require_unicode
from tokir.untrusted import require_size


class SentencePieceTokenizer:
    """A model file of ``sentencepiece`` (Kudo and Richardson, 2018) that was trained elsewhere.

    The separator is one entry more than the file has. Text of control symbols is text; that of user-defined symbols is
    always one token, which the library does not let anybody change, and is restored by decoding as any other.
    """

    def __init__(self, path: Path) -> None:
        import sentencepiece

        with as_sentence(f"{path}: no sentencepiece model can be read from it"):
            require_size(path)
            self._processor: Any = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
            self.separator_id = int(self._processor.get_piece_size())
            require_entries(self.separator_id)
        self.vocabulary_size = self.separator_id + 1
        fallback = any(self._processor.is_byte(i) for i in range(min(self.separator_id, 300)))
        self.unknown_id = None if fallback else int(self._processor.unk_id())
        self._has_prefix = str(self._processor.normalize("x")).startswith(MARK)  # a space before every text

    def save(self, path: Path) -> None:
        """Write the model file as it was read."""
        with atomic(path, "wb") as file:
            file.write(self._processor.serialized_model_proto())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        for text in texts:
            require_unicode(text)
        return [list(ids) for ids in self._processor.encode(list(texts))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""
        return str(self._processor.decode([i for i in ids if i != self.separator_id]))

    def normalize(self, text: str) -> str:
        """``text`` after the model's own normalization, without the space that is put before every text."""
        require_unicode(text)
        marked = str(self._processor.normalize(text)).replace(MARK, " ")
        return marked.removeprefix(" ") if self._has_prefix else marked

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, for readers."""
        return [piece.replace(MARK, " ") for piece in self._cut(text)]

    def spans(self, text: str) -> list[Span]:
        """Which characters of ``normalize(text)`` each token stands for; of bytes of one character the last does."""
        spans, character = [], b""
        stop = -1 if self._has_prefix else 0
        for piece, i in zip(self._cut(text), self._processor.encode(text), strict=True):
            start = stop
            if self._processor.is_byte(i):
                character += bytes.fromhex(piece[3:5])  # of <0xE2>
                complete = len(character.decode("utf-8", "ignore")) > 0
                stop += complete
                character = b"" if complete else character
            else:
                stop += len(piece)
            spans.append(Span(max(0, start), max(0, stop), i != self.unknown_id, False))
        return spans

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; tokens of white space alone are not counted."""
        return [sum(piece != MARK for piece in self._cut(word)) for word in words]

    def _cut(self, text: str) -> list[str]:
        require_unicode(text)
        return list(self._processor.encode(text, out_type=str))
