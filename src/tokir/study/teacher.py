"""The teacher's unit vectors of what is trained on: passages, crops and train queries, each computed once and kept."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import Names, digest
from tokir.encoders.registry import model_id
from tokir.encoders.store import read_embeddings
from tokir.retrieval.index import normalize
from tokir.study.context import Context
from tokir.study.embeddings import Embeddings, Texts


class Teacher:
    """The pretrained encoder that distillation follows."""

    def __init__(self, context: Context, embeddings: Embeddings) -> None:
        self.context, self.embeddings = context, embeddings
        self.name = context.config.retrieval.teacher
        self._lent: weakref.ref[NDArray[np.float32]] | None = None

    @property
    def id(self) -> str:
        """Names its files, and its row where it is a baseline too."""
        return model_id(self.name)

    @property
    def checksum(self) -> str:
        """Of its weights and tokenizer; Unavailable where it is not on this machine."""
        return self.embeddings.pretrained_files(self.name).checksum

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self.embeddings.width(self.name)

    def passages(self, positions: Sequence[int]) -> NDArray[np.float32]:
        """Of the passages that are trained on, at ``positions`` in the corpus, (positions, dimensions).

        All parts of one training share them.
        """
        vectors = None if self._lent is None else self._lent()
        if vectors is None:
            found = read_embeddings(self.embeddings.pretrained(self.name))
            vectors = normalize(np.asarray(found[list(positions)]))
            self._lent = weakref.ref(vectors)
        return vectors

    def texts(self, name: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Of ``texts``, (texts, dimensions), as it reads queries; kept under ``name``."""
        folder, file = self.context.folder, Names.teacher(self.id, name)
        model = self.embeddings.pretrained_files(self.name)
        inputs = {"texts": digest(list(texts)), **self.embeddings.inputs_of(model)}

        def make() -> None:
            self.embeddings.embed(model, Texts(texts), file, inputs, f"{self.id}: {name}")

        folder.ensure([file], inputs, make)
        return normalize(np.asarray(read_embeddings(folder.file(file))))
