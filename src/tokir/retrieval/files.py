"""A finished system as the files that it answers from: what a study writes down and an opened run reads.

``systems.json`` of a run folder holds one such record for each system, by its id. A record is a frozen dataclass whose
``kind`` stands in ``SEARCHERS``; opened, it is a searcher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from tokir.artifacts import Names, RunFolder, read_array
from tokir.encoders.files import PretrainedFiles
from tokir.encoders.registry import ENCODERS
from tokir.errors import TokirError, Unavailable, quoted
from tokir.retrieval.registry import INDEXES, SEARCHERS, Method
from tokir.untrusted import built, read_json, read_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokir.encoders import Encoder, ReadyMade
    from tokir.encoders.files import EncoderFiles
    from tokir.retrieval.bm25 import BM25Index
    from tokir.retrieval.growth import Growth
    from tokir.retrieval.searchers import DenseSearcher, Searcher
    from tokir.tokenizers import Tokenizer


SCHEMA = 1  # of systems.json
_ENCODERS = ("encoder", "passage_encoder")  # fields that hold a record of ENCODERS
OF_NEW_PASSAGES = ("vectors", "passage_encoder", "model", "checkpoint")  # what no query needs


class SystemFiles(Protocol):
    """A frozen dataclass of names of files and of settings."""

    def weight(self, opener: Opener) -> int:
        """What opening loads: 0 tables, 1 a network, 2 a library of pretrained models."""

    @property
    def open(self) -> Callable[[Opener], Searcher]:
        """Put the system together; Unavailable where this machine lacks what it needs."""

    def grown(self, growth: Growth) -> Callable[[], SystemFiles]:
        """Load what new passages are read with, Unavailable where that cannot be; what is returned then makes the
        files of the same system over other passages, beside those that it has.
        """


@dataclass(frozen=True)
class DenseFiles:
    """One vector for each passage."""

    encoder: EncoderFiles
    index_kind: str  # in INDEXES
    index: str  # its folder
    whitening: str | None = None
    dimensions: int | None = None  # the first ones that the index holds; None for all
    vectors: str | None = None  # of the passages, whitened where they are, as they were put into the index
    passage_encoder: EncoderFiles | None = None  # where it is not that of the queries

    def weight(self, opener: Opener) -> int:
        """That of the encoder."""
        return self.encoder.weight

    def open(self, opener: Opener) -> DenseSearcher:
        """Map the index and load the encoder."""
        from tokir.retrieval.searchers import DenseSearcher

        index = INDEXES[self.index_kind].load(opener.file(self.index), opener.tie_order)
        transform = None
        if self.whitening is not None:
            from tokir.models.whitening import Whitening

            transform = Whitening.load(opener.file(self.whitening))
        return DenseSearcher(opener.encoder(self.encoder), index, transform, self.dimensions)

    def grown(self, growth: Growth) -> Callable[[], DenseFiles]:
        """Vectors of earlier passages are taken as they are; new ones are encoded, and whitened as was fitted."""
        fill = growth.vectors(self)
        return lambda: replace(self, index=growth.index(self.index, fill))


@dataclass(frozen=True)
class LateFiles:
    """Late interaction over the whole corpus."""

    tokenizer: str
    index: str  # its folder
    kept: float  # share of the passages that each entry of the vocabulary keeps; 1 for an index that is not pruned
    model: str | None = None  # the folder of its training
    checkpoint: str = "best"

    def weight(self, opener: Opener) -> int:
        """Best cosines are tables."""
        return 0

    def open(self, opener: Opener) -> Searcher:
        """Map the index; neither the model nor torch is needed."""
        from tokir.retrieval.maxsim import MaxSimIndex, PrunedMaxSimIndex
        from tokir.retrieval.searchers import LateSearcher

        form = MaxSimIndex if self.kept == 1 else PrunedMaxSimIndex
        index = form.load(opener.file(self.index), opener.tie_order)
        return LateSearcher(opener.tokenizer(self.tokenizer), index)

    def grown(self, growth: Growth) -> Callable[[], LateFiles]:
        """Best cosines with earlier passages are copied; a pruned index is made anew, since all decide its floors."""
        fill = growth.best_cosines(self)
        return lambda: replace(self, index=growth.index(self.index, fill))


@dataclass(frozen=True)
class LexicalFiles:
    """BM25."""

    index: str  # its folder
    tokenizer: str | None = None  # whose tokens are its terms; None where these are words

    def weight(self, opener: Opener) -> int:
        """Postings are tables."""
        return 0

    def map(self, opener: Opener) -> BM25Index:
        """The index, memory-mapped, which cuts texts as those that are in it were cut."""
        from tokir.retrieval.bm25 import BM25Index
        from tokir.retrieval.terms import tokens_of, words

        cut = words if self.tokenizer is None else tokens_of(opener.tokenizer(self.tokenizer))
        return BM25Index.load(opener.file(self.index), opener.tie_order, cut)

    def open(self, opener: Opener) -> Searcher:
        """Map the index."""
        from tokir.retrieval.searchers import LexicalSearcher

        return LexicalSearcher(self.map(opener))

    def grown(self, growth: Growth) -> Callable[[], LexicalFiles]:
        """All passages are cut and indexed again, since the weight of every term depends on all of them."""
        return lambda: replace(self, index=growth.index(self.index, growth.postings(self)))


@dataclass(frozen=True)
class FusionFiles:
    """Several systems as one."""

    members: tuple[str, ...]  # ids
    method: Method
    weights: tuple[float, ...]
    depth: int  # passages of each member

    def __post_init__(self) -> None:
        """ValueError where it is no fusion that a study writes down."""
        if self.depth < 1 or not 0 < len(self.members) == len(self.weights) or self.method not in get_args(Method):
            raise ValueError(f"a fusion of {self.members} by {self.method!r} to the depth {self.depth}")

    def weight(self, opener: Opener) -> int:
        """That of the heaviest member."""
        return max((opener.files[name].weight(opener) for name in self.members if name in opener.files), default=0)

    def open(self, opener: Opener) -> Searcher:
        """Open the members; Unavailable, with its name, where one of them is."""
        from tokir.retrieval.searchers import FusionSearcher

        members = []
        for member in self.members:
            try:
                members.append(opener.searcher(member))
            except Unavailable as error:
                raise Unavailable(f"its member {member} is unavailable: {error}") from None
        return FusionSearcher(members, self.method, self.weights, self.depth, opener.tie_order)

    def grown(self, growth: Growth) -> Callable[[], FusionFiles]:
        """It has no files of its own; weights stay as they were chosen."""
        return lambda: self


class Opener:
    """Opens the systems of a run folder, each once, from the files that are named for them.

    Args:
        run: the run folder.
        device: that networks compute on.
        download: whether weights that the user named may be fetched.
        id_order: the file that holds the order of the passages' ids.
    """

    def __init__(
        self, run: RunFolder, device: str = "cpu", download: bool = False, id_order: str = Names.ID_ORDER
    ) -> None:
        self.run, self.device, self.download, self.id_order = run, device, download, id_order
        self.folder = run.path
        self.files: dict[str, SystemFiles] = {}
        self.unavailable: dict[str, str] = {}  # why a system cannot answer
        self._searchers: dict[str, Searcher] = {}
        self._tokenizers: dict[str, Tokenizer] = {}
        self._encoders: dict[EncoderFiles, Encoder] = {}
        self._pretrained: dict[tuple[str, str | None], ReadyMade] = {}

    def file(self, name: str) -> Path:
        """The path of a file, or of a folder, of the run folder; TokirError where it is damaged."""
        return self.run.checked(name)

    def queries(self) -> list[str]:
        """The evaluated queries; none in a run that has none."""
        if not self.run.recorded(Names.QUERIES):
            return []
        lines = read_text(self.file(Names.QUERIES)).split("\n")
        return [line.partition("\t")[2] for line in lines if line]

    @cached_property
    def tie_order(self) -> NDArray[np.int64]:
        """The rank of each passage among all when ids descend, (passages,)."""
        from tokir.retrieval.ranking import inverse

        return inverse(read_array(self.file(self.id_order)))

    def searcher(self, system: str) -> Searcher:
        """The system with the id ``system``, ready to answer.

        Raises:
            Unavailable: this machine lacks what it needs.
            TokirError: there is no such system, or one of its files is missing or damaged.
        """
        if system in self.unavailable:
            raise Unavailable(self.unavailable[system])
        if system not in self._searchers:
            if system not in self.files:
                raise TokirError(f"{self.folder} holds no system {system!r}")
            self._searchers[system] = self.files[system].open(self)
        return self._searchers[system]

    def name_files(self, system: str, files: SystemFiles) -> None:
        """Say which files a system answers from; what was opened from other ones is forgotten."""
        if self.files.get(system) != files:
            self._searchers.pop(system, None)
        self.files[system] = files

    def release(self) -> None:
        """Let go of the systems and the encoders that were opened, but for pretrained ones."""
        self._searchers.clear()
        self._encoders.clear()

    def encoder(self, files: EncoderFiles) -> Encoder:
        """The encoder, opened once however many systems use it; Unavailable as :meth:`searcher`."""
        if files not in self._encoders:
            self._encoders[files] = files.open(self)
        return self._encoders[files]

    def tokenizer(self, name: str) -> Tokenizer:
        """The tokenizer in a file of the run folder, loaded once."""
        if name not in self._tokenizers:
            from tokir.tokenizers import load

            self._tokenizers[name] = load(self.file(name))
        return self._tokenizers[name]

    def pretrained(self, name: str, folder: str | None) -> ReadyMade:
        """A pretrained encoder, loaded once; Unavailable where it is not on this machine."""
        if (name, folder) not in self._pretrained:
            from tokir.encoders.named import load

            self._pretrained[name, folder] = load(name, folder=folder, download=self.download, device=self.device)
        return self._pretrained[name, folder]


def indexes(files: Mapping[str, SystemFiles], system: str) -> list[str]:
    """The folders of the indexes that a system searches, each once; those of its members for a fusion."""
    own = files.get(system)
    if isinstance(own, FusionFiles):
        return list(dict.fromkeys(folder for member in own.members for folder in indexes(files, member)))
    return [own.index] if isinstance(own, DenseFiles | LateFiles | LexicalFiles) else []


@dataclass(frozen=True)
class Systems:
    """What ``systems.json`` holds."""

    tokenizers: dict[str, str]  # id to file
    systems: tuple[str, ...]  # ids, in the order of the study
    unavailable: dict[str, str]  # id to reason
    files: dict[str, SystemFiles]


def read_systems(run: RunFolder) -> Systems:
    """The systems of a run folder; TokirError where they are not ready, or the file is damaged."""
    path, file = run.path, run.file(Names.SYSTEMS)
    if not file.exists():
        raise TokirError(
            f"{path} is not ready to be searched: finish it with `tokir run`, or with `tokir embed {quoted(path)}`, "
            f"which writes {Names.SYSTEMS}"
        )
    try:
        made = read_json(run.checked(Names.SYSTEMS))
        if made["schema"] != SCHEMA:
            raise TokirError(f"{file}: of another version of tokir: repeat the study in another folder with --out")
        files = {name: from_json(value) for name, value in made["files"].items()}
        require_flat(files)
        named = {name: made[name] for name in ("tokenizers", "systems", "unavailable")}
        return built(Systems, {**named, "files": files})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokirError(f"{file}: damaged ({error}): make it again with `tokir embed {quoted(path)}`") from None


def require_flat(files: Mapping[str, SystemFiles]) -> None:
    """ValueError where a fusion has a fusion as its member, which might be itself."""
    for name, made in files.items():
        if isinstance(made, FusionFiles) and any(isinstance(files.get(one), FusionFiles) for one in made.members):
            raise ValueError(f"{name} is a fusion of fusions")


def contents(files: SystemFiles, folder: RunFolder) -> list[Any]:
    """All that a system's answers depend on, beside the passages: its record, and the hashes of the files it names."""
    value = {name: field for name, field in to_json(files).items() if name not in OF_NEW_PASSAGES}
    if isinstance(files, DenseFiles):
        value["encoder"] = _without_place(files.encoder)
    return [value, _hashes(value, folder)]


