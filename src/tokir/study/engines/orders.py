"""Orders: frozen descriptions of work, and how any process that has the files they need does it.

An order with its files holds all that the result depends on: a node that does it needs neither the run folder, nor the
data set, nor a shared file system.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tokir.artifacts import Names, RunFolder, digest, file_digest
from tokir.artifacts.manifest import Entry
from tokir.encoders.files import EncoderFiles, NetworkFiles, PretrainedFiles
from tokir.errors import TokirError
from tokir.progress import Progress, Silent
from tokir.retrieval.files import OF_NEW_PASSAGES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokir.config import StudyConfig
    from tokir.data import Dataset
    from tokir.encoders import ReadyMade
    from tokir.encoders.store import Passages
    from tokir.retrieval.files import Opener, SystemFiles
    from tokir.retrieval.index import Hits
    from tokir.study.context import Context
    from tokir.study.models import Models
    from tokir.study.plan import TrainingPlan

PRETRAINED = "pretrained"  # the folder of a pretrained model on a node


@dataclass(frozen=True)
class Made:
    """What an order has made: files as a run folder records them, and their bytes."""

    entries: tuple[Entry, ...]
    contents: tuple[bytes, ...]


@dataclass(frozen=True)
class Training:
    """A training.

    Attributes:
        config: of the study.
        plan: of the training.
        data: the fields of the data set but for its corpus, which is one of the files.
        device: to train on.
        threads: that torch computes with.
        entries: the manifest lines of the files that are needed.
    """

    config: StudyConfig
    plan: TrainingPlan
    data: dict[str, Any]
    device: str
    threads: int
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, models: Models, plan: TrainingPlan, names: Sequence[str]) -> Training:
        """The order to train ``plan``, for which the files ``names`` are needed, as it would be trained here."""
        context, folder = models.context, models.context.folder
        entries = tuple(folder.entry(name) for name in names if folder.recorded(name))
        data, threads = _without_corpus(context.dataset), models.threads(plan)
        return cls(context.config, plan, data, context.device.type, threads, entries)

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return self.plan.id

    def context(self, folder: RunFolder, progress: Progress) -> Context:
        """What the steps of the study work with, in another process and another folder."""
        from tokir.data import Corpus, Dataset
        from tokir.study.context import Context, Machine

        dataset = Dataset(corpus=Corpus.open(folder.file(Names.CORPUS)), **self.data)
        return Context(self.config, dataset, folder, Machine(self.device, self.threads), progress)

    def train(self, folder: RunFolder, progress: Progress) -> tuple[Entry, ...]:
        """Train in a run folder in which all lies that is needed; what it records of the files of the model.

        Raises:
            TokirError: this machine has another teacher; or as training does.
        """
        from tokir.study.parts import Parts

        models = Parts.of(self.context(folder, progress)).models
        if (wanted := self.plan.inputs.get("teacher")) and models.teacher.checksum != wanted:
            raise TokirError(f"{models.teacher.name} is another model on this node: install the same everywhere")
        models.make(self.plan)
        return tuple(folder.entry(name) for name in models.files(self.plan))

    def do(self, place: Path, progress: Progress) -> Made:
        """As :meth:`train`, in the folder ``place``, in which the files lie."""
        import torch

        torch.set_num_threads(self.threads)
        folder = RunFolder(place)
        folder.adopt(self.entries)
        entries = self.train(folder, progress)
        return Made(entries, tuple(folder.file(entry.path).read_bytes() for entry in entries))


@dataclass(frozen=True)
class Reading:
    """How texts are embedded."""

    files: EncoderFiles
    device: str
    precision: str  # fp32 or bf16
    as_passages: bool = False  # by a pretrained model that reads passages in another way than queries


@dataclass(frozen=True)
class Embedding:
    """A shard of the texts of an embedding."""

    reading: Reading
    texts: tuple[str, ...]
    threads: int
    title: str

    @property
    def device(self) -> str:
        """To embed on."""
        return self.reading.device

    def do(self, place: Path, progress: Progress) -> NDArray[np.float32]:
        """The vectors (texts, dimensions); the encoder's files lie in the folder ``place``."""
        import torch

        from tokir.encoders.store import read_embeddings
        from tokir.retrieval.files import Opener
        from tokir.study.embeddings import Texts

        torch.set_num_threads(self.threads)
        files = self.reading.files
        if isinstance(files, PretrainedFiles):
            files = replace(files, folder=str(place / PRETRAINED))
        path, opener = place / "vectors.npy", Opener(RunFolder(place), self.device)
        embed(opener, replace(self.reading, files=files), Texts(self.texts), path, "", self.title, Silent())
        vectors: NDArray[np.float32] = read_embeddings(path)[:].copy()
        return vectors


@dataclass(frozen=True)
class Question:
    """What a system is to be asked: texts of queries, and how many passages are wanted for each."""

    system: str
    queries: tuple[str, ...]
    depth: int


