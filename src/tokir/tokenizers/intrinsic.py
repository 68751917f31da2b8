"""What a tokenizer does to a text, measured without any model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from tokir.tokenizers.bpe import Tokenizer


class IntrinsicMeasures(TypedDict):
    """Measures over a sample of the corpus."""

    fertility: float
    """Tokens per word, a word being what white space separates (Rust et al., 2021)."""
    bytes_per_token: float
    characters_per_token: float


def intrinsic_measures(tokenizer: Tokenizer, texts: Sequence[str]) -> IntrinsicMeasures:
    """Measure ``tokenizer`` on ``texts`` (at least one token among them)."""
    tokens = sum(map(len, tokenizer.encode(texts)))
    return IntrinsicMeasures(
        fertility=tokens / max(1, sum(len(text.split()) for text in texts)),
        bytes_per_token=sum(len(text.encode()) for text in texts) / max(1, tokens),
        characters_per_token=sum(map(len, texts)) / max(1, tokens),
    )
