"""The row of a baseline that embeds, from the facts that lie beside its vectors."""

from __future__ import annotations

from typing import Any

from tokir.artifacts import Names, RunFolder
from tokir.results.records import System
from tokir.results.systems import Seconds


def encoder_row(name: str, title: str, training: str, folder: RunFolder, pooling: str | None = "mean") -> System:
    """What it is, and as far as it has embedded the passages how large it is and how much of them it read.

    Args:
        name: its id.
        title: what a reader calls it.
        training: what it was trained for.
        folder: the run folder.
        pooling: how it pools; None where only the facts beside its vectors say so, and which prompts it has.
    """
    row = System(
        id=name,
        kind="pretrained",
        title=title,
        architecture=name,
        objective=training,
        objective_label=training,
        pooling=pooling,
        pooling_label=pooling and f"{pooling} pooling",
    )
    facts = Names.embedding(name, Names.ENCODER_FACTS)
    if not folder.recorded(facts):
        return row
    encoder = folder.read_json(facts)
    return row.model_copy(
        update={
            "parameters": encoder["parameters"],
            "dimensions": encoder["dimensions"],
            "longest_tokens": encoder.get("longest"),
            "truncated_passages": encoder.get("truncated"),
            "unknown_rate": encoder.get("unknown_rate"),
            "seconds": Seconds(embed=folder.seconds(Names.embedding(name))),
            **(_read_off(encoder, training) if pooling is None else {}),
        }
    )


def _read_off(facts: dict[str, Any], training: str) -> dict[str, str | None]:
    """How an encoder pools, and for which texts it has prompts, in words."""
    pooling, prompts = facts.get("pooling"), facts.get("prompts") or {}
    plural = {"query": "queries", "passage": "passages"}
    sides = " and ".join(plural[side] for side in plural if prompts.get(side))
    return {
        "pooling": pooling,
        "pooling_label": pooling and f"{pooling} pooling",
        "objective_label": f"{training}, prompts for {sides}" if sides else training,
    }
