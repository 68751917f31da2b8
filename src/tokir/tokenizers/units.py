"""Tokenizers with nothing to learn but a list: bytes, characters, words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tokir.tokenizers.subword import normalise
from tokir.tokenizers.tokenizer import SEPARATOR, UNKNOWN, CodePointTokenizer, TrainedTokenizer

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings


def train_byte(texts: Iterable[str], settings: TokenizerSettings) -> TrainedTokenizer:
    """One token for each byte of UTF-8, as in ByT5 (Xue et al., 2022); nothing is trained, nothing is unknown."""
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import decoders, models, pre_tokenizers

    entries = [SEPARATOR, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    hf = HFTokenizer(models.BPE({entry: number for number, entry in enumerate(entries)}, []))
    normalise(hf, settings)
    hf.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=settings.prefix_space, use_regex=False)
    hf.decoder = decoders.ByteLevel()
    hf.add_special_tokens([SEPARATOR])
    return TrainedTokenizer(hf)


def train_character(texts: Iterable[str], settings: TokenizerSettings) -> TrainedTokenizer | CodePointTokenizer:
    """One token for each character, the most frequent ones of the texts; any other is unknown.

    ``vocabulary_size`` is a bound: texts with fewer characters give a smaller vocabulary. With ``hashed`` there is no
    list, and nothing is unknown.
    """
    if settings.hashed:
        return CodePointTokenizer(settings.normalization, settings.lowercase)
    from tokenizers import Regex, pre_tokenizers

    return _listed(texts, settings, pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"))


def train_word(texts: Iterable[str], settings: TokenizerSettings) -> TrainedTokenizer:
    """One token for each word and each run of punctuation, the most frequent ones of the texts; others are unknown.

    ``vocabulary_size`` is a bound: texts with fewer words give a smaller vocabulary.
    """
    from tokenizers import pre_tokenizers

    return _listed(texts, settings, pre_tokenizers.Whitespace())


def _listed(texts: Iterable[str], settings: TokenizerSettings, cut: Any) -> TrainedTokenizer:
    """The most frequent pieces that ``cut`` makes; of equals the first by code points."""
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import decoders, models

    counter = HFTokenizer(models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    normalise(counter, settings)
    counts: Counter[str] = Counter()
    for text in texts:
        normal = counter.normalizer.normalize_str(text) if counter.normalizer else text
        counts.update(piece for piece, _ in cut.pre_tokenize_str(normal))
    special = [SEPARATOR, UNKNOWN]
    for name in special:
        counts.pop(name, None)
    order = sorted(counts, key=lambda piece: (-counts[piece], piece))
    entries = [*special, *order[: settings.vocabulary_size - len(special)]]
    hf = HFTokenizer(models.WordLevel({entry: i for i, entry in enumerate(entries)}, unk_token=UNKNOWN))
    hf.normalizer, hf.pre_tokenizer = counter.normalizer, cut
    # Characters stand side by side; words, whose spaces are not kept, one space apart.
    hf.decoder = decoders.Fuse() if settings.type == "character" else None
    hf.add_special_tokens([SEPARATOR])
    return TrainedTokenizer(hf)
