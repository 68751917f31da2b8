"""A pretrained encoder as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.artifacts import Names, RunFolder
from tokir.encoders.registry import PRETRAINED
from tokir.errors import Unavailable
from tokir.results.records import System
from tokir.results.systems import Seconds
from tokir.retrieval.files import SystemFiles
from tokir.study.embeddings import Embeddings


@dataclass(frozen=True)
class PretrainedBaseline:
    """One of the pretrained encoders."""

    name: str

    def missing(self, embeddings: Embeddings) -> str | None:
        """Its weights, or the library that reads them."""
        try:
            embeddings.pretrained_files(self.name)
        except Unavailable as error:
            return str(error)
        return None

    def make(self, embeddings: Embeddings) -> SystemFiles:
        """Embed the passages."""
        embeddings.pretrained(self.name)
        files = embeddings.pretrained_files(self.name)
        return embeddings.indexed(self.name, Names.embedding(self.name), files)

    def row(self, name: str, folder: RunFolder) -> System:
        """What it is, and how much of the passages it read."""
        about = PRETRAINED[name]
        row = System(
            id=name,
            kind="pretrained",
            title=about.title,
            architecture=name,
            objective=about.training,
            objective_label=about.training,
            pooling="mean",
            pooling_label="mean pooling",
        )
        facts = Names.embedding(name, "encoder.json")
        if not folder.recorded(facts):
            return row
        encoder = folder.read_json(facts)
        return row.model_copy(
            update={
                "parameters": encoder["parameters"],
                "dimensions": encoder["dimensions"],
                "longest_tokens": encoder["longest"],
                "truncated_passages": encoder["truncated"],
                "unknown_rate": encoder["unknown_rate"],
                "seconds": Seconds(embed=folder.seconds(Names.embedding(name))),
            }
        )
