"""A finished system as the files that it answers from: what a study writes down and an opened run reads.

``systems.json`` of a run folder holds one such record for each system, by its id. A record is a frozen dataclass whose
``kind`` stands in ``SEARCHERS``; opened, it is a searcher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tokir.artifacts import Names, read_array
from tokir.encoders.registry import ENCODERS
from tokir.errors import TokirError, Unavailable
from tokir.retrieval.registry import INDEXES, SEARCHERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokir.encoders import Encoder, ReadyMade
    from tokir.encoders.files import EncoderFiles
    from tokir.retrieval.fusion import Method
    from tokir.retrieval.searchers import DenseSearcher, Searcher
    from tokir.tokenizers import Tokenizer


class SystemFiles(Protocol):
    """A frozen dataclass of names of files and of settings."""

    def weight(self, opener: Opener) -> int:
        """What opening loads: 0 tables, 1 torch, 2 a library of pretrained models."""

    @property
    def open(self) -> Callable[[Opener], Searcher]:
        """Put the system together; Unavailable where this machine lacks what it needs."""


@dataclass(frozen=True)
class DenseFiles:
    """One vector for each passage."""

    encoder: EncoderFiles
    index_kind: str  # in INDEXES
    index: str  # its folder
    whitening: str | None = None
    dimensions: int | None = None  # the first ones that the index holds; None for all

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


@dataclass(frozen=True)
class LateFiles:
    """Late interaction over the whole corpus."""

    tokenizer: str
    index: str  # its folder
    kept: float  # share of the passages that each entry of the vocabulary keeps; 1 for an index that is not pruned

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


@dataclass(frozen=True)
class LexicalFiles:
    """BM25."""

    index: str  # its folder
    tokenizer: str | None = None  # whose tokens are its terms; None where these are words

    def weight(self, opener: Opener) -> int:
        """Postings are tables."""
        return 0

    def open(self, opener: Opener) -> Searcher:
        """Map the index."""
        from tokir.retrieval.bm25 import BM25Index
        from tokir.retrieval.searchers import LexicalSearcher
        from tokir.retrieval.terms import tokens_of, words

        cut = words if self.tokenizer is None else tokens_of(opener.tokenizer(self.tokenizer))
        return LexicalSearcher(BM25Index.load(opener.file(self.index), opener.tie_order, cut))


@dataclass(frozen=True)
class FusionFiles:
    """Several systems as one."""

    members: tuple[str, ...]  # ids
    method: Method
    weights: tuple[float, ...]
    depth: int  # passages of each member

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


class Opener:
    """Opens the systems of a run folder, each once, from the files that are named for them.

    Args:
        folder: the run folder.
        device: that networks compute on.
        download: whether weights that the user named may be fetched.
    """

    def __init__(self, folder: Path, device: str = "cpu", download: bool = False) -> None:
        self.folder, self.device, self.download = folder, device, download
        self.files: dict[str, SystemFiles] = {}
        self._searchers: dict[str, Searcher] = {}
        self._tokenizers: dict[str, Tokenizer] = {}
        self._encoders: dict[EncoderFiles, Encoder] = {}
        self._pretrained: dict[tuple[str, str | None], ReadyMade] = {}

    def file(self, name: str) -> Path:
        """The path of a file of the run folder."""
        return self.folder / name

    @cached_property
    def tie_order(self) -> NDArray[np.int64]:
        """The rank of each passage among all when ids descend, (passages,)."""
        from tokir.retrieval.ranking import inverse

        return inverse(read_array(self.file(Names.ID_ORDER)))

    def searcher(self, system: str) -> Searcher:
        """The system with the id ``system``, ready to answer.

        Raises:
            Unavailable: this machine lacks what it needs.
            TokirError: there is no such system, or one of its files is missing or damaged.
        """
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


def to_json(files: Any) -> dict[str, Any]:
    """A record as JSON: its fields, and its ``kind``."""
    registry = SEARCHERS if any(type(files) is SEARCHERS[name] for name in SEARCHERS) else ENCODERS
    kind = next(name for name in registry if registry[name] is type(files))
    value = {"kind": kind, **{field.name: getattr(files, field.name) for field in fields(files)}}
    if "encoder" in value:
        value["encoder"] = to_json(value["encoder"])
    return value


def from_json(value: dict[str, Any], registry: Any = SEARCHERS) -> Any:
    """The record that :func:`to_json` wrote; KeyError or TypeError where it is not one."""
    values: dict[str, Any] = {
        name: tuple(field) if isinstance(field, list) else field for name, field in value.items() if name != "kind"
    }
    if isinstance(values.get("encoder"), dict):
        values["encoder"] = from_json(values["encoder"], ENCODERS)
    return registry[value["kind"]](**values)
