"""The settings of a tokenizer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tokir.config.settings import Settings
from tokir.tokenizers.registry import TOKENIZERS, Form


class TokenizerSettings(Settings):
    """A tokenizer to train on the training documents, or one that is there already."""

    type: Annotated[str, AfterValidator(TOKENIZERS.check)] = Field(
        "bpe",
        description=f"the kind: {', '.join(TOKENIZERS)}",
    )
    vocabulary_size: int = Field(
        2000,
        ge=2,
        le=1_000_000,
        description="entries, special tokens included; for characters and words at most that many; for hashed "
        "characters the buckets of each table, for letter n-grams the rows that they share",
    )
    lowercase: bool = Field(False, description="lower-case text, after normalization")
    normalization: Form | None = Field(
        None, description="Unicode normalization form, applied before anything else"
    )
    prefix_space: bool = Field(False, description="cut the first word of a text as any other, with its space")
    pretokenization: Literal["words", "digits", "whitespace"] = Field(
        "words",
        description="what no piece of a subword tokenizer crosses: its usual words, also single digits, or white "
        "space alone",
    )
    hashed: bool = Field(
        False, description="characters: no list of them, but vectors made of hash tables, as in CANINE"
    )
    shortest_ngram: int = Field(
        3, ge=1, description="letter n-grams: characters of the shortest, the marks at a word's ends included"
    )
    longest_ngram: int = Field(5, le=10, description="letter n-grams: characters of the longest")
    with_words: bool = Field(True, description="letter n-grams: is the whole word a feature too?")
    hashes: int = Field(1, ge=1, le=8, description="letter n-grams: rows that each of them has")
    stemming: str | None = Field(
        None, description="words: a Snowball stemmer, for example english; words with the same stem are one token"
    )
    stop_words: str | None = Field(
        None, description="words: a stop-word list of bm25s, for example english; its words are left out"
    )
    file: str | None = Field(None, description="a tokenizer.json or a sentencepiece .model, for the type file")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(name := values.get("type"), str) and name in TOKENIZERS:
            return TOKENIZERS[name].complete(values)
        return values

    @model_validator(mode="after")
    def _fits(self) -> TokenizerSettings:
        TOKENIZERS[self.type].check(self)
        return self

    @property
    def buckets(self) -> int:
        """Rows of each of the tables that hashed vectors are made of; 0 where each entry has a row of its own."""
        return self.vocabulary_size if self.hashed else 0

    @property
    def overlaps(self) -> bool:
        """Do the tokens of a word overlap, so that a text is a bag of them?"""
        return TOKENIZERS[self.type].overlaps

    @property
    def letters(self) -> bool:
        """Is each token a single character or byte?"""
        return TOKENIZERS[self.type].letters

    @property
    def id(self) -> str:
        """The name used in system ids, for example ``bpe-2k`` or ``bpe-8k-lower-nfkc``."""
        name = TOKENIZERS[self.type].name(self)
        name += "-hashed" if self.hashed else ""
        name += "-lower" if self.lowercase else ""
        name += "-space" if self.prefix_space else ""
        name += f"-{self.pretokenization}" if self.pretokenization != "words" else ""
        name += f"-stop-{self.stop_words}" if self.stop_words else ""
        name += f"-stem-{self.stemming}" if self.stemming else ""
        return name + (f"-{self.normalization.lower()}" if self.normalization else "")
