"""What every tokenizer does, and what every kind of tokenizer says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

SEPARATOR = "<|endoftext|>"
UNKNOWN = "[UNK]"


class Span(NamedTuple):
    """The characters ``start`` up to ``stop`` of a normalized text that a token stands for."""

    start: int
    stop: int
    known: bool
    continues: bool
    """Does the token itself say that it continues the word before it?"""
    exact: bool = True
    """Is whatever gets this token spelled as it is? Else a known token has to be told from others that get it too."""


class Tokenizer(Protocol):
    """Text to token ids and back.

    Text is text: what looks like a special token gets the ids of its letters. A text that is not valid Unicode (a lone
    surrogate) is a TokirError wherever it is given.
    """

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
        """The text of ``ids``; that of ``encode([text])[0]`` is ``normalize(text)`` where nothing was lost."""

    def normalize(self, text: str) -> str:
        """``text`` as the tokenizer reads it, before it is cut: the most that decoding can restore."""

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, for readers."""

    def spans(self, text: str) -> list[Span]:
        """Which characters of ``normalize(text)`` each token of ``text`` stands for."""

    def word_lengths(self, words: Sequence[str]) -> list[int]:
        """Tokens of each word as it stands inside a text; tokens of white space alone are not counted."""

    def save(self, path: Path) -> None:
        """Write the file that :func:`tokir.tokenizers.load` reads, atomically."""


class TokenizerKind:
    """A kind of tokenizer: what it is called, which settings it takes, how it is trained and loaded.

    A subclass is never instantiated. It gives ``label``, ``train`` and ``load``, and of the rest what differs. Where
    its tokenizers are not files of HF ``tokenizers``, let them save JSON whose first entry is ``"type"``, the name in
    the registry: :func:`tokir.tokenizers.load` then finds the kind wherever a file lies, else only in a run folder.
    """

    label: ClassVar[str]
    """What readers call it."""
    takes: ClassVar[frozenset[str]] = frozenset({"lowercase", "normalization"})
    """The optional settings that it takes; ``vocabulary_size`` is every kind's."""
    overlaps: ClassVar[bool] = False
    """Do the tokens of a word overlap? Then a text is a bag of them, without an order to read or to predict."""
    letters: ClassVar[bool] = False
    """Is each token a single character or byte? A bag of them says next to nothing of a text."""

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
        """Train one; the same texts and settings give the same saved bytes.

        Raises:
            TokirError: the vocabulary does not fit the texts.
        """
        raise NotImplementedError

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read what a tokenizer of this kind saved; TokirError where it is damaged."""
        raise NotImplementedError

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Settings as they were given, with what this kind fixes by itself."""
        return values

    @classmethod
    def check(cls, settings: TokenizerSettings) -> None:
        """ValueError, in one sentence, where the settings do not go together."""
        from tokir.tokenizers.registry import TOKENIZERS

        for name, field in type(settings).model_fields.items():
            if name not in {"type", "vocabulary_size", *cls.takes} and getattr(settings, name) != field.default:
                takers = [kind for kind in TOKENIZERS if name in TOKENIZERS[kind].takes]
                plural = "s" if len(takers) > 1 else ""
                raise ValueError(f"{name} is for the type{plural} {', '.join(takers)}, not for {settings.type}")

    @classmethod
    def name(cls, settings: TokenizerSettings) -> str:
        """What its id starts with, for example ``bpe-2k``; settings that differ from their defaults follow."""
        size = settings.vocabulary_size
        return f"{settings.type}-{size // 1000}k" if size % 1000 == 0 else f"{settings.type}-{size}"


def overlaps(tokenizer: Tokenizer) -> bool:
    """Do the tokens of a word overlap? A tokenizer whose do says so by an attribute of that name."""
    return bool(getattr(tokenizer, "overlaps", False))


def require_unicode(text: str) -> None:
    """TokirError where ``text`` holds a lone surrogate, which has no bytes in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TokirError(
            f"character {error.start + 1:,} of a text is a lone surrogate (U+{ord(text[error.start]):04X}), so the "
            "text is not valid Unicode: remove it, or decode the text's source again"
        ) from None
