"""An opened run: what a finished run folder can do, from what lies in it.

>>> import tokir
>>> run = tokir.open_run("runs/best-wiki")  # doctest: +SKIP
>>> run.search("who painted the ceiling of the chapel", top=3)  # doctest: +SKIP

Nothing is written, trained or computed again, and neither the data set nor a teacher is needed, unless a system itself
embeds queries with a pretrained model. Passages, vectors, best cosines and BM25 are memory-mapped.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.additions.state import ID_ORDER, PASSAGES, Additions, hold
from tokir.artifacts import Names, RunFolder, read_array
from tokir.errors import TokirError, Unavailable, nearest, require_list, require_text
from tokir.retrieval.files import DenseFiles, Opener, read_systems
from tokir.tokenizers.protocol import require_unicode
from tokir.untrusted import built, expanded, read_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokir.data.corpus import Corpus, Document
    from tokir.database.push import Pushed
    from tokir.progress import Progress
    from tokir.results.records import Results


@dataclass(frozen=True)
class Hit:
    """A passage that a system found."""

    id: str
    score: float
    title: str
    text: str


@dataclass(frozen=True)
class Answer:
    """What one system found for a query; nothing, and the reason, where it could not look."""

    system: str
    hits: tuple[Hit, ...]
    unavailable: str | None = None


def open_run(path: str | Path) -> Run:
    """Open the run in the folder ``path``.

    Raises:
        TokirError: there is no run, or one whose systems are not ready to be searched.
    """
    return Run(expanded(path).absolute())  # which stays right when the program changes its folder


class Run:
    """A run folder whose systems are ready to be searched; made by :func:`open_run`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        folder = RunFolder.open(path.resolve())  # a link may come to lead elsewhere
        made, held = read_systems(folder), hold(folder)
        self.additions: Additions | None = held[0] if held else None
        """What was added and deleted since the run was made, as of when it was opened; None where nothing was."""
        if held:  # while that file is open, what the run answers from is not removed
            weakref.finalize(self, held[1].close)
        self.tokenizers: tuple[str, ...] = tuple(made.tokenizers)
        """Ids of the tokenizers, in the order of the study."""
        self.systems: tuple[str, ...] = made.systems
        """Ids of the systems, in the order of the study."""
        self._tokenizer_files = made.tokenizers
        self._corpus, self._id_order = Names.CORPUS, Names.ID_ORDER
        self._studied = Opener(folder)  # of the systems as they were made: models do not change with the passages
        self._studied.files, self._studied.unavailable = made.files, made.unavailable
        self._opener = self._studied
        if self.additions is not None:
            self._corpus, self._id_order = map(self.additions.file, (PASSAGES, ID_ORDER))
            self._opener = Opener(folder, id_order=self._id_order)
            self._opener.files, self._opener.unavailable = self.additions.over(made, folder)

    @cached_property
    def results(self) -> Results:
        """What was measured; TokirError where nothing has been."""
        from tokir.results.reading import read_results

        return read_results(self._opener.run)

    @cached_property
    def passages(self) -> Corpus:
        """The passages that are searched: those of the run as it was made, and what was added since."""
        from tokir.data.corpus import Corpus, facts_path

        self._opener.file(facts_path(Path(self._corpus)).as_posix())
        return Corpus.open(self._opener.file(self._corpus), verify=False)

    @cached_property
    def _ids_in_order(self) -> NDArray[np.int64]:
        order: NDArray[np.int64] = read_array(self._opener.file(self._id_order))
        return order

    def search(self, query: str, top: int = 10, systems: Sequence[str] | None = None) -> dict[str, Answer]:
        """What each of ``systems`` (by default all) finds for a query, at most ``top`` passages.

        Raises:
            TokirError: the query is empty or not valid Unicode, or a system is unknown.
        """
        answers = {answer.system: answer for answer in self.answers(query, top, systems)}
        return {name: answers[name] for name in self._named(systems)}

    def answers(self, query: str, top: int = 10, systems: Sequence[str] | None = None) -> Iterator[Answer]:
        """As :meth:`search`, each answer as soon as it is there: systems that load a large library come last."""
        _check_search([query], top)
        for name in sorted(self._named(systems), key=self.weight):
            yield self._answer(name, query, top)

    def find(self, queries: Sequence[str], system: str, top: int = 10) -> list[tuple[Hit, ...]]:
        """What one system finds for each of several queries, at most ``top`` passages.

        Raises:
            Unavailable: this machine lacks what the system needs.
            TokirError: as :meth:`search`.
        """
        _check_search(queries, top)
        found = self._opener.searcher(self._named([system])[0]).search(list(queries), top)
        return [self._hits(hits.positions.tolist(), hits.scores.tolist()) for hits in found]

    def encode(self, texts: Sequence[str], system: str) -> NDArray[np.float32]:
        """Unit vectors of texts as the system sees queries, (texts, dimensions).

        A text without tokens is zero, unless the system whitens, which moves it too.

        Raises:
            Unavailable: this machine lacks what the system needs.
            TokirError: the system is unknown, or has no vectors; or a text is not valid Unicode.
        """
        return self.encode_counted(texts, system)[0]

    def encode_counted(self, texts: Sequence[str], system: str) -> tuple[NDArray[np.float32], int | None]:
        """As :meth:`encode`, and how many tokens all texts have; None where the system's library does not say."""
        from tokir.retrieval.index import normalize
        from tokir.retrieval.searchers import DenseSearcher

        require_list(texts, "texts")
        searcher = self._opener.searcher(self._named([system])[0])
        if not isinstance(searcher, DenseSearcher):
            raise TokirError(
                f"{system} has no vector for each text: name one of {', '.join(self.embedders) or 'none'}"
            )
        for text in texts:
            require_text(text)
            require_unicode(text)
        vectors, tokens = searcher.encode_counted(list(texts))
        return normalize(vectors), tokens

    def export(self, system: str, to: str, folder: str | Path) -> None:
        """Write the model of a system into ``folder``, for another library; its vectors are the same there.

        Args:
            system: its id: one model with a vector for each text that was trained here.
            to: ``sentence-transformers``, ``model2vec`` or ``onnx``.
            folder: appears whole or not at all; an earlier export in it is replaced.

        Raises:
            TokirError: the system is unknown, or cannot be exported so; or ``folder`` holds other files.
            Unavailable: this machine lacks what the export needs.
        """
        from tokir.export import export

        name = self._named([system])[0]
        if name in self._studied.unavailable:
            raise Unavailable(self._studied.unavailable[name])
        export(self._studied, name, to, expanded(folder))

    def push(
        self,
        system: str,
        address: str,
        collection: str,
        *,
        index: str | None = None,
        token: str = "",
        progress: Progress | None = None,
    ) -> Pushed:
        """Make a collection of a Milvus database equal to the passages that a system searches; repeated, it resumes.

        Args:
            system: its id: one that searches one vector for each passage, exactly.
            address: a folder whose name ends in ``.db``, for Milvus Lite, or ``http://host:19530``.
            collection: its name; made where it does not exist.
            index: of a new collection: ``exact`` or ``hnsw``; by default exact in a folder, else hnsw.
            token: ``user:password`` or a key, where the server asks for one.
            progress: hears how the work goes.

        Raises:
            TokirError: as for :func:`tokir.database.push.push`, or the database does not answer.
            Unavailable: this machine lacks its client, or what the system needs.
        """
        for given in (address, collection, token):
            require_text(given)
        from tokir.database.milvus import INDEXES, Collection
        from tokir.database.push import exact_search, push
        from tokir.progress import Silent

        name = self._named([system])[0]
        if index is not None and index not in INDEXES:
            raise TokirError(f"--index {index}{nearest(index, INDEXES)}: allowed are {', '.join(INDEXES)}")
        exact_search(self._opener, name)  # what cannot be pushed is said before a database is made
        target = Collection(address, collection, token)
        try:
            kind = index or ("exact" if target.embedded else "hnsw")
            queries = self._opener.queries()
            return push(self._opener, name, self.passages, target, kind, queries, progress or Silent())
        finally:
            target.close()

    def tokenize(self, text: str, tokenizer: str | None = None) -> list[str]:
        """How a tokenizer of the run (by default the first) cuts a text, as a person reads it."""
        name = self.tokenizers[0] if tokenizer is None and self.tokenizers else tokenizer or ""
        if name not in self.tokenizers:
            known = ", ".join(self.tokenizers) or "none"
            raise TokirError(
                f"no tokenizer {name!r} in {self.path}{nearest(name, self.tokenizers)}: it has {known}"
            )
        require_text(text)
        return self._opener.tokenizer(self._tokenizer_files[name]).pieces(text)

    def passage(self, id: str) -> Document:
        """A passage by its id; TokirError where there is none."""
        if (found := self.find_passage(id)) is None:
            raise TokirError(f"no passage {id!r} in {self.path}")
        return found

    def find_passage(self, id: str) -> Document | None:
        """A passage by its id; None where there is none."""
        require_text(id)
        position = self.passages.find(id, self._ids_in_order)
        return None if position is None else self.passages.record(position)

    def weight(self, system: str) -> int:
        """What the first answer of a system loads: 0 tables, 1 a network, 2 a library of pretrained models."""
        files = self._opener.files.get(system)
        return 0 if files is None else files.weight(self._opener)

    @property
    def embedders(self) -> tuple[str, ...]:
        """Ids of the systems with a vector for each text, in the order of the study; see :meth:`encode`."""
        return tuple(name for name in self.systems if isinstance(self._studied.files.get(name), DenseFiles))

    def tokenizers_of(self, system: str) -> tuple[str, ...]:
        """Ids of the run's tokenizers that cut a query for a system; a fusion has those of its members."""
        files = self._studied.files.get(system)
        members = [name for member in getattr(files, "members", ()) for name in self.tokenizers_of(member)]
        file = getattr(getattr(files, "encoder", files), "tokenizer", None)
        own = [name for name in self.tokenizers if file is not None and self._tokenizer_files[name] == file]
        return tuple(dict.fromkeys(own + members))

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what has changed since the run was made: passages added and deleted, files of the data set."""
        added = () if self.additions is None else (self.additions.sentence,)
        return (*added, *_changes(self._opener))

    # -- how an answer is made ----------------------------------------------------------------------------

    def _named(self, systems: Sequence[str] | None) -> list[str]:
        if systems is None:
            return list(self.systems)
        require_list(systems, "systems")
        for name in systems:
            if name not in self.systems:
                raise TokirError(
                    f"no system {name!r} in {self.path}{nearest(name, self.systems)}: "
                    f"it has {', '.join(self.systems)}"
                )
        return list(dict.fromkeys(systems))

    def _answer(self, name: str, query: str, top: int) -> Answer:
        try:
            return Answer(name, self.find([query], name, top)[0])
        except Unavailable as error:
            return Answer(name, (), str(error))

    def _hits(self, positions: list[int], scores: list[float]) -> tuple[Hit, ...]:
        pairs = zip(self.passages.documents(positions), scores, strict=True)
        return tuple(Hit(document.id, score, document.title, document.text) for document, score in pairs)


def _check_search(queries: Sequence[str], top: int) -> None:
    require_list(queries, "queries")
    for query in queries:
        require_text(query)
        if not query.strip():
            raise TokirError("the query is empty: give some words to look for")
        require_unicode(query)
    try:
        enough = operator.index(top) >= 1
    except TypeError:
        enough = False
    if not enough:
        raise TokirError(f"top is {top}: ask for one passage at least, a whole number of them")


def _changes(opener: Opener) -> tuple[str, ...]:
    from tokir.data.files import SourceFile

    if not opener.run.recorded(Names.SOURCE):  # an earlier tokir made the run
        return ()
    try:
        known = [built(SourceFile, file) for file in read_json(opener.file(Names.SOURCE))["files"]]
    except TokirError as error:
        return (str(error),)  # what cannot be compared need not stop an answer
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    changed = []
    for file in known:
        try:
            if not Path(file.path).exists():
                changed.append(f"{file.path} is gone")
            elif file.has_changed():
                when = datetime.fromtimestamp(Path(file.path).stat().st_mtime, UTC)
                how = "has" if Path(file.path).stat().st_size != file.size else "may have"
                changed.append(f"{file.path} {how} changed ({when.day} {when:%B %Y, %H:%M} UTC)")
        except OSError:  # who may search need not be allowed to see the data
            continue
    if not changed:
        return ()
    return (f"since this run was made, {' and '.join(changed)}; answers are from the passages of the run",)
