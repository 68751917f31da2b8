"""Byte-level byte-pair encoding (Sennrich et al., 2016; bytes as in Radford et al., 2019), by HF ``tokenizers``.

The base alphabet is all 256 bytes, so no text is unknown and every text comes back as it was
(after the normalisation that was asked for).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.artifacts import write_text
from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer

SEPARATOR = "<|endoftext|>"


class Tokenizer:
    """Text to token ids and back; owns saving and loading for every kind of tokenizer."""

    def __init__(self, hf: HFTokenizer) -> None:
        self._hf = hf

    @cached_property
    def vocabulary_size(self) -> int:
        """Entries, the separator included."""
        return int(self._hf.get_vocab_size())

    @cached_property
    def separator_id(self) -> int:
        """The id that stands between documents in a language model's stream."""
        token = self._hf.token_to_id(SEPARATOR)
        assert token is not None  # every tokenizer trained here has one
        return int(token)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        if len(texts) == 1:  # a single query skips the thread pool of a batch
            return [self._hf.encode(texts[0], add_special_tokens=False).ids]
        return [encoding.ids for encoding in self._hf.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``."""
        return str(self._hf.decode(list(ids), skip_special_tokens=False))

    def pieces(self, text: str) -> list[str]:
        """How ``text`` is cut, as a person reads it; a part of a character stays as its byte symbols.

        >>> tokenizer.pieces("a retrieval")  # doctest: +SKIP
        ['a', ' ret', 'ri', 'ev', 'al']
        """
        encoding = self._hf.encode(text, add_special_tokens=False)
        decoded = (self.decode([token]) for token in encoding.ids)
        return [raw if "\ufffd" in piece else piece for piece, raw in zip(decoded, encoding.tokens, strict=True)]

    def save(self, path: Path) -> None:
        """Write ``tokenizer.json``, the format of HF ``tokenizers``, atomically."""
        write_text(path, self._hf.to_str(pretty=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read a ``tokenizer.json``; TokirError when it is missing or damaged."""
        from tokenizers import Tokenizer as HFTokenizer

        try:
            return cls(HFTokenizer.from_str(path.read_text("utf-8")))
        except Exception as error:  # the library raises bare Exception
            raise TokirError(f"{path}: no tokenizer can be read from it: {error}") from None


def train_bpe(
    texts: Iterable[str],
    vocabulary_size: int = 2000,
    lowercase: bool = False,
    normalization: str | None = None,
    prefix_space: bool = False,
) -> Tokenizer:
    """Train byte-level BPE on ``texts``: the same texts and settings give the same tokenizer, byte for byte.

    With ``prefix_space`` the first word of a text is cut as any other, with the space that stands before it;
    else a query's first word and the same word inside a passage are different tokens.

    Raises:
        TokirError: the texts do not hold enough distinct pairs for ``vocabulary_size`` entries.
    """
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    hf = HFTokenizer(models.BPE())
    steps = [getattr(normalizers, normalization)()] if normalization else []
    steps += [normalizers.Lowercase()] if lowercase else []
    if steps:
        hf.normalizer = normalizers.Sequence(steps)
    hf.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    hf.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[SEPARATOR],
        # The library collects the alphabet in the order of a hash map; sorted, it is the same every time.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    hf.train_from_iterator(texts, trainer)
    if hf.get_vocab_size() < vocabulary_size:
        raise TokirError(
            f"the corpus is too small for a vocabulary of {vocabulary_size:,}: it yields only "
            f"{hf.get_vocab_size():,} entries; ask for at most that many (tokenizers.0.vocabulary_size), "
            "or give more documents"
        )
    return Tokenizer(hf)
