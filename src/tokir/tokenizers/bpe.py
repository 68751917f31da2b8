"""Byte-level byte-pair encoding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tokir.tokenizers.chunks import WORDS
from tokir.tokenizers.huggingface import HuggingFaceKind, HuggingFaceTokenizer
from tokir.tokenizers.normalization import normalizer
from tokir.tokenizers.protocol import SEPARATOR
from tokir.tokenizers.vocabulary import TooSmall

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

ALPHABET = 257  # the bytes and the separator


class BPE(HuggingFaceKind):
    """Byte-level byte-pair encoding (Sennrich et al., 2016; bytes as in Radford et al., 2019).

    The base alphabet is all 256 bytes, so no text is unknown and every text, once normalized, is restored by decoding.
    With ``prefix_space`` the first word of a text is cut as any other, with the space that stands before it; else a
    query's first word and the same word in a passage are different tokens.
    """

    label = "byte-level BPE"
    takes = frozenset({"lowercase", "normalization", "prefix_space", "pretokenization"})

    @classmethod
    def check(cls, settings: TokenizerSettings) -> None:
        """The alphabet has to fit."""
        super().check(settings)
        if settings.vocabulary_size < ALPHABET:
            raise ValueError(
                f"a vocabulary of {settings.vocabulary_size} is smaller than the alphabet of byte-level BPE: "
                f"{ALPHABET} entries at least"
            )

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> HuggingFaceTokenizer:
        """TokirError where the texts do not hold enough distinct pairs for ``vocabulary_size`` entries."""
        from tokenizers import Tokenizer as HFTokenizer
        from tokenizers import decoders, models, pre_tokenizers, trainers

        hf = HFTokenizer(models.BPE())
        hf.normalizer = normalizer(settings)
        hf.pre_tokenizer = _cut(settings)
        hf.decoder = decoders.ByteLevel()
        # The library collects the alphabet in the order of a hash map; sorted, it is the same every time.
        trainer = trainers.BpeTrainer(
            vocab_size=settings.vocabulary_size,
            special_tokens=[SEPARATOR],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        hf.train_from_iterator(texts, trainer)
        if hf.get_vocab_size() < settings.vocabulary_size:
            raise TooSmall(settings, hf.get_vocab_size())
        return HuggingFaceTokenizer(hf)


def _cut(settings: TokenizerSettings) -> Any:
    """What no piece crosses: words, also single digits, or white space alone."""
    from tokenizers import Regex, pre_tokenizers

    # The last step would put a space before each piece of the steps before it: only the first of all is to have one.
    first = [pre_tokenizers.Metaspace(" ", prepend_scheme="first", split=False)] if settings.prefix_space else []
    digits = [pre_tokenizers.Digits(individual_digits=True)] if settings.pretokenization == "digits" else []
    # Where only white space is to part words, one keeps the white space before it, as in the usual rule, and also the
    # punctuation it touches.
    pattern = r"\s?\S+|\s+" if settings.pretokenization == "whitespace" else WORDS
    return pre_tokenizers.Sequence(
        [
            *first,
            *digits,
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
