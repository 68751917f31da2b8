"""The width at which a model has as many parameters as another with a vocabulary of another size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from tokir.errors import TokirError
from tokir.models.registry import Match

if TYPE_CHECKING:
    from tokir.models import Model

STEP = 8  # widths are multiples of it, so that heads divide them
WIDEST = 8192


def count(build: Callable[[], Model], match: Match) -> int:
    """Parameters of a model, all of them or those outside of the tables of tokens (Kaplan et al., 2020).

    Args:
        build: makes the model; only its shape is looked at.
        match: which parameters count.
    """
    with torch.device("meta"):
        model = build()
    parameters = model.named_parameters()
    return sum(parameter.numel() for name, parameter in parameters if match == "total" or not _is_table(name))


def matched_width(build: Callable[[int], Model], usual: int, wanted: int, match: Match) -> int:
    """The width whose parameters come nearest to ``wanted``.

    Args:
        build: makes a model of a width; only its shape is looked at.
        usual: the width to keep where it fits already; outside of its tables a static model has no width at all.
        wanted: parameters.
        match: which of them count.

    Raises:
        TokirError: even the narrowest model has more, or even the widest fewer.
    """

    def size(width: int) -> int:
        return count(lambda: build(width), match)

    if size(usual) == wanted:
        return usual
    low, high = 1, WIDEST // STEP  # the count rises with the width
    for width, word, beyond in (
        (STEP, "narrowest model has more", size(STEP) > wanted),
        (WIDEST, "widest model has fewer", size(WIDEST) < wanted),
    ):
        if beyond:
            raise TokirError(
                f"budget.match={match}: even the {word} parameters (at a width of {width:,}) than the {wanted:,} of "
                "the first tokenizer's: name another tokenizer first"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle * STEP) <= wanted else (low, middle)
    return min((low * STEP, high * STEP), key=lambda width: abs(size(width) - wanted))


def _is_table(name: str) -> bool:
    return "embedding." in name or name.startswith("output.") or name.endswith("log_weight")
