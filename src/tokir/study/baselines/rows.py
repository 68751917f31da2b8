"""The row of a baseline that embeds, from the facts that lie beside its vectors."""

from __future__ import annotations

from tokir.artifacts import Names, RunFolder
from tokir.results.records import System
from tokir.results.systems import Seconds

FACTS = "encoder.json"


def encoder_row(name: str, title: str, training: str, folder: RunFolder) -> System:
    """What it is, and as far as it has embedded the passages how large it is and how much of them it read."""
    row = System(
        id=name,
        kind="pretrained",
        title=title,
        architecture=name,
        objective=training,
        objective_label=training,
        pooling="mean",
        pooling_label="mean pooling",
    )
    facts = Names.embedding(name, FACTS)
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
        }
    )