@dataclass(frozen=True)
class Search:
    """A question, and the files of the system that answers it."""

    question: Question
    files: SystemFiles
    device: str
    threads: int

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"{self.question.system}: searching for {len(self.question.queries):,} queries"

    def do(self, place: Path, progress: Progress) -> list[Hits]:
        """The passages found for each query; the system's files lie in the folder ``place``."""
        import torch

        from tokir.retrieval.files import Opener

        torch.set_num_threads(self.threads)
        files, encoder = self.files, getattr(self.files, "encoder", None)
        if isinstance(encoder, PretrainedFiles):
            there = replace(encoder, folder=str(place / PRETRAINED))
            files = replace(files, encoder=there)  # type: ignore[type-var]
        opener = Opener(RunFolder(place), self.device)
        opener.name_files(self.question.system, files)
        return opener.searcher(self.question.system).search(self.question.queries, self.question.depth)


def embed(
    opener: Opener, reading: Reading, texts: Passages, path: Path, key: str, task: str, progress: Progress
) -> None:
    """Write the vectors of ``texts``; arguments as :func:`tokir.encoders.store.embed_corpus` has them."""
    import torch

    from tokir.encoders.store import embed_corpus

    half = reading.precision == "bf16"
    if half and isinstance(reading.files, NetworkFiles):
        encoder = reading.files.open_in_bf16(opener)
    else:
        encoder = opener.encoder(reading.files)
    reader = cast("ReadyMade", encoder).of_passages if reading.as_passages else encoder
    with torch.autocast(reading.device, torch.bfloat16, enabled=half):
        embed_corpus(reader, texts, path, key, task, progress)


def needed_to_train(models: Models, plan: TrainingPlan) -> list[str]:
    """The files of the run folder that a training reads, as far as they are there."""
    teacher, names = models.teacher.id, [Names.CORPUS, Names.CORPUS_FACTS]
    names += [models.tokenizers.file(plan.point.tokenizer), *Names.tokenizer_facts(plan.point.tokenizer.id)]
    names += [name for before in earlier(plan) for name in models.files(before)]
    if "teacher" in plan.point.stage.needs:
        names += [
            Names.embedding(teacher, file) for file in (Names.VECTORS, Names.ENCODER_FACTS, Names.MODEL_FACTS)
        ]
        names += [Names.teacher(teacher, texts) for texts in ("crops", "queries")]
    return [name for name in names if models.context.folder.file(name).exists()]


def needed_to_read(files: EncoderFiles, context: Context) -> dict[str, Path]:
    """The files that an encoder is opened from, by their names in the folder of a node."""
    if not isinstance(files, PretrainedFiles):
        return _named(files, context.folder)
    from tokir.encoders.named import find

    inside = find(files.name, files.folder, context.machine.download)
    found = [file for file in sorted(inside.rglob("*")) if file.is_file()]
    return {f"{PRETRAINED}/{file.relative_to(inside).as_posix()}": file for file in found}


def needed_to_search(files: SystemFiles, context: Context) -> dict[str, Path]:
    """The files that a system answers from, by their names in the folder of a node."""
    encoder = getattr(files, "encoder", None)
    read = {} if encoder is None else needed_to_read(encoder, context)
    own = _named(files, context.folder, apart=OF_NEW_PASSAGES)
    return {**own, **read, Names.ID_ORDER: context.folder.file(Names.ID_ORDER)}


def _named(files: Any, folder: RunFolder, apart: Sequence[str] = ()) -> dict[str, Path]:
    """The files of the run folder that the fields of a record name, and those inside of folders that they name."""
    values = [getattr(files, field.name) for field in fields(files) if field.name not in apart]
    named = [folder.file(value) for value in values if isinstance(value, str) and folder.made(value)]
    paths = [file for path in named for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return {file.relative_to(folder.path).as_posix(): file for file in paths if file.is_file()}


@cache
def program() -> dict[str, str | None]:
    """What must be the same on all nodes, so that they compute the same: versions, and the code of the package."""
    import tokir
    from tokir.environment import versions

    root = Path(tokir.__file__).parent
    code = {file.relative_to(root).as_posix(): file_digest(file) for file in sorted(root.rglob("*.py"))}
    return {**versions(), "code of tokir": digest(code)}


def refused(where: str, program_there: dict[str, str | None]) -> str | None:
    """Why ``where``, this process's place, cannot take part in the work of one that runs another program."""
    here = program()
    if other := [what for what in here if here[what] != program_there[what]]:
        return f"{where} has another {' and another '.join(other)}: install the same everywhere"
    return None


def earlier(plan: TrainingPlan) -> Iterator[TrainingPlan]:
    """All trainings before it, each after those that it starts from."""
    for before in plan.starts_from:
        yield from earlier(before)
        yield before


def _without_corpus(dataset: Dataset) -> dict[str, Any]:
    return {field.name: getattr(dataset, field.name) for field in fields(dataset) if field.name != "corpus"}


Order = Training | Embedding | Search
