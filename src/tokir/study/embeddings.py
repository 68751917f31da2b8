"""Vectors of the corpus, of trained and of pretrained models, and the indexes they are put into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tokir.artifacts import Names, digest, write_json
from tokir.config import IndexForm
from tokir.encoders.files import EncoderFiles, PretrainedFiles
from tokir.encoders.registry import model_id
from tokir.encoders.store import Passages, blocks, read_embeddings
from tokir.errors import TokirError, Unavailable
from tokir.retrieval.files import DenseFiles
from tokir.retrieval.index import Vectors
from tokir.retrieval.registry import INDEXES
from tokir.study.context import Context
from tokir.study.engines.orders import Reading

if TYPE_CHECKING:
    from tokir.encoders import ReadyMade

COUNTED_AT_ONCE = 1024  # passages


class Embeddings:
    """Vectors by the name of a system, embedded where they are missing."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._found: dict[str, PretrainedFiles] = {}

    @property
    def inputs(self) -> dict[str, Any]:
        """What every embedding of the corpus depends on."""
        return {"corpus": self.context.dataset.corpus.checksum, "precision": self.context.precision}

    def embed(
        self,
        encoder: EncoderFiles,
        texts: Passages,
        name: str,
        inputs: dict[str, Any],
        task: str,
        as_passages: bool = False,
    ) -> None:
        """Write the vectors of ``texts`` to the file ``name``; ``inputs`` holds all that they depend on.

        ``as_passages`` has a pretrained encoder read them so.
        """
        context = self.context
        reading = Reading(encoder, context.device.type, context.precision, as_passages)
        context.engine.embed(reading, texts, context.folder.file(name), digest(inputs), f"{task}: embedding")

    def weights(self, name: str) -> Path:
        """Where a pretrained model lies on this machine; Unavailable where it does not."""
        from tokir.encoders.named import find

        return find(name, self.context.config.pretrained_folders.get(name), self.context.machine.download)

    def pretrained_files(self, name: str) -> PretrainedFiles:
        """Which model stands behind a name: the one on this machine, else the one that this run has used before.

        What was made with a model does not need it again. Raises Unavailable where there is neither.
        """
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> PretrainedFiles:
        from tokir.encoders.named import checksum

        folder, record = self.context.folder, Names.embedding(model_id(name), Names.MODEL_FACTS)
        named = self.context.config.pretrained_folders.get(name)
        known = (
            folder.read_json(record)["checksum"] if folder.recorded(record) and folder.is_whole(record) else None
        )
        try:
            found = checksum(name, self.weights(name))
        except Unavailable:
            if known is None:
                raise
            return PretrainedFiles(name, named, known)
        folder.ensure([record], found, lambda: write_json(folder.file(record), {"checksum": found}))
        return PretrainedFiles(name, named, found)

    def pretrained(self, name: str) -> Path:
        """The corpus embedded by a pretrained encoder, as a baseline and as a teacher; facts of it lie beside."""
        folder, system = self.context.folder, model_id(name)
        made = self.pretrained_files(name)
        vectors, facts = (Names.embedding(system, file) for file in (Names.VECTORS, Names.ENCODER_FACTS))
        inputs = self._inputs_of_corpus(made)

        def embed() -> None:
            self.embed(made, self.context.dataset.corpus, vectors, inputs, system, as_passages=True)

        def describe() -> None:
            encoder = cast("ReadyMade", self.context.open(made)).of_passages
            write_json(folder.file(facts), {**encoder.facts(), **self._read_by(encoder)})

        # One after the other: what was embedded is on record before the corpus is read again to count its tokens.
        folder.ensure([vectors], inputs, embed)
        folder.ensure([facts], inputs, describe)
        return folder.file(vectors)

    def width(self, name: str) -> int:
        """Of a pretrained encoder's vectors; no passage is read for it."""
        made, vectors = self.pretrained_files(name), Names.embedding(model_id(name))
        if self.context.folder.holds(
            [vectors], self._inputs_of_corpus(made)
        ):  # the model itself may have gone since
            return int(read_embeddings(self.context.folder.file(vectors)).shape[1])
        return int(self.context.open(made).dimensions)

    def inputs_of(self, made: PretrainedFiles) -> dict[str, Any]:
        """What the vectors by a pretrained encoder depend on, beside the texts."""
        from tokir.encoders.named import settings

        return {"precision": self.context.precision, "weights": made.checksum, **settings(made.name)}

    def _inputs_of_corpus(self, made: PretrainedFiles) -> dict[str, Any]:
        return {**self.inputs, **self.inputs_of(made)}

    def _read_by(self, encoder: ReadyMade) -> dict[str, Any]:
        """How many passages an encoder cuts short, and the share of their tokens that stand for what has no entry."""
        corpus = self.context.dataset.corpus
        starts = range(0, len(corpus), COUNTED_AT_ONCE)
        counts = [encoder.count(corpus.passages(start, start + COUNTED_AT_ONCE)) for start in starts]
        if not counts or None in counts:
            return {"truncated": None, "unknown_rate": None}
        truncated, tokens, unknown = map(sum, zip(*(count for count in counts if count), strict=True))
        return {"truncated": truncated, "unknown_rate": unknown / max(1, tokens)}

    def indexed(
        self,
        system: str,
        vectors: str,
        encoder: Any,
        form: IndexForm,
        whitening: str | None = None,
        passage_encoder: PretrainedFiles | None = None,
    ) -> DenseFiles:
        """Put the vectors in the file ``vectors`` into an index: the files of a dense system.

        Raises:
            TokirError: the index is for wider vectors.
        """
        folder, name = self.context.folder, Names.index(system)
        self.context.keep_passages()
        count, width = read_embeddings(folder.file(vectors)).shape
        if misfit := form.misfit(width, system):
            raise TokirError(misfit)

        def make(path: Path) -> None:
            source, used = folder.file(vectors), form.dimensions or width
            cut = Vectors(count, used, lambda: (block[:, :used] for block in blocks(source)))
            INDEXES[form.kind].write(path, cut)

        inputs: dict[str, Any] = {"vectors": folder.key(vectors), "index": form.kind}
        if form.dimensions is not None:
            inputs["dimensions"] = form.dimensions
        folder.ensure_folder(name, inputs, make)
        return DenseFiles(
            encoder, form.kind, name, whitening, form.dimensions, vectors=vectors, passage_encoder=passage_encoder
        )


class Texts:
    """A list of texts as a corpus."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._all = list(texts)

    def __len__(self) -> int:
        return len(self._all)

    def passages(self, start: int, stop: int) -> list[str]:
        """Texts from ``start`` up to ``stop``."""
        return self._all[start:stop]
