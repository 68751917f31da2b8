"""A pretrained encoder as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tokir.artifacts import Names, RunFolder
from tokir.config import IndexForm
from tokir.encoders.registry import PRETRAINED, is_folder, is_foreign
from tokir.errors import Unavailable
from tokir.results.records import System
from tokir.retrieval.files import SystemFiles
from tokir.study.baselines.rows import encoder_row
from tokir.study.embeddings import Embeddings
from tokir.systems import BaselineSystem


@dataclass(frozen=True)
class PretrainedBaseline:
    """Any of the pretrained encoders."""

    name: str
    dense: ClassVar[bool] = True

    def width(self, embeddings: Embeddings) -> int:
        """Of the model's vectors."""
        return embeddings.width(self.name)

    def missing(self, embeddings: Embeddings) -> str | None:
        """Its weights, or the library that reads them."""
        try:
            embeddings.weights(self.name)
        except Unavailable as error:
            return str(error)
        return None

    def make(self, embeddings: Embeddings, index: IndexForm) -> SystemFiles:
        """Embed the passages."""
        embeddings.pretrained(self.name)
        system, files = BaselineSystem(self.name, index), embeddings.pretrained_files(self.name)
        return embeddings.indexed(system.id, Names.embedding(system.whole.id), files, index)

    def row(self, name: str, folder: RunFolder) -> System:
        """What it is, and how much of the passages it read."""
        if is_foreign(self.name):
            title = Path(self.name).name if is_folder(self.name) else self.name
            return encoder_row(name, title, "pretrained elsewhere", folder, pooling=None)
        about = PRETRAINED[self.name]
        return encoder_row(name, about.title, about.training, folder)