def encoder_contents(files: DenseFiles, folder: RunFolder) -> list[Any]:
    """All that the vector of a passage depends on, beside the passage: the records that embed it, and their hashes."""
    record = [_without_place(files.passage_encoder or files.encoder), files.whitening, files.dimensions]
    return [record, _hashes(record, folder)]


def _without_place(files: EncoderFiles) -> dict[str, Any]:
    """The record of an encoder. Where a pretrained model lies is free, since its checksum counts."""
    record = to_json(files)
    if isinstance(files, PretrainedFiles):
        del record["folder"]
    return record


def with_models_of(files: SystemFiles, base: SystemFiles) -> SystemFiles:
    """A record with the models of ``base``, of which it was made: a pretrained one may have been moved since."""
    if isinstance(files, DenseFiles) and isinstance(base, DenseFiles):
        return replace(files, encoder=base.encoder, passage_encoder=base.passage_encoder)
    return files


def _hashes(record: Any, folder: RunFolder) -> dict[str, Any]:
    """Those of the files and folders of the run that a record names."""
    named = {name: folder.folder_key(name) for name in _strings(record) if "/" in name}
    return {name: inside or folder.key(name) for name, inside in named.items() if folder.made(name)}


def to_json(files: Any) -> dict[str, Any]:
    """A record as JSON: its fields, and its ``kind``."""
    registry = SEARCHERS if any(type(files) is SEARCHERS[name] for name in SEARCHERS) else ENCODERS
    kind = next(name for name in registry if registry[name] is type(files))
    value = {"kind": kind, **{field.name: getattr(files, field.name) for field in fields(files)}}
    for name in _ENCODERS:
        if value.get(name) is not None:
            value[name] = to_json(value[name])
    return value


def from_json(value: dict[str, Any], registry: Any = SEARCHERS) -> Any:
    """The record that :func:`to_json` wrote; KeyError, TypeError or ValueError where it is not one."""
    values: dict[str, Any] = {name: field for name, field in value.items() if name != "kind"}
    for name in _ENCODERS:
        if values.get(name) is not None:
            values[name] = from_json(values[name], ENCODERS)
    return built(registry[value["kind"]], values)


def _strings(value: Any) -> list[str]:
    """All strings in a JSON value, in its order."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for part in inner for text in _strings(part)]
