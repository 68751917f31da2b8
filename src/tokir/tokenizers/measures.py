"""The records of tokenizers measured on their own: what ``training.json`` and a row of ``tokenizers.json`` hold."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Values that do not change; keys of other versions are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class IntrinsicMeasures(Record):
    """Measures over a sample of the corpus. Titles are what readers call them.

    A word is what white space separates. Measures per word are None where more than a fifth of the letters are of
    scripts without spaces between words (:mod:`tokir.words`): only a dictionary could tell the words there.
    """

    fertility: float | None = Field(
        title="tokens per word", description="Rust et al., 2021; None in scripts without spaces"
    )
    bytes_per_token: float = Field(title="bytes per token")
    characters_per_token: float = Field(title="characters per token")
    vocabulary_use: float = Field(title="share of entries used", description="of those in the vocabulary")
    whole_words: float | None = Field(
        title="share of words in one token",
        description="of the distinct words; None in scripts without spaces, and for overlapping n-grams",
    )
    continued_words: float | None = Field(
        title="share of words split",
        description="of all words, as often as they occur (Rust et al., 2021); None in scripts without spaces, and for "
        "overlapping n-grams",
    )
    renyi_efficiency: float = Field(
        title="Rényi efficiency",
        description="Rényi entropy of order 2.5 of the tokens over the logarithm of the entries seen "
        "(Zouhar et al., 2023)",
    )
    unknown_rate: float = Field(
        title="share of unknown tokens", description="of the tokens, those that stand for what has no entry"
    )
    round_trip: float | None = Field(
        title="lossless round trips",
        description="share of the texts that decode to what they were after the normalization that was asked for; None "
        "for hashed n-grams, of which none can be decoded",
    )
    lost_bits_per_character: float | None = Field(
        title="bits lost per character",
        description="bits that restore what the tokens lose (unknown words, white space), per character of all texts; "
        "None for hashed n-grams, over which no language model is trained",
    )


_SHARES = ("vocabulary_use", "whole_words", "continued_words", "unknown_rate", "round_trip")
_FINE = ("renyi_efficiency", "lost_bits_per_character")
INTRINSIC: dict[str, tuple[str, str]] = {
    name: (field.title or name, ".1%" if name in _SHARES else ".3f" if name in _FINE else ".2f")
    for name, field in IntrinsicMeasures.model_fields.items()
}
"""Measure to what readers call it and how it is written, in the order of tables."""


class TokenizerRecord(IntrinsicMeasures):
    """``training.json``: a tokenizer's settings, the size that it got, and its measures on held-out documents."""

    id: str
    type: str
    vocabulary_size: int
    entries_asked: int = Field(description="entries that were asked for; words and characters may have fewer")
    lowercase: bool
    normalization: str | None
    prefix_space: bool
    pretokenization: str
    hashed: bool
    shortest_ngram: int = 3
    longest_ngram: int = 5
    with_words: bool = True
    hashes: int = 1
    stemming: str | None
    stop_words: str | None
    file: str | None
    documents: int = Field(description="that it was trained on")


class TrainedTokenizerRecord(TokenizerRecord):
    """The same with what its training took, from the run folder's manifest."""

    seconds: float = Field(title="seconds to train")
    peak_memory: int = Field(title="peak memory so far", description="bytes of the process when it was trained")


class ComparedTokenizer(TrainedTokenizerRecord):
    """A row of ``tokenizers.json``."""

    megabytes_per_second: float = Field(title="MB/s encoded", description="of UTF-8, on one thread")


class Cut(Record):
    """How each tokenizer cuts a text."""

    kind: str = Field(description="chosen, frequent word, rare name, number")
    text: str
    pieces: dict[str, list[str]] = Field(description="tokenizer id -> pieces")
