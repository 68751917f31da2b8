"""A collection of a vector database made equal to the passages of a run, and asked for the same answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import digest, read_array
from tokir.data.corpus import canonical
from tokir.database.milvus import LONGEST_ID, LONGEST_TEXT, Collection, Row
from tokir.errors import TokirError
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.files import DenseFiles, encoder_contents
from tokir.retrieval.searchers import DenseSearcher

if TYPE_CHECKING:
    from tokir.data.corpus import Corpus, Document
    from tokir.progress import Progress
    from tokir.retrieval.files import Opener

ROWS, BYTES = 500, 16 << 20  # of a request: Milvus takes 64 MiB at most
MODEL = 16  # first characters of a version: those of the model
COMPARED = 10  # passages of each query
ASKED = 200  # queries


@dataclass(frozen=True)
class Pushed:
    """What became of a collection."""

    passages: int  # in the collection now
    sent: int  # new ones, and those that were there with other words
    deleted: int  # those that the run does not hold
    shortened: int  # sent without their end, since a field holds no more
    queries: int  # asked in the database and in the run
    recall: float  # share of the run's ten nearest passages among the database's ten


def push(
    opener: Opener,
    system: str,
    corpus: Corpus,
    collection: Collection,
    kind: str,
    queries: Sequence[str],
    progress: Progress,
) -> Pushed:
    """Make ``collection`` equal to the passages that a system searches, in as few changes as that takes.

    Each row carries a hash of its passage and of the model: rows that are right are left alone. So whatever stopped a
    push before, repeating it sends what is missing, and after ``tokir add`` or ``tokir delete`` what has changed.

    Args:
        opener: of the run.
        system: searches one vector for each passage, exactly.
        corpus: the passages.
        collection: made where it does not exist.
        kind: of the index that it is then made with, ``exact`` or ``hnsw``.
        queries: asked in both places afterwards; without any, beginnings of passages are.
        progress: hears how the work goes.

    Raises:
        TokirError: the system has no such vectors, or the collection holds something else or vectors of another model.
    """
    searcher, vectors = exact_search(opener, system)
    files = opener.files[system]
    assert isinstance(files, DenseFiles)
    model = digest(encoder_contents(files, opener.run))[:MODEL]
    _require_same(collection, model, vectors.shape[1], kind)
    sent = shortened = done = 0
    for documents in _batches(corpus):
        rows = [_row(document, model, vectors[done + number]) for number, document in enumerate(documents)]
        there = collection.versions([row.id for row in rows])
        missing = [row for row in rows if there.get(row.id) != row.version]
        if missing:
            collection.upsert(missing)
        whole = {document.id: (document.title, document.text) for document in documents}
        sent, done = sent + len(missing), done + len(rows)
        shortened += sum(whole[row.id] != (row.title, row.text) for row in missing)
        progress.step(f"{collection.name}: pushing", done, len(corpus), "passages")
    deleted = _delete_others(collection, corpus, read_array(opener.file(opener.id_order)))
    asked = list(queries[:ASKED]) or _beginnings(corpus)
    recall = _recall(collection, searcher, corpus, asked)
    return Pushed(collection.count(), sent, deleted, shortened, len(asked), recall)


def exact_search(opener: Opener, system: str) -> tuple[DenseSearcher, NDArray[np.float32]]:
    """A system's searcher, and the unit vectors (passages, dimensions) that it searches; TokirError if it has none."""
    searcher = opener.searcher(system)
    if isinstance(searcher, DenseSearcher) and isinstance(searcher.index, ExactIndex):
        return searcher, searcher.index.vectors
    exact = [
        n for n, files in opener.files.items() if isinstance(files, DenseFiles) and files.index_kind == "exact"
    ]
    raise TokirError(
        f"{system} does not search one vector for each passage exactly, and only such vectors are pushed: name one of "
        f"{', '.join(exact) or 'none'}"
    )


def _require_same(collection: Collection, model: str, dimensions: int, kind: str) -> None:
    """Make the collection, or hold the one that is there against the model."""
    if not collection.exists():
        collection.create(dimensions, kind)
        return
    version = collection.some_version() if collection.dimensions() == dimensions else "of another form"
    if version is not None and version[:MODEL] != model:
        raise TokirError(
            f"{collection.address}: collection {collection.name} holds rows that are not of this model, and a search "
            "would mix them: name another collection, or drop this one first"
        )


def _batches(corpus: Corpus) -> Iterator[list[Document]]:
    """The passages in their order, in lists that fit into a request."""
    batch: list[Document] = []
    size = 0
    for document in corpus.records():
        length = 4 * (min(len(document.title), LONGEST_TEXT) + min(len(document.text), LONGEST_TEXT))
        if batch and (len(batch) == ROWS or size + length > BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += length
    if batch:
        yield batch


def _row(document: Document, model: str, vector: NDArray[np.float32]) -> Row:
    if len(document.id.encode()) > LONGEST_ID:
        raise TokirError(f"the id {document.id[:40]}... has more than the {LONGEST_ID} bytes that Milvus can hold")
    title, text = (_fitting(part) for part in (document.title, document.text))
    version = model + hashlib.sha256(canonical([document.title, document.text])).hexdigest()[:MODEL]
    return Row(document.id, title, text, version, vector)


def _fitting(text: str) -> str:
    """The text, without its end where it has more bytes than a field holds."""
    return text.encode()[:LONGEST_TEXT].decode(errors="ignore")


def _delete_others(collection: Collection, corpus: Corpus, order: NDArray[np.int64]) -> int:
    """Delete rows that are no passages of the run; how many they were."""
    if collection.count() == len(corpus):
        return 0
    others = [id for ids in collection.ids() for id in ids if corpus.find(id, order) is None]
    for start in range(0, len(others), ROWS):
        collection.delete(others[start : start + ROWS])
    return len(others)


def _beginnings(corpus: Corpus) -> list[str]:
    """The first words of passages from all over the corpus, for a run that has no queries."""
    positions = np.linspace(0, len(corpus) - 1, min(ASKED, len(corpus))).astype(int).tolist()
    return [" ".join(text.split()[:8]) for text in corpus.select(positions)]


def _recall(collection: Collection, searcher: DenseSearcher, corpus: Corpus, queries: Sequence[str]) -> float:
    from tokir.retrieval.index import normalize

    vectors = normalize(searcher.encode(queries))
    vectors = vectors[vectors.any(axis=1)]  # to a query without tokens all passages are alike
    if not len(vectors):
        return 1.0
    first = min(COMPARED, len(corpus))
    depth, wanted = first, searcher.index.search(vectors, first)
    while depth < len(corpus) and any(hits.scores[-1] == hits.scores[first - 1] for hits in wanted):
        depth = min(4 * depth, len(corpus))  # equals may be ordered otherwise
        wanted = searcher.index.search(vectors, depth)
    shared = []
    for hits, ids in zip(wanted, collection.search(vectors, first), strict=True):
        near = hits.positions[hits.scores >= hits.scores[first - 1]].tolist()
        shared.append(len({document.id for document in corpus.documents(near)} & set(ids)) / first)
    return float(np.mean(shared))
