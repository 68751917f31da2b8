"""The passages that retrieval objectives train on: which they are, their texts, and their token ids."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tokir.study.context import Context
from tokir.study.documents import MOST_CHARACTERS

if TYPE_CHECKING:
    from tokir.data import Split
    from tokir.tokenizers import Tokenizer
    from tokir.training.pairs import TokenisedPassages


class TrainingPassages:
    """All passages of the corpus, or as many as ``retrieval.documents`` and 100 million characters, drawn by seed."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._tokenised: dict[str, TokenisedPassages] = {}

    @cached_property
    def positions(self) -> list[int]:
        """Where in the corpus they lie, in its order."""
        corpus, most = self.context.dataset.corpus, self.context.config.retrieval.documents
        count, fits = len(corpus), corpus.characters <= MOST_CHARACTERS
        if count <= most and fits:
            return list(range(count))
        drawn: list[int] = np.random.default_rng(self.context.config.data.seed).permutation(count)[:most].tolist()
        return sorted(drawn if fits else self._within(drawn))

    def _within(self, drawn: list[int]) -> list[int]:
        """As many of the first of ``drawn`` as hold the characters that fit into memory; one at least."""
        corpus, total = self.context.dataset.corpus, 0
        for number, position in enumerate(drawn):
            total += len(corpus.record(position).text)
            if total > MOST_CHARACTERS and number:
                drawn = drawn[:number]
                break
        corpus.release()
        return drawn

    @property
    def notes(self) -> tuple[str, ...]:
        """That not all passages are trained on, in a sentence."""
        used, all_ = len(self.positions), len(self.context.dataset.corpus)
        note = (
            f"Models that are trained to retrieve read {used:,} of {all_:,} passages in training, drawn by seed."
        )
        return (note,) if used < all_ else ()

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Passage id to its index among them."""
        ids = self.context.dataset.corpus.ids
        return {ids[position]: index for index, position in enumerate(self.positions)}

    def texts(self) -> tuple[list[str], list[str]]:
        """Their titles and texts; not kept, since they may be a large part of the corpus."""
        documents = self.context.dataset.corpus.documents(self.positions)
        return [document.title for document in documents], [document.text for document in documents]

    def whole(self) -> list[str]:
        """What models read of each: title and text."""
        return [document.passage for document in self.context.dataset.corpus.documents(self.positions)]

    def tokenised(self, name: str, tokenizer: Tokenizer) -> TokenisedPassages:
        """Their token ids, kept under the id of the tokenizer."""
        from tokir.training.pairs import TokenisedPassages

        if name not in self._tokenised:  # the last alone is kept: a study trains tokenizer by tokenizer
            self._tokenised.clear()
            self._tokenised[name] = TokenisedPassages(tokenizer, *self.texts())
        return self._tokenised[name]

    def relevant(self, split: Split) -> dict[str, list[int]]:
        """Indices of the relevant passages of each query of ``split`` that has any among them."""
        index_of = self.index_of
        found = {
            query: [index_of[id] for id, grade in judged.items() if grade > 0 and id in index_of]
            for query, judged in split.qrels.items()
        }
        return {query: indices for query, indices in found.items() if indices}
