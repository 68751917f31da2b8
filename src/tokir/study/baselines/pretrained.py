"""A pretrained encoder as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.artifacts import Names, RunFolder
from tokir.encoders.registry import PRETRAINED
from tokir.errors import Unavailable
from tokir.results.records import System
from tokir.retrieval.files import SystemFiles
from tokir.study.baselines.rows import encoder_row
from tokir.study.embeddings import Embeddings


@dataclass(frozen=True)
class PretrainedBaseline:
    """One of the pretrained encoders."""

    name: str

    def missing(self, embeddings: Embeddings) -> str | None:
        """Its weights, or the library that reads them."""
        try:
            embeddings.weights(self.name)
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
        return encoder_row(name, about.title, about.training, folder)
