"""The indexes of a run over its passages after some were added, replaced or deleted, with the models as they are.

Of the passages that a study indexed nothing is encoded again: their vectors and best cosines are copied. What a new
index holds is what a study would have put there, had it had these passages and these models, and computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import RunFolder, read_array
from tokir.artifacts.durable import make_folder
from tokir.encoders.files import PretrainedFiles
from tokir.encoders.store import blocks, read_embeddings, write_blocks
from tokir.errors import Unavailable, quoted
from tokir.models.whitening import Whitening
from tokir.retrieval.index import Vectors
from tokir.retrieval.registry import INDEXES

if TYPE_CHECKING:
    from tokir.data.corpus import Corpus
    from tokir.progress import Progress
    from tokir.retrieval.files import DenseFiles, LateFiles, LexicalFiles, Opener

ROWS = 65_536  # vectors put into an index at once
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Fill = Callable[[Path], None]
"""Writes an index into an existing folder."""


class Known(NamedTuple):
    """Vectors of passages that were added before."""

    file: str  # in the run folder
    key: str  # hash of the vectors of the study's passages that they belong to


@dataclass
class Growth:
    """What indexes over other passages than a study's are made from.

    Attributes:
        folder: the run folder.
        opener: of the files of the study.
        device: that networks embed on: auto, cpu, cuda or mps.
        generation: the folder, by its name in the run folder, that takes what is made.
        corpus: all passages: those of the study that remain, then the added ones.
        kept: positions of those that remain, in the study's order.
        tie_order: (passages,) breaks ties.
        known: vectors of earlier additions, by the name of the study's vectors.
        rows: positions among these of the first added passages; the others are new.
        progress: hears how the work goes.
    """

    folder: RunFolder
    opener: Opener
    device: str
    generation: str
    corpus: Corpus
    kept: NDArray[np.int64]
    tie_order: NDArray[np.int64]
    known: dict[str, Known]
    rows: NDArray[np.int64]
    progress: Progress
    made: dict[str, Known] = field(default_factory=dict)  # as ``known``, of this generation
    _indexes: dict[str, str] = field(default_factory=dict)

    def index(self, before: str, fill: Fill) -> str:
        """The name of the folder of the index that takes the place of ``before``; made once for all who share it."""
        if before not in self._indexes:
            name = f"{self.generation}/{before}"
            make_folder(self.folder.file(name))
            fill(self.folder.file(name))
            self._indexes[before] = name
        return self._indexes[before]

    # -- vectors ------------------------------------------------------------------------------------------

    def vectors(self, files: DenseFiles) -> Fill:
        """Index vectors; raises Unavailable at once where this machine cannot, or cannot encode new passages."""
        name = files.vectors
        if name is None or not self.folder.recorded(name):
            raise _of_old(self.folder)
        INDEXES[files.index_kind].check()
        vectors, key = read_array(self.folder.checked(name)), self.folder.key(name)
        known = self.known.get(name)
        if known is not None and known.key != key:  # the study has made its vectors anew since
            known = None
        new = self._added - (len(self.rows) if known else 0)
        encode = self._encode(files) if new else None

        def fill(folder: Path) -> None:
            if self._added and name not in self.made:
                made = self.made[name] = Known(f"{self.generation}/{name}", key)
                self._embed(encode, known, made, vectors.shape[1])
            width = files.dimensions or vectors.shape[1]

            def all_passages() -> Iterator[NDArray[np.float32]]:
                for start in range(0, len(self.kept), ROWS):
                    yield vectors[self.kept[start : start + ROWS], :width]
                if self._added:
                    for block in blocks(self.folder.file(self.made[name].file)):
                        yield block[:, :width]

            INDEXES[files.index_kind].write(folder, Vectors(len(self.corpus), width, all_passages))

        return fill

    @property
    def _added(self) -> int:
        return len(self.corpus) - len(self.kept)

    def _encode(self, files: DenseFiles) -> Encode:
        """How passages become vectors."""
        record, whitened = files.passage_encoder or files.encoder, files.whitening
        if record.weight:  # a table needs no torch
            from tokir.training.device import resolve_device

            self.opener.device = resolve_device(self.device).type
        encoder: Any = self.opener.encoder(record)
        if isinstance(record, PretrainedFiles):
            encoder = encoder.of_passages
        whitening = None if whitened is None else Whitening.load(self.folder.checked(whitened))

        def encode(texts: Sequence[str]) -> NDArray[np.float32]:
            vectors: NDArray[np.float32] = encoder.embed(encoder.tokenize(texts))
            return vectors if whitening is None else whitening(vectors)

        return encode

    def _embed(self, encode: Encode | None, known: Known | None, made: Known, width: int) -> None:
        """Write the vectors of all added passages: those that are known, then those of new passages."""
        before = read_embeddings(self.folder.checked(known.file)) if known and len(self.rows) else None
        first, path = len(self.kept), self.folder.file(made.file)

        def make(start: int, stop: int) -> NDArray[np.float32]:
            copied = np.zeros((0, width), np.float32) if before is None else before[self.rows[start:stop]]
            texts = self.corpus.passages(first + start + len(copied), first + stop)
            return np.concatenate([copied, encode(texts)]) if texts and encode else copied

        def report(done: int) -> None:
            self.progress.step(f"{path.parent.name}: embedding", done, self._added, "passages")

        write_blocks(path, self._added, width, made.key, make, report)

    # -- late interaction and BM25 ------------------------------------------------------------------------

    def best_cosines(self, files: LateFiles) -> Fill:
        """Index best cosines; loads the model."""
        import torch

        from tokir.models.retriever import Retriever
        from tokir.retrieval.best_cosines import tokens_in
        from tokir.retrieval.maxsim import MaxSimIndex, PrunedMaxSimIndex, TokenVectors
        from tokir.training.checkpoint import load_trained

        if files.model is None:
            raise _of_old(self.folder)
        model = load_trained(self.folder.checked(files.model), files.checkpoint, torch.device("cpu"))
        assert isinstance(model, Retriever)
        vectors, tokenizer = TokenVectors.of_model(model), self.opener.tokenizer(files.tokenizer)

        def fill(folder: Path) -> None:
            if files.kept == 1:
                before = MaxSimIndex.load(self.folder.checked(files.index), self.opener.tie_order)
                tokens, ends = tokens_in(tokenizer, self.corpus, len(self.kept))
                MaxSimIndex.build(folder, vectors, tokens, ends, (before, self.kept))
            else:
                PrunedMaxSimIndex.build(folder, vectors, *tokens_in(tokenizer, self.corpus), files.kept)

        return fill

    def postings(self, files: LexicalFiles) -> Fill:
        """Index terms, with the parameters that the study indexed with."""
        from tokir.retrieval.bm25 import BM25Index, Postings

        before = files.map(self.opener)

        def fill(folder: Path) -> None:
            postings = Postings((document.passage for document in self.corpus.records()), before.tokenize)
            BM25Index.of(postings, self.tie_order, *before.parameters).save(folder)

        return fill


def _of_old(folder: RunFolder) -> Unavailable:
    return Unavailable(
        "an earlier tokir did not write down what its passages are embedded with: "
        f"`tokir embed {quoted(folder.path)}` writes it, and trains nothing"
    )
