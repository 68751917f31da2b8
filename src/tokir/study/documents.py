"""The documents that tokenizers and language models see: some to train on, others held out."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from tokir.errors import TokirError
from tokir.study.context import Context

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
        drawn = self._read(training, MOST_CHARACTERS), self._read(order[:held_out].tolist(), MOST_CHARACTERS // 10)
        dataset.corpus.release()
        if not any(text.strip() for text in drawn[1]):
            documents = "document holds" if held_out == 1 else f"{held_out:,} documents hold"
            raise TokirError(
                f"{dataset.source}: the held-out {documents} no text, so there is nothing to measure on: give more "
                "documents, or draw others with another data.seed"
            )
        return drawn

    def _read(self, positions: list[int], most: int) -> list[str]:
        """The documents at ``positions``, in the order of the corpus; as many as hold ``most`` characters."""
        texts: dict[int, str] = {}
        total = 0
        for start in range(0, len(positions), READ_AT_ONCE):
            some = positions[start : start + READ_AT_ONCE]
            for position, text in zip(some, self.context.dataset.corpus.select(some), strict=True):
                total += len(text)
                if total > most and texts:
                    self.context.progress.say(
                        f"{len(texts):,} of {len(positions):,} documents are read: they hold {most:,} characters"
                    )
                    return [texts[known] for known in sorted(texts)]
                texts[position] = text
        return [texts[known] for known in sorted(texts)]
