"""The kinds of tokenizer by name.

Adding one is a file with a subclass of :class:`tokir.tokenizers.protocol.TokenizerKind` and a line here; from outside
the package, ``TOKENIZERS.add("name", Kind)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tokir.registry import Registry

if TYPE_CHECKING:
    from tokir.tokenizers.protocol import TokenizerKind

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]  # of Unicode normalization
TOKENIZERS: Registry[type[TokenizerKind]] = Registry(
    "tokenizer",
    {
        "bpe": "tokir.tokenizers.bpe:BPE",
        "wordpiece-bpe": "tokir.tokenizers.wordpiece:WordPieceBPE",
        "unigram": "tokir.tokenizers.unigram:Unigram",
        "byte": "tokir.tokenizers.byte:Byte",
        "character": "tokir.tokenizers.character:Character",
        "word": "tokir.tokenizers.word:Word",
        "ngram": "tokir.tokenizers.ngram:NGram",
        "file": "tokir.tokenizers.file:File",
    },
)
