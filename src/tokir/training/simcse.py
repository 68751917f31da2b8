"""Dropout pairs (SimCSE; Gao et al., 2021): a text is paired with itself under another dropout mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, TokenisedPassages, same

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs


class DropoutPairs:
    """The same crop on both sides; they differ in nothing but dropout, of tokens and in the network."""

    def __init__(self, passages: TokenisedPassages, long: tuple[int, int]) -> None:
        self.passages, self.long = passages, long
        self._usable = np.flatnonzero(passages.text_lengths)
        if not len(self._usable):
            raise Unavailable("no passage has a text to train on")

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Passages drawn without replacement, a crop of each."""
        drawn = rng.choice(self._usable, min(count, len(self._usable)), replace=False)
        texts = self.passages.crops(drawn, self.long, rng)
        return Pairs(texts, texts, same(drawn))


def dropout_pairs(inputs: SourceInputs) -> DropoutPairs:
    """The pairs of the part ``simcse``."""
    return DropoutPairs(inputs.passages, inputs.settings.passage_tokens)
