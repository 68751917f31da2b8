"""Contrastive learning without labels, from the structure of the passages themselves.

A batch holds pairs of texts that belong together, which are to find each other (:mod:`.losses`). Pairs are two crops of
one passage (Contriever; Izacard et al., 2022), a span and what is left without it (the inverse cloze task; Lee et al.,
2019), or a title and its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, TokenisedPassages, same
from tokir.training.texts import Counts, Texts

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs


class OwnPairs:
    """Pairs out of each passage alone.

    Args:
        passages: to draw from.
        kind: two crops, a span and its passage without it, or a title and its text.
        short: tokens of the left text, fewest and most.
        long: tokens of the right text, without its title.
        titles: do crops and spans keep the passage's title? Queries often name what they are about.
    """

    def __init__(
        self,
        passages: TokenisedPassages,
        kind: Literal["crop", "cloze", "title"],
        short: tuple[int, int],
        long: tuple[int, int],
        titles: bool = True,
    ) -> None:
        self.passages, self.kind, self.short, self.long, self.titles = passages, kind, short, long, titles
        usable = passages.text_lengths > 0
        if kind == "title":
            usable &= passages.title_lengths > 0
        self._usable = np.flatnonzero(usable)
        if not len(self._usable):
            raise Unavailable(f"no passage has what pairs of the kind {kind} need (a text, and for title a title)")

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Passages drawn without replacement, and a pair of each."""
        drawn = rng.choice(self._usable, min(count, len(self._usable)), replace=False)
        if self.kind == "title":
            none = np.zeros((len(drawn), 0), dtype=np.int64)
            titles = self.passages.parts(drawn, none, none)
            crops = self.passages.crops(drawn, self.long, rng, titles=False)
            return Pairs(titles, crops, same(self.passages.title_of[drawn]))
        if self.kind == "crop":
            left = self.passages.crops(drawn, self.short, rng, self.titles)
            return Pairs(left, self.passages.crops(drawn, self.long, rng, self.titles), same(drawn))
        return Pairs(*self._cloze(drawn, rng), same(drawn))

    def _cloze(self, drawn: NDArray[np.int64], rng: np.random.Generator) -> tuple[Texts, Texts]:
        """A span of each text, at most half of it, and what is left without it, cut at the longest crop."""
        lengths: Counts = self.passages.text_lengths[drawn]
        sizes = rng.integers(self.short[0], self.short[1] + 1, len(drawn))
        sizes = np.minimum(sizes, np.maximum(1, lengths // 2))
        starts = rng.integers(0, lengths - sizes + 1)
        before = np.minimum(starts, self.long[1])
        after = np.minimum(lengths - starts - sizes, self.long[1] - before)
        spans = self.passages.parts(drawn, starts[:, None], sizes[:, None], self.titles)
        rest = np.column_stack([np.zeros_like(starts), starts + sizes]), np.column_stack([before, after])
        return spans, self.passages.parts(drawn, *rest, self.titles)


def own_pairs(inputs: SourceInputs) -> OwnPairs:
    """The pairs of the part ``contrastive``."""
    settings = inputs.settings
    return OwnPairs(
        inputs.passages, settings.pairs, settings.query_tokens, settings.passage_tokens, settings.titles
    )
