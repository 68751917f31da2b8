"""What trainers share: vocabularies of the most frequent pieces, and the errors of sizes that do not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tokir.errors import TokirError
from tokir.tokenizers.normalization import normalized, normalizer
from tokir.tokenizers.protocol import SEPARATOR, UNKNOWN

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer
    from tokir.config import TokenizerSettings

COVERAGE = 0.9995  # share of a text's characters that the alphabet of WordPiece and Unigram covers


def most_frequent(texts: Iterable[str], settings: TokenizerSettings, cut: Any) -> HFTokenizer:
    """A tokenizer over the most frequent pieces that ``cut`` makes; of equally frequent ones the first by code points.

    ``vocabulary_size`` is a bound: texts with fewer pieces give a smaller vocabulary.
    """
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import models

    counts: Counter[str] = Counter()
    for text in normalized(texts, settings):
        counts.update(piece for piece, _ in cut.pre_tokenize_str(text))
    special = [SEPARATOR, UNKNOWN]
    for name in special:
        counts.pop(name, None)
    order = sorted(counts, key=lambda piece: (-counts[piece], piece))
    entries = [*special, *order[: settings.vocabulary_size - len(special)]]
    hf = HFTokenizer(models.WordLevel({entry: i for i, entry in enumerate(entries)}, unk_token=UNKNOWN))
    hf.normalizer, hf.pre_tokenizer = normalizer(settings), cut
    hf.add_special_tokens([SEPARATOR])
    return hf


class TooSmall(TokirError):
    """The corpus yields fewer entries than were asked for.

    Attributes:
        entries: that it yields.
    """

    def __init__(self, settings: TokenizerSettings, entries: int) -> None:
        super().__init__(
            f"{settings.id}: the corpus is too small for a vocabulary of {settings.vocabulary_size:,}: it yields only "
            f"{entries:,} entries; ask for at most that many, or give more documents"
        )
        self.entries = entries
