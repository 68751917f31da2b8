"""BM25 with the usual parameters, and with parameters chosen on the validation queries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tokir.artifacts import Names, RunFolder, write_json
from tokir.config import IndexForm
from tokir.errors import Unavailable
from tokir.evaluation import tuning
from tokir.results.records import System
from tokir.retrieval.bm25 import K1, NO_WORDS, B, BM25Index
from tokir.retrieval.files import LexicalFiles
from tokir.retrieval.terms import IN_WORDS
from tokir.study.context import Context
from tokir.study.embeddings import Embeddings


@dataclass(frozen=True)
class Lexical:
    """BM25 over the terms of the passages."""

    name: str
    tuned: bool = False
    dense: ClassVar[bool] = False

    def width(self, embeddings: Embeddings) -> None:
        """It has no vectors."""

    def missing(self, embeddings: Embeddings) -> str | None:
        """Words in the corpus, the only thing that can be; asked of a row that is unavailable."""
        return NO_WORDS

    def make(self, embeddings: Embeddings, index: IndexForm) -> LexicalFiles:
        """Index the passages; Unavailable where they hold no words, or nothing can be chosen on."""
        context, name = embeddings.context, Names.index(self.name)
        context.keep_passages()
        k1, b = self._parameters(context)

        def make(folder: Path) -> None:
            BM25Index.of(context.postings, context.opener.tie_order, k1, b).save(folder)

        inputs = {"corpus": context.dataset.corpus.checksum, "k1": k1, "b": b, "terms": IN_WORDS}
        context.folder.ensure_folder(name, inputs, make)
        return LexicalFiles(name)

    def row(self, name: str, folder: RunFolder) -> System:
        """Its words say how it cuts texts."""
        title = "BM25 tuned" if self.tuned else f"BM25, k1 {K1:g}, b {B:g}"
        if self.tuned and folder.recorded(chosen := Names.chosen(name)):
            parameters = folder.read_json(chosen)
            title += f", k1 {parameters['k1']:g}, b {parameters['b']:g}"
        return System(
            id=name,
            kind="lexical",
            title=title,
            architecture="bm25",
            architecture_label=f"matches {IN_WORDS}; nothing is trained",
        )

    def _parameters(self, context: Context) -> tuple[float, float]:
        validation, corpus = context.validation, context.dataset.corpus
        if not self.tuned:
            return K1, B
        if validation is None:
            raise Unavailable("there are no validation queries to choose k1 and b on")
        name = Names.chosen(self.name)

        def choose() -> None:
            k1, b = tuning.bm25_parameters(context.postings, corpus.ids, context.opener.tie_order, validation)
            write_json(context.folder.file(name), {"k1": k1, "b": b})

        inputs = {"corpus": corpus.checksum, "terms": IN_WORDS, "validation": context.validation_inputs}
        context.folder.ensure([name], inputs, choose)
        made = context.folder.read_json(name)
        return float(made["k1"]), float(made["b"])


BM25 = Lexical("bm25")
TUNED = Lexical("bm25-tuned", tuned=True)
