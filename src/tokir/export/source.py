"""A system of a run as far as an export needs it: its tokenizer, its weights, and what it gives for a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import Names, read_array
from tokir.data.corpus import Corpus
from tokir.encoders.files import NetworkFiles, PretrainedFiles, StaticFiles
from tokir.errors import TokirError, nearest, quoted
from tokir.retrieval.files import DenseFiles, FusionFiles, LateFiles, LexicalFiles, Opener
from tokir.retrieval.index import normalize
from tokir.tokenizers.portable import portable

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer
    from tokir.encoders import ReadyMade
    from tokir.encoders.graphs.weights import ModelWeights
    from tokir.models.whitening import Whitening
    from tokir.results.records import Results, System

SAMPLE = 200  # passages of the run, and as many queries, that an export is held against
NASTY = (
    "", " ", "  two  spaces ", "\t\n\r", "\u00a0\u2003\u3000", "\u200b\u200d\ufeff", "\x00\x01\x7f\x85\u2028",
    "\ufffd", "<|endoftext|>", "a<|endoftext|>b", "[UNK] [CLS]x [SEP]", "<unk><s></s>", "<0x41> <0xFF>", "▁ ▁a", "##s",
    "Ġthe", "İstanbul IŞIK ß ẞ", "ΟΔΥΣΣΕΥΣ Σ.", "ﬁne ①② ½", "e\u0301 é \u0301", "東京都に行く", "ภาษาไทย",
    "한국어 한국", "مرحبا", "हिन्दी", "\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea", "\U000e0041", "don't we'LL",
    "...!!!?? 3.14 1234567890", "x" * 900, "history " * 200,
)  # fmt: skip
"""Texts on which two readers of a tokenizer differ, if on any."""


class Network(NamedTuple):
    """A network, and how the states of a text are pooled."""

    model: ModelWeights
    window: int  # tokens read at once
    weights: NDArray[np.float32]  # (vocabulary,) of each token


class Source:
    """One system that is one model, trained here.

    Args:
        opener: of the run folder.
        system: its id.

    Raises:
        TokirError: there is no such system, or it is not one model that was trained here.
    """

    def __init__(self, opener: Opener, system: str) -> None:
        self.opener, self.system = opener, system
        self.files = _one_model(opener, system)

    @property
    def encoder(self) -> StaticFiles | NetworkFiles:
        """The files of what encodes queries."""
        found = self.files.encoder
        assert isinstance(found, StaticFiles | NetworkFiles)
        return found

    @cached_property
    def tokenizer(self) -> HFTokenizer:
        """Its tokenizer, for whoever reads a ``tokenizer.json``.

        Raises:
            TokirError: that format cannot say how it cuts.
        """
        own = self.opener.tokenizer(self.encoder.tokenizer)
        try:
            found = portable(own)
        except TokirError as error:
            raise TokirError(f"{self.opener.file(self.encoder.tokenizer).parent} {error}") from None
        texts = self.texts
        for text, ids, other in zip(
            texts, own.encode(texts), found.encode_batch_fast(texts, add_special_tokens=False), strict=True
        ):
            if ids != other.ids:
                raise TokirError(
                    f"{self.opener.file(self.encoder.tokenizer)} cannot be written for other readers: they would cut "
                    f"{text[:40]!r} in another way"
                )
        return found

    @cached_property
    def table(self) -> NDArray[np.float32] | None:
        """(vocabulary, dimensions) weighted token vectors of a static model; None where it is a network."""
        files = self.encoder
        return np.array(read_array(self.opener.file(files.table))) if isinstance(files, StaticFiles) else None

    @cached_property
    def network(self) -> Network:
        """A network with its pooling, of a system that is not static.

        Raises:
            TokirError: its token vectors are hashed, so that there is no network and no table either.
        """
        files = self.encoder
        assert isinstance(files, NetworkFiles)
        model = files.read(self.opener)
        if not model.network:
            raise TokirError(f"{self.system} has hashed token vectors, which no form of export knows")
        given = files.token_weights(self.opener)
        own = model.token_weights if given is None else given
        weights = (
            np.ones(self.opener.tokenizer(files.tokenizer).vocabulary_size, np.float32) if own is None else own
        )
        return Network(model, files.window, weights)

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return self.opener.encoder(self.encoder).dimensions

    @cached_property
    def whitening(self) -> Whitening | None:
        """What is done to its vectors."""
        from tokir.models.whitening import Whitening

        return None if self.files.whitening is None else Whitening.load(self.opener.file(self.files.whitening))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts as the run reads queries."""
        encoder = self.opener.encoder(self.encoder)
        vectors = encoder.embed(encoder.tokenize(texts))
        return normalize(vectors if self.whitening is None else self.whitening(vectors))

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Of ``texts``, (texts, dimensions): what an export is held against."""
        return self.encode(self.texts)

    # -- passages, where another model encodes them ---------------------------------------------------------

    @property
    def asymmetric(self) -> bool:
        """Are the passages' vectors a teacher's? Then this model reads queries only."""
        earlier = self.files.vectors is None  # of a tokir that did not write down what reads the passages
        shared = earlier and self.files.whitening is None and self.files.index != Names.index(self.system)
        return shared or self.files.passage_encoder is not None

    @cached_property
    def teacher_files(self) -> PretrainedFiles:
        """The model whose vectors the passages have, of a system that is ``asymmetric``."""
        others = (other for other in self.opener.files.values() if isinstance(other, DenseFiles))
        shared = (other.encoder for other in others if other.index == self.files.index)
        for found in (self.files.passage_encoder, *shared):
            if isinstance(found, PretrainedFiles):
                return found
        folder = self.opener.folder
        raise TokirError(
            f"{folder} does not say what reads its passages: `tokir embed {quoted(folder)}` writes it down, since this "
            "run was made by an earlier tokir"
        )

    @cached_property
    def teacher(self) -> ReadyMade:
        """That model; Unavailable where it is not on this machine."""
        return self.teacher_files.open(self.opener)

    # -- what the run says of it ----------------------------------------------------------------------------

    @cached_property
    def results(self) -> Results | None:
        """What was measured; None where nothing has been."""
        from tokir.results.reading import read_results

        return read_results(self.opener.run) if self.opener.run.recorded(Names.RESULTS) else None

    @property
    def row(self) -> System | None:
        """Its row of the result table, that of all its seeds where there are several; None without results."""
        rows = self.results.systems if self.results else ()
        return next((row for row in rows if self.system in (row.id, *row.runs)), None)

    @cached_property
    def passages(self) -> list[str]:
        """Some passages of the run, from all over the corpus."""
        corpus = Corpus.open(self.opener.file(Names.CORPUS), verify=False)
        return corpus.select(np.linspace(0, len(corpus) - 1, min(SAMPLE, len(corpus))).astype(int).tolist())

    @cached_property
    def texts(self) -> list[str]:
        """What an export is held against the run on: passages, evaluated queries, and nasty texts."""
        return [*NASTY, *self.opener.queries()[:SAMPLE], *self.passages]


def _one_model(opener: Opener, system: str) -> DenseFiles:
    """The files of a system that is one model trained here; TokirError says what it is instead."""
    models = [name for name, files in opener.files.items() if _is_model(files) and files.dimensions is None]
    found = opener.files.get(system)
    if found is None:
        raise TokirError(f"no system {system!r} in {opener.folder}{nearest(system, opener.files)}")
    if _is_model(found):
        if found.dimensions is not None:
            raise TokirError(
                f"{system} searches the first {found.dimensions} dimensions of a model: export the system that has all "
                "of them"
            )
        return found
    what = {
        FusionFiles: "is a fusion of several systems",
        LexicalFiles: "counts terms",
        LateFiles: "has no vector for a text, but one for each token",
    }.get(type(found), "was not trained here")
    can = f"export one of {', '.join(models)}" if models else "this run has no model that can be exported"
    raise TokirError(f"{system} {what}: {can}")


def _is_model(files: object) -> TypeGuard[DenseFiles]:
    return isinstance(files, DenseFiles) and isinstance(files.encoder, StaticFiles | NetworkFiles)
