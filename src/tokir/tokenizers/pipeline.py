"""What the steps of a tokenizer of HF ``tokenizers`` do with spaces and with the names of special tokens."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokir.tokenizers.protocol import SEPARATOR

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer

MARK = "▁"  # a space, in the pieces of Llama, T5 and others
UNIGRAM_UNKNOWN = "<unk>"  # which the library does not show


@dataclass(frozen=True)
class Symbols:
    """Entries that do not stand for their own text."""

    ids: frozenset[int]
    names: re.Pattern[str]
    heads: str
    """A pattern of the first character of each name where the rest follows: parted there, no entry is as long."""

    @classmethod
    def of(cls, hf: HFTokenizer) -> Symbols:
        """Those of a tokenizer: special tokens, the unknown one, and bytes by name."""
        special = [token.content for token in hf.get_added_tokens_decoder().values() if token.special]
        unknown = getattr(hf.model, "unk_token", None) or UNIGRAM_UNKNOWN
        names = [name for name in dict.fromkeys([*special, unknown, SEPARATOR]) if len(name) > 1]
        patterns = [(re.escape(name[0]), re.escape(name[1:])) for name in names]
        bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
        if hf.token_to_id(bytes_[0]) is not None:
            names += bytes_
            patterns.append(("<", "0x[0-9A-F]{2}>"))
        return cls(
            ids=frozenset(i for i in map(hf.token_to_id, names) if i is not None),
            names=re.compile("|".join(head + tail for head, tail in patterns)),
            heads="|".join(f"{head}(?={tail})" for head, tail in patterns),
        )


@dataclass(frozen=True)
class Spaces:
    """What the steps of a tokenizer do with spaces."""

    changes: tuple[Any, ...]
    """Normalizers that change the text."""
    marks: tuple[Any, ...]
    """Normalizers that only put a space before it and write spaces as ``MARK``."""
    marked: bool
    """Are spaces written as ``MARK``, by whatever step?"""
    prepended: bool
    """Is a space put before every text, ..."""
    prepended_unless_there: bool
    """... or before every text that does not start with one?"""
    left_in: bool
    """Does the library leave that space in when it decodes?"""

    @classmethod
    def of(cls, hf: HFTokenizer) -> Spaces:
        """Read off the steps of a tokenizer."""
        changes: list[Any] = []
        marks: list[Any] = []
        for step in _steps(hf.normalizer):
            (marks if _marks(step) else changes).append(step)
        cuts, joins = described(hf.pre_tokenizer), described(hf.decoder)
        metaspaces = [step for step in cuts if step["type"] == "Metaspace"]
        prepended = any(type(step).__name__ == "Prepend" for step in marks)
        unless_there = any(step["type"] == "ByteLevel" and step["add_prefix_space"] for step in cuts) or any(
            step.get("prepend_scheme", "always") != "never" for step in metaspaces
        )
        taken_out = any(
            (step["type"] == "Strip" and step["content"] == " " and step["start"])
            or (step["type"] == "Metaspace" and step.get("prepend_scheme", "always") != "never")
            for step in joins
        )
        return cls(
            changes=tuple(changes),
            marks=tuple(marks),
            marked=any(step["replacement"] == MARK for step in metaspaces)
            or any(_describe(step).get("content") == MARK for step in (*marks, *changes)),
            prepended=prepended,
            prepended_unless_there=unless_there and not prepended,
            left_in=(prepended or unless_there) and not taken_out,
        )


_INSIDE = ("normalizers", "pretokenizers", "decoders")


def _steps(normalizer: Any) -> list[Any]:
    """The steps of a normalizer, those of sequences in their order."""
    if normalizer is None:
        return []
    if type(normalizer).__name__ != "Sequence":
        return [normalizer]
    return [step for i in range(len(normalizer)) for step in _steps(normalizer[i])]


def _marks(step: Any) -> bool:
    described = _describe(step)
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
    return described["type"] == "Prepend" or described == spaces


def _describe(step: Any) -> dict[str, Any]:
    """A step as it stands in ``tokenizer.json``."""
    found: dict[str, Any] = json.loads(step.__getstate__())
    return found


def described(component: Any) -> list[dict[str, Any]]:
    """The steps of a component as they stand in ``tokenizer.json``, those of sequences in their order."""

    def flat(described: dict[str, Any]) -> list[dict[str, Any]]:
        if described["type"] != "Sequence":
            return [described]
        inner: list[Any] = next((described[name] for name in _INSIDE if described.get(name)), [])
        return [step for each in inner for step in flat(each)]

    return flat(_describe(component)) if component is not None else []
