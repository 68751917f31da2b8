"""A tokenizer as a ``tokenizer.json`` from which every reader of that format cuts as it is cut here.

Readers of the format take the name of a special token, where it stands in a text, for that token; here text is text, a
setting that the format does not hold. So the special tokens become plain entries, and what could still reach one of
them, or a byte by its name, is parted before the model sees it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokir.errors import TokirError
from tokir.tokenizers.huggingface import HuggingFaceTokenizer
from tokir.tokenizers.native import as_sentence

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer
    from tokir.tokenizers.protocol import Tokenizer


def portable(tokenizer: Tokenizer) -> HFTokenizer:
    """The same tokenizer for readers of ``tokenizer.json``: without special tokens, truncation or padding.

    Ids stay as they are.

    Raises:
        TokirError: the format cannot say how it cuts; the sentence goes on from the name of the tokenizer.
    """
    from tokenizers import Tokenizer as HFTokenizer

    if not isinstance(tokenizer, HuggingFaceTokenizer):
        raise TokirError(f"cannot be written as a tokenizer.json, since {_reason(tokenizer)}")
    described = tokenizer.described()
    special = [token for token in described["added_tokens"] if token["special"]]
    described["added_tokens"] = [token for token in described["added_tokens"] if not token["special"]]
    described |= {"post_processor": None, "truncation": None, "padding": None}
    for token in special:
        _enter(described["model"], token["content"], token["id"])
    if _finds_names(described["model"], tokenizer):
        apart = {"type": "Split", "pattern": {"Regex": tokenizer.heads}, "behavior": "Isolated", "invert": False}
        first = [described["pre_tokenizer"]] if described["pre_tokenizer"] else []
        described["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*first, apart]}
    with as_sentence("cannot be written as a tokenizer.json"):
        found: HFTokenizer = HFTokenizer.from_str(json.dumps(described, ensure_ascii=False))
    return found


def _enter(model: dict[str, Any], content: str, number: int) -> None:
    """Let ``content`` be an entry of the model with that id, as it was one of the tokens added to it."""
    entries = model["vocab"]
    if isinstance(entries, dict):
        entries.setdefault(content, number)
    elif content not in (entry[0] for entry in entries):
        if number != len(entries):
            raise TokirError(f"cannot be written as a tokenizer.json, since no entry has the id {len(entries)}")
        entries.append([content, 0.0])  # not lower than all, which would change what an unknown character costs


def _finds_names(model: dict[str, Any], tokenizer: HuggingFaceTokenizer) -> bool:
    """Could the model, by itself, find one of the symbols in a text that holds its name?

    Byte-pair encoding makes what its merges make; other models look entries up.
    """
    if model["type"] != "BPE" or model.get("ignore_merges"):
        return True
    merged = (pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"])
    return any(tokenizer.is_name("".join(pair)) for pair in merged)


def _reason(tokenizer: Tokenizer) -> str:
    from tokir.tokenizers.code_points import CodePointTokenizer
    from tokir.tokenizers.ngram import NGramTokenizer
    from tokir.tokenizers.reduced import ReducedWords
    from tokir.tokenizers.sentencepiece import SentencePieceTokenizer

    if isinstance(tokenizer, NGramTokenizer):
        return "that format knows no letter n-grams"
    if isinstance(tokenizer, ReducedWords):
        return "that format knows neither stems nor stop words"
    if isinstance(tokenizer, CodePointTokenizer):
        return "that format lists its entries, and hashed characters have no list"
    if isinstance(tokenizer, SentencePieceTokenizer):
        return "sentencepiece normalizes and cuts by rules that this format holds only nearly"
    return f"that format does not know how a {type(tokenizer).__name__} cuts"
