"""The normalization that the settings ask for, of every tokenizer trained here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tokir.tokenizers.protocol import require_unicode

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

FINAL_SIGMA = r"(?<=[\p{L}\p{M}])σ(?![\p{L}\p{M}])"


def normalizer(settings: TokenizerSettings) -> Any | None:
    """The steps for HF ``tokenizers``; None where the text stays as it is.

    The library lower-cases each character by itself. A capital sigma at the end of a word is another letter then (ς),
    without which a query in capitals would not be spelled as its passages are.
    """
    from tokenizers import Regex, normalizers

    form = [getattr(normalizers, settings.normalization)()] if settings.normalization else []
    steps = list(form)
    if settings.lowercase:
        final = normalizers.Replace(Regex(FINAL_SIGMA), "ς")
        # A capital may have no composed form where its small letter has one, as ΐ: that is composed afterwards.
        steps += [normalizers.Lowercase(), final, *form]
    return normalizers.Sequence(steps) if steps else None


def normalized_text(text: str, form: str | None, lowercase: bool) -> str:
    """``text`` in its normalization form, in lower case, for tokenizers that are not of HF ``tokenizers``.

    Raises:
        TokirError: it is not valid Unicode.
    """
    require_unicode(text)

    def formed(text: str) -> str:
        return unicodedata.normalize(form, text) if form else text  # type: ignore[arg-type]

    return formed(formed(text).lower()) if lowercase else formed(text)


def normalized(texts: Iterable[str], settings: TokenizerSettings) -> Iterable[str]:
    """Each text as a tokenizer with :func:`normalizer` reads it."""
    steps = normalizer(settings)
    return texts if steps is None else (steps.normalize_str(text) for text in texts)
