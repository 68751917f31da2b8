"""The width at which a model has as many parameters as another with a vocabulary of another size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokir.models import Model

STEP = 8  # widths are multiples of it, so that heads divide them
WIDEST = 8192


def matched_width(
    build: Callable[[int, int], Model],
    vocabulary_size: int,
    reference: tuple[int, int],
    match: Literal["none", "total", "non-embedding"],
) -> int:
    """The width whose parameters come nearest to those of the reference.

    Args:
        build: makes a model of a vocabulary and a width; only its shape is looked at.
        vocabulary_size: of the model that is to fit.
        reference: vocabulary and width of the model to be matched.
        match: all parameters, those outside of the tables of tokens (Kaplan et al., 2020), or none.

    Raises:
        TokirError: even the narrowest model has more.
    """
    if match == "none":
        return reference[1]

    def count(vocabulary: int, width: int) -> int:
        with torch.device("meta"):
            model = build(vocabulary, width)
        return sum(
            parameter.numel()
            for name, parameter in model.named_parameters()
            if match == "total" or not _is_table(name)
        )

    wanted = count(*reference)
    low, high = 1, WIDEST // STEP  # the count rises with the width
    if count(vocabulary_size, STEP) > wanted:
        raise TokirError(
            f"budget.match={match}: with {vocabulary_size:,} entries even the narrowest model has more than "
            f"{wanted:,} parameters: name a tokenizer of a larger vocabulary first"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(vocabulary_size, middle * STEP) <= wanted else (low, middle)
    return min((low * STEP, high * STEP), key=lambda width: abs(count(vocabulary_size, width) - wanted))


def _is_table(name: str) -> bool:
    return "embedding." in name or name.startswith("output.") or name.endswith("log_weight")
