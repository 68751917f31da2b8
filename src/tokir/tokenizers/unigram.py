"""A unigram language model over pieces."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokir.errors import TokirError
from tokir.tokenizers.huggingface import HuggingFaceKind, HuggingFaceTokenizer
from tokir.tokenizers.normalization import normalized, normalizer
from tokir.tokenizers.pipeline import MARK
from tokir.tokenizers.protocol import SEPARATOR
from tokir.tokenizers.vocabulary import COVERAGE, TooSmall

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

THREADS = 2  # of sentencepiece; its sums of floats depend on their number, so it is not that of the machine


class Unigram(HuggingFaceKind):
    """A unigram language model over pieces (Kudo, 2018), trained by ``sentencepiece``; bytes for rare characters.

    A text is cut with a space before it, so a first space of its own and none are the same; so are ``▁`` and a space.
    """

    label = "Unigram"
    takes = frozenset({"lowercase", "normalization", "pretokenization"})

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> HuggingFaceTokenizer:
        """TokirError where the vocabulary is smaller than the alphabet, or larger than the texts yield."""
        from tokenizers import Tokenizer as HFTokenizer
        from tokenizers import decoders, models, pre_tokenizers

        pieces, unknown = _pieces(texts, settings)
        hf = HFTokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=True))
        hf.normalizer = normalizer(settings)
        spaces = pre_tokenizers.Metaspace(MARK, prepend_scheme="always", split=True)
        digits = pre_tokenizers.Digits(individual_digits=True)
        separate = settings.pretokenization == "digits"
        hf.pre_tokenizer = pre_tokenizers.Sequence([spaces, digits]) if separate else spaces
        hf.decoder = decoders.Sequence(
            [decoders.ByteFallback(), decoders.Metaspace(MARK, prepend_scheme="always", split=True)]
        )
        hf.add_special_tokens([SEPARATOR])
        return HuggingFaceTokenizer(hf)


def _pieces(texts: Iterable[str], settings: TokenizerSettings) -> tuple[list[tuple[str, float]], int]:
    """Pieces with their log probabilities, and the index of the unknown one."""
    import sentencepiece

    file = io.BytesIO()
    lines = (" ".join(text.split()) for text in normalized(texts, settings))
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([line for line in lines if line]),
            model_writer=file,
            model_type="unigram",
            vocab_size=settings.vocabulary_size - 1,  # the separator is added later
            character_coverage=COVERAGE,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            split_by_unicode_script=settings.pretokenization != "whitespace",
            split_by_number=settings.pretokenization != "whitespace",
            split_digits=settings.pretokenization == "digits",
            max_sentence_length=1 << 30,
            num_threads=THREADS,
            num_sub_iterations=1,  # of EM before a pruning; a second takes a third more time and saves 0.2% of tokens
            bos_id=-1,
            eos_id=-1,
            minloglevel=3,
        )
    except RuntimeError as error:
        raise _problem(str(error), settings) from None
    model = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    pieces = [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]
    return pieces, int(model.unk_id())


def _problem(message: str, settings: TokenizerSettings) -> TokirError:
    """The library's errors in this one's words; its largest and smallest sizes do not count the separator."""
    size = settings.vocabulary_size
    if found := re.search(r"value <= (\d+)", message):
        return TooSmall(settings, int(found[1]) + 1)
    if "smaller than required_chars" in message and (found := re.search(r"(\d+) vs (\d+)", message)):
        return TokirError(
            f"a Unigram vocabulary of {size:,} is smaller than its alphabet: ask for at least {int(found[2]) + 2:,} "
            "entries"
        )
    return TokirError(f"no Unigram tokenizer of {size:,} entries can be trained: {message.splitlines()[-1]}")
