"""The documents that tokenizers and language models see: some to train on, others held out."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from tokir.errors import TokirError
from tokir.study.context import Context
from tokir.tokenizers import SAMPLE

MOST_CHARACTERS = 100_000_000  # of the training documents; keeps memory flat on corpora of long documents
READ_AT_ONCE = 64  # documents
HELD_OUT = 500  # documents at most, and at most a twentieth of the corpus


class Documents:
    """Training and held-out documents, drawn by seed.

    Raises:
        TokirError: there are too few documents, or those held out have no text.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._cut: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not read of the documents that were drawn, in sentences."""
        share = SAMPLE / max(1, sum(map(len, self.training)))
        sampled = [f"Tokenizers are trained on the first {share:.0%} of each document, {SAMPLE:,} characters."]
        return (*self._cut, *(sampled if share < 1 else ()))

    @property
    def training(self) -> list[str]:
        """In the order of the corpus."""
        return self._drawn[0]

    @property
    def held_out(self) -> list[str]:
        """5% of the corpus, at most 500."""
        return self._drawn[1]

    @property
    def inputs(self) -> dict[str, Any]:
        """What the draw depends on."""
        config = self.context.config
        return {
            "corpus": self.context.dataset.corpus.checksum,
            "documents": config.training.documents,
            "seed": config.data.seed,
        }

    @cached_property
    def _drawn(self) -> tuple[list[str], list[str]]:
        dataset, config = self.context.dataset, self.context.config
        count = len(dataset.corpus)
        if count < 2:
            raise TokirError(f"{dataset.source}: one document is too few to train on and to validate on")
        order = np.random.default_rng(config.data.seed).permutation(count)
        held_out = max(1, min(HELD_OUT, count // 20))
        training = order[held_out : held_out + config.training.documents].tolist()
        self._cut = []
        drawn = (
            self._read("training", training, MOST_CHARACTERS),
            self._read("held-out", order[:held_out].tolist(), MOST_CHARACTERS // 10),
        )
        dataset.corpus.release()
        if not any(text.strip() for text in drawn[1]):
            documents = "document holds" if held_out == 1 else f"{held_out:,} documents hold"
            raise TokirError(
                f"{dataset.source}: the held-out {documents} no text, so there is nothing to measure on: give more "
                "documents, or draw others with another data.seed"
            )
        return drawn

    def _read(self, what: str, positions: list[int], most: int) -> list[str]:
        """The documents at ``positions``, in the order of the corpus; as many as hold ``most`` characters."""
        texts: dict[int, str] = {}
        total = 0
        for start in range(0, len(positions), READ_AT_ONCE):
            some = positions[start : start + READ_AT_ONCE]
            for position, text in zip(some, self.context.dataset.corpus.select(some), strict=True):
                total += len(text)
                if total > most and texts:
                    note = f"Of {len(positions):,} {what} documents {len(texts):,} are read: {most:,} characters."
                    self.context.progress.say(note)
                    self._cut.append(note)
                    return [texts[known] for known in sorted(texts)]
                texts[position] = text
        return [texts[known] for known in sorted(texts)]
