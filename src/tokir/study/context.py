"""What every step of a study works with: settings, data, folder, machine and listener."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tokir.artifacts import Names, RunFolder, write_array
from tokir.config import StudyConfig
from tokir.errors import TokirError
from tokir.progress import Progress
from tokir.retrieval.files import Opener

if TYPE_CHECKING:
    import torch

    from tokir.data import Dataset, EvaluationSplits, Split
    from tokir.encoders import Encoder
    from tokir.encoders.files import EncoderFiles
    from tokir.evaluation.judgements import Judgements
    from tokir.retrieval.bm25 import Postings
    from tokir.study.engines import Engine


@dataclass(frozen=True)
class Machine:
    """Where and how a study runs; recorded with the results, not a part of its configuration."""

    device: str = "auto"
    threads: int | None = None
    download: bool = False  # whether models and data that the user named may be fetched
    engine: str = "local"  # or ray, or ray://HOST:PORT

    def __post_init__(self) -> None:
        """TokirError unless ``threads`` is None or a whole number from 1 on."""
        whole = isinstance(self.threads, int) and not isinstance(self.threads, bool)
        if self.threads is not None and not (whole and self.threads >= 1):
            raise TokirError(f"threads are {self.threads!r}: give a whole number of them, 1 or more")


@dataclass
class Context:
    """Shared by the steps of one study."""

    config: StudyConfig  # without what is left out on this machine
    dataset: Dataset
    folder: RunFolder
    machine: Machine
    progress: Progress
    opener: Opener = field(init=False)

    def __post_init__(self) -> None:
        self.opener = Opener(self.folder, download=self.machine.download)

    @cached_property
    def engine(self) -> Engine:
        """What trains and embeds."""
        from tokir.study.engines import engine_of

        return engine_of(self.machine.engine, self)

    @cached_property
    def device(self) -> torch.device:
        """The device that is computed on; TokirError where the one asked for is not there."""
        from tokir.training.device import resolve_device

        return resolve_device(self.machine.device)

    def on_device(self) -> Opener:
        """The opener, which from now on opens networks on this study's device; finding that loads torch."""
        self.opener.device = self.device.type
        return self.opener

    def open(self, files: EncoderFiles) -> Encoder:
        """An encoder on this study's device; Unavailable where this machine lacks what it needs."""
        return self.on_device().encoder(files)

    @cached_property
    def precision(self) -> str:
        """The arithmetic of embedding many texts."""
        from tokir.training.device import resolve_precision

        return resolve_precision(self.config.embedding_precision, self.device)

    @cached_property
    def splits(self) -> EvaluationSplits:
        """Queries to train on, to validate on and to score on, as far as the data set has them."""
        data = self.config.data
        return self.dataset.evaluation_splits(data.split, data.queries, data.seed)

    @property
    def validation(self) -> Split | None:
        """The validation queries, on which all choices are made, where there are any."""
        return self.splits.validation

    @cached_property
    def validation_inputs(self) -> dict[str, Any] | None:
        """What choices depend on, as JSON."""
        return None if self.validation is None else asdict(self.validation)

    @cached_property
    def validation_judgements(self) -> Judgements | None:
        """Their judgements over the corpus."""
        from tokir.evaluation.judgements import Judgements

        if self.validation is None:
            return None
        return Judgements.of(self.validation.qrels, self.dataset.corpus.ids)

    @property
    def train_queries(self) -> Split | None:
        """The judged queries that may be trained on, where there are any."""
        return self.splits.train

    @cached_property
    def postings(self) -> Postings:
        """The terms of all passages; Unavailable where they hold none."""
        from tokir.retrieval.bm25 import Postings

        return Postings(document.passage for document in self.dataset.corpus.records())

    @cached_property
    def positions(self) -> dict[str, int]:
        """Passage id to its position in the corpus."""
        return {passage: position for position, passage in enumerate(self.dataset.corpus.ids)}

    def keep_passages(self) -> None:
        """Put what a search needs of the data set into the run folder: passages, and the order of their ids."""
        from tokir.retrieval.ranking import descending

        corpus, folder = self.dataset.corpus, self.folder
        path, inputs = folder.file(Names.CORPUS), {"corpus": corpus.checksum}
        folder.ensure([Names.CORPUS, Names.CORPUS_FACTS], inputs, lambda: corpus.copy_to(path))
        order = folder.file(Names.ID_ORDER)
        folder.ensure([Names.ID_ORDER], inputs, lambda: write_array(order, descending(corpus.stream_ids())))


def source_of(dataset: Dataset) -> dict[str, object]:
    """What ``corpus/source.json`` says of the data set that a run is made from."""
    return {
        "name": dataset.name,
        "source": dataset.source,
        "checksum": dataset.checksum,
        "files": [{"path": f.path, "size": f.size, "mtime_ns": f.mtime_ns} for f in dataset.files],
    }
