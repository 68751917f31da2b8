"""Contrastive learning without labels, from the structure of the passages themselves.

A batch holds pairs of texts that belong together; each left text is to find its right one among all of the batch,
and the other way round: InfoNCE (van den Oord et al., 2018), symmetric and with a learned temperature as in CLIP
(Radford et al., 2021). Pairs are two crops of one passage (Contriever; Izacard et al., 2022), a span and what is
left without it (the inverse cloze task; Lee et al., 2019), or a title and its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tokir.errors import Unavailable
from tokir.training.pairs import Pairs, TokenisedPassages, Tokens, crop, same

if TYPE_CHECKING:
    from tokir.training.sources import SourceInputs


def contrastive_loss(scores: Tensor, not_negative: Tensor) -> Tensor:
    """Mean cross-entropy of finding the right text of a left one, and the left text of a right one.

    Args:
        scores: (left, right), cosines over the temperature; the pairs lie on the diagonal.
        not_negative: (left, right), True for what is neither a pair nor a fair negative.
    """
    pairs = scores.shape[0]
    scores = scores.masked_fill(not_negative, -torch.inf)
    target = torch.arange(pairs, device=scores.device)
    found = functional.cross_entropy(scores, target)
    return (found + functional.cross_entropy(scores[:, :pairs].T, target)) / 2


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
        self._usable = np.array([i for i in range(len(passages)) if len(passages.text(i))])
        if kind == "title":
            self._usable = np.array([i for i in self._usable if len(passages.title(i))], dtype=np.int64)
        if not len(self._usable):
            raise Unavailable(f"no passage has what pairs of the kind {kind} need (a text, and for title a title)")

    def draw(self, rng: np.random.Generator, count: int) -> Pairs:
        """Passages drawn without replacement, and a pair of each."""
        drawn = rng.choice(self._usable, min(count, len(self._usable)), replace=False)
        pairs = [self._pair(int(index), rng) for index in drawn]
        left_of = self.passages.title_of[drawn] if self.kind == "title" else drawn
        return Pairs([left for left, _ in pairs], [right for _, right in pairs], same(left_of))

    def _pair(self, index: int, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        title, text = self.passages.title(index), self.passages.text(index)
        if self.kind == "title":
            return title, crop(text, self.long, rng)
        if not self.titles:
            title = title[:0]
        if self.kind == "crop":
            left, right = crop(text, self.short, rng), crop(text, self.long, rng)
            return np.concatenate([title, left]), np.concatenate([title, right])
        size = min(int(rng.integers(self.short[0], self.short[1] + 1)), max(1, len(text) // 2))
        start = int(rng.integers(0, len(text) - size + 1))
        rest = np.concatenate([text[:start], text[start + size :]])
        return np.concatenate([title, text[start : start + size]]), np.concatenate([title, rest[: self.long[1]]])


def own_pairs(inputs: SourceInputs) -> OwnPairs:
    """The pairs of the part ``contrastive``."""
    settings = inputs.settings
    return OwnPairs(
        inputs.passages, settings.pairs, settings.query_tokens, settings.passage_tokens, settings.titles
    )
