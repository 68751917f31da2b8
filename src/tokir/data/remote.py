"""Data sets of two public libraries, fetched when the user names them: ``ir_datasets:<id>``, ``hf:<id>``.

What is fetched is written once into the cache folder, in BEIR's layout, and read from there ever after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokir.artifacts.durable import new_folder
from tokir.data import beir, ids, tables
from tokir.data import qrels as judgements
from tokir.data.beir import Unknown
from tokir.data.corpus import Document
from tokir.data.dataset import Dataset, split_name
from tokir.data.files import one_builder
from tokir.data.qrels import Qrels
from tokir.errors import TokirError, Unavailable, full_disk

SPLITS = ("train", "dev", "test")


def read(source: str, cache: Path, unknown_documents: Unknown = "error") -> Dataset:
    """Load ``ir_datasets:<id>`` or ``hf:<id>``, fetching it on first use.

    Raises:
        TokirError: the library does not know the id, or the data set has another layout.
        Unavailable: the library is missing, or the network fails.

    """
    library, _, id = source.partition(":")
    if not id:
        raise TokirError(f"{source} names no data set: write {source}<id>")
    write: Callable[[str, Path], None] = {"ir_datasets": _ir_datasets, "hf": _hugging_face}[library]
    folder = cache / "remote" / re.sub(r"[^\w.-]+", "--", source)
    if not (folder / "corpus.jsonl").is_file():
        with one_builder(folder):
            if not (folder / "corpus.jsonl").is_file():  # else another process has fetched it meanwhile
                _fetch(source, folder, lambda fresh: write(id, fresh))
    dataset = beir.read(folder, cache, name=id, source=source, unknown_documents=unknown_documents)
    return replace(dataset, files=())  # the cache holds no files of the user's


def _fetch(source: str, folder: Path, write: Callable[[Path], None]) -> None:
    with new_folder(folder) as fresh:
        try:
            write(fresh)
        except TokirError:
            raise
        except ImportError as error:
            raise Unavailable(f"{source!r} needs {error.name}: pip install 'tokir[remote]'") from error
        except Exception as error:  # the libraries raise whatever their HTTP clients and parsers do
            if full := full_disk(error):
                raise full from None
            what = str(error).strip().partition("\n")[0] or type(error).__name__
            raise Unavailable(
                f"{source!r} cannot be fetched ({what}): check the id and the network, or give a local folder"
            ) from error


def _ir_datasets(id: str, folder: Path) -> None:
    """Convert a data set of ir_datasets (MacAvaney et al. 2021)."""
    import ir_datasets

    try:
        found = ir_datasets.load(id)
    except KeyError as error:
        raise TokirError(f"ir_datasets has no data set {id!r}: see https://ir-datasets.com") from error
    if not found.has_docs():
        raise TokirError(f"the ir_datasets data set {id!r} has no documents")
    # An id with judgements of its own is one split; otherwise those below it, such as <id>/test, are splits.
    if found.has_qrels():
        parts = {_split_of(id): found}
    else:
        below = {name: f"{id}/{name}" for name in (*SPLITS, "validation", "valid", "val")}
        parts = {split_name(name): ir_datasets.load(n) for name, n in below.items() if _knows(ir_datasets, n)}
    queries: dict[str, str] = {}
    qrels: dict[str, Qrels] = {}
    for split, part in parts.items():
        if part.has_queries() and part.has_qrels():
            for number, query in enumerate(part.queries_iter(), 1):
                location = f"ir_datasets:{id}, query {number} of {split}"
                ids.check(query.query_id, location)
                text = query.default_text()
                if queries.setdefault(query.query_id, text) != text:
                    raise TokirError(f"{location}: the id {query.query_id!r} is that of another query too")
            judged = qrels.setdefault(split, {})
            for number, row in enumerate(part.qrels_iter(), 1):
                location = f"ir_datasets:{id}, judgement {number} of {split}"
                judgements.add(judged, row.query_id, row.doc_id, row.relevance, location)
    beir.write(folder, _documents(id, found), queries, qrels)


def _documents(id: str, found: Any) -> Iterator[Document]:
    for number, doc in enumerate(found.docs_iter(), 1):
        ids.check(doc.doc_id, f"ir_datasets:{id}, document {number}")
        yield Document(doc.doc_id, *_title_and_text(doc))


def _split_of(id: str) -> str:
    last = split_name(id.rpartition("/")[2])
    return last if last in SPLITS else "test"


def _knows(library: Any, id: str) -> bool:
    try:
        library.load(id)
    except KeyError:
        return False
    return True


def _title_and_text(doc: Any) -> tuple[str, str]:
    if isinstance(title := getattr(doc, "title", None), str) and isinstance(getattr(doc, "text", None), str):
        return title, doc.text
    return "", doc.default_text()  # documents with other fields say themselves what their text is


def _hugging_face(id: str, folder: Path) -> None:
    """Convert a Hugging Face data set in the form of BeIR's: configurations ``corpus`` and ``queries``.

    The judgements are a data set ``<id>-qrels`` with the splits train, validation or test, and the columns
    query-id, corpus-id and score.
    """
    import datasets

    corpus, texts = (
        _Configuration(f"hf:{id}, {name}", _only(datasets.load_dataset(id, name), name))
        for name in ("corpus", "queries")
    )
    qrels: dict[str, Qrels] = {}
    for split, rows in datasets.load_dataset(f"{id}-qrels").items():
        judged = qrels.setdefault(split_name(split), {})
        table = _Configuration(f"hf:{id}-qrels, {split}", rows)
        for line, row in table.rows():
            if missing := [name for name in judgements.HEADER if name not in row]:
                raise TokirError(f"{table.location(line)} lacks the field `{missing[0]}`; {table.columns(row)}")
            query, passage, grade = (row[name] for name in judgements.HEADER)
            if isinstance(grade, float) and grade.is_integer():  # some sets hold 1.0
                grade = int(grade)
            judgements.add(judged, str(query), str(passage), grade, table.location(line))
    documents = (document for _, document in tables.documents(corpus))
    beir.write(folder, documents, tables.queries(texts), qrels)


@dataclass(frozen=True)
class _Configuration:
    """One table of a Hugging Face data set; see `tables.Rows`."""

    name: str
    table: Iterable[Mapping[str, Any]]

    def rows(self) -> Iterator[tables.Row]:
        return enumerate(self.table, 1)

    def location(self, line: int) -> str:
        return f"{self.name}, row {line}"

    def columns(self, fields: Mapping[str, Any]) -> str:
        return (
            f"the columns found are {tables.listed(fields)}, and expected are the configurations corpus (_id, "
            "title, text) and queries (_id, text), and a set of the same name with -qrels (query-id, corpus-id, score)"
        )


def _only(splits: Mapping[str, Any], name: str) -> Any:
    """BeIR's sets have one split per configuration, named like it."""
    return splits[name] if name in splits else next(iter(splits.values()))
