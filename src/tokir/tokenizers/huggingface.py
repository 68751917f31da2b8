"""Tokenizers of the HF ``tokenizers`` library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.artifacts import write_text
from tokir.errors import TokirError
from tokir.tokenizers.chunks import Chunks, cuts_word_by_word
from tokir.tokenizers.native import as_sentence, is_fault, require_entries, set_up
from tokir.tokenizers.patterns import refuse_backtracking
from tokir.tokenizers.pipeline import MARK, Spaces, Symbols
from tokir.tokenizers.protocol import SEPARATOR, Span, TokenizerKind, require_unicode
from tokir.untrusted import MOST_OF_A_MODEL, read_text

if TYPE_CHECKING:
    from tokenizers import Encoding
    from tokenizers import Tokenizer as HFTokenizer


class HuggingFaceTokenizer:
    """A tokenizer of HF ``tokenizers``, in one ``tokenizer.json``: most that are trained here, and others."""

    def __init__(self, hf: HFTokenizer) -> None:
        self._hf = set_up(hf)

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
        if len(texts) == 1 or self._chunks is None:
            return self._whole(texts)
        try:
            found = self._chunks.encode(texts)
        except TokirError:
            for text in texts:  # the sentence is to be of the text, not of a word in it
                require_unicode(text)
            raise
        others = [position for position, ids in enumerate(found) if ids is None]
        for position, ids in zip(others, self._whole([texts[i] for i in others]), strict=True):
            found[position] = ids
        return found  # type: ignore[return-value]

    def _whole(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut as a whole."""
        if len(texts) == 1:  # a single query skips the thread pool of a batch
            encodings = [self._run(self._hf.encode, texts[0])]
        else:
            encodings = self._run(self._hf.encode_batch_fast, list(texts))
        found = [encoding.ids for encoding in encodings]  # which builds a new list at each access
        return [
            ids if self._symbols.ids.isdisjoint(ids) else self._without_symbols(text, encoding).ids
            for text, ids, encoding in zip(texts, found, encodings, strict=True)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``, without the space that is put before every text."""
        with as_sentence("the tokenizer cannot decode"):
            text = str(self._hf.decode(list(ids), skip_special_tokens=False))
        return text.removeprefix(" ") if self._spaces.left_in else text

    def normalize(self, text: str) -> str:
        """``text`` after the tokenizer's own normalization, with spaces as spaces.

        Where a text that starts with a space is cut as one that does not, it is without that space.
        """
        text = self._changed(text)
        return text.removeprefix(" ") if self._spaces.prepended_unless_there else text

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, for readers; a part of a character stays as its byte symbols.

        >>> tokenizer.pieces("a retrieval")  # doctest: +SKIP
        ['a', ' ret', 'ri', 'ev', 'al']
        """
        encoding = self._encoding(text)
        if type(self._hf.decoder).__name__ != "ByteLevel":
            return [token.replace(MARK, " ") for token in encoding.tokens]
        with as_sentence("the tokenizer cannot decode"):
            decoded = [str(self._hf.decode([i], skip_special_tokens=False)) for i in encoding.ids]
        return [raw if "\ufffd" in piece else piece for piece, raw in zip(decoded, encoding.tokens, strict=True)]

    def spans(self, text: str) -> list[Span]:
        """Which characters of ``normalize(text)`` each token stands for."""
        text = self._changed(text)
        encoding = self._run(self._careful.encode, text)
        first = int(
            self._spaces.prepended_unless_there and text.startswith(" ")
        )  # character of the normalized text
        prefix = getattr(self._hf.model, "continuing_subword_prefix", None) or "\0"  # WordPiece's ##
        return [
            Span(max(0, start - first), max(0, stop - first), i != self.unknown_id, token.startswith(prefix))
            for (start, stop), i, token in zip(encoding.offsets, encoding.ids, encoding.tokens, strict=True)
        ]

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; tokens of white space alone are not counted."""
        for word in words:
            require_unicode(word)
        lead = "" if self._spaces.prepended else " "
        texts = [f"{lead}{word}" for word in words]
        found = self._run(self._hf.encode_batch, texts)
        encodings = (self._without_symbols(text, encoding) for text, encoding in zip(texts, found, strict=True))
        if self._spaces.prepended:  # whose offsets are those of the word's first character
            return [sum(token.strip(MARK + " ") != "" for token in encoding.tokens) for encoding in encodings]
        return [sum(end > 1 for _, end in encoding.offsets) for encoding in encodings]

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``, the format of HF ``tokenizers``, atomically."""
        write_text(path, self._hf.to_str(pretty=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> HuggingFaceTokenizer:
        """Read a ``tokenizer.json``; TokirError when it is missing or damaged."""
        from tokenizers import Tokenizer as HFTokenizer

        with as_sentence(f"{path}: no tokenizer can be read from it"):
            refuse_backtracking(text := read_text(path, MOST_OF_A_MODEL))
            hf = HFTokenizer.from_str(text)
            # Others' files may cut texts off, fill them up, or have no separator.
            hf.no_truncation()
            hf.no_padding()
            if hf.token_to_id(SEPARATOR) is None:
                hf.add_special_tokens([SEPARATOR])
            made = cls(hf)
            require_entries(made.vocabulary_size)
        return made

    # -- what another file needs of it ---------------------------------------------------------------------

    def described(self) -> dict[str, Any]:
        """What stands in its ``tokenizer.json``."""
        found: dict[str, Any] = json.loads(self._hf.to_str())
        return found

    def is_name(self, text: str) -> bool:
        """Is ``text`` the name of a symbol: of a special token, the unknown one, or a byte?"""
        return self._symbols.names.fullmatch(text) is not None

    @property
    def heads(self) -> str:
        """A pattern that parts the names of symbols (:class:`tokir.tokenizers.pipeline.Symbols`)."""
        return self._symbols.heads

    # -- text that looks like a symbol ----------------------------------------------------------------------

    def _encoding(self, text: str) -> Encoding:
        return self._without_symbols(text, self._run(self._hf.encode, text))

    def _without_symbols(self, text: str, encoding: Encoding) -> Encoding:
        """The encoding, or another one where a symbol may be in it because its name stands in the text.

        Special tokens are often entries of the model too, as are the names of bytes (``<0x41>``): it finds them in text
        as it finds any other entry.
        """
        if self._symbols.ids.isdisjoint(encoding.ids):
            return encoding
        changed = self._changed(text)
        if not self._symbols.names.search(changed):
            return encoding
        found: Encoding = self._run(self._careful.encode, changed)
        return found

    def _changed(self, text: str) -> str:
        """``text`` after all steps that change it, with spaces as spaces."""
        require_unicode(text)
        with as_sentence("the tokenizer cannot normalize a text"):
            for step in self._spaces.changes:
                text = step.normalize_str(text)
        return text.replace(MARK, " ") if self._spaces.marked else text

    @cached_property
    def _symbols(self) -> Symbols:
        return Symbols.of(self._hf)

    @cached_property
    def _careful(self) -> HFTokenizer:
        """A copy for texts after their changes, which takes no text for a symbol; slower, else the same.

        It does not change them again: a normalization twice may be another one.
        """
        from tokenizers import Regex, normalizers, pre_tokenizers
        from tokenizers import Tokenizer as HFTokenizer

        # Files of others hold what the library reads, but does not read again as it has written it.
        with as_sentence("the tokenizer's file is incomplete"):
            copy = set_up(HFTokenizer.from_str(self._hf.to_str()))
        copy.normalizer = normalizers.Sequence(list(self._spaces.marks)) if self._spaces.marks else None
        first = [self._hf.pre_tokenizer] if self._hf.pre_tokenizer else []
        # Last, where no step puts a space before a part.
        apart = pre_tokenizers.Split(Regex(self._symbols.heads), "isolated")
        copy.pre_tokenizer = pre_tokenizers.Sequence([*first, apart])
        return copy

    def _run(self, encode: Any, text: Any) -> Any:
        try:
            return encode(text, add_special_tokens=False)
        except BaseException as error:  # the library raises bare Exception, or panics
            if not is_fault(error):
                raise
            for single in [text] if isinstance(text, str) else text:
                require_unicode(single)
            # Only others' files can be at fault.
            raise TokirError(f"the tokenizer cannot cut a text: {error}: its file is incomplete") from None

    @cached_property
    def _chunks(self) -> Chunks | None:
        """What cuts texts word by word; None where this tokenizer does not."""
        if not cuts_word_by_word(self._hf):
            return None

        def encode(texts: Sequence[str]) -> list[list[int]]:
            return [encoding.ids for encoding in self._run(self._hf.encode_batch_fast, list(texts))]

        sizes = {number: len(token) for token, number in self._hf.get_vocab().items()}
        apart = self._symbols.ids | (set() if self.unknown_id is None else {self.unknown_id})
        return Chunks(encode, self._changed, sizes, apart, self._spaces.prepended_unless_there)

    @cached_property
    def _spaces(self) -> Spaces:
        return Spaces.of(self._hf)


class HuggingFaceKind(TokenizerKind):
    """A kind whose tokenizers are saved in a ``tokenizer.json``."""

    @classmethod
    def load(cls, path: Path) -> HuggingFaceTokenizer:
        """Of whatever kind it is: the file says all."""
        return HuggingFaceTokenizer.load(path)
