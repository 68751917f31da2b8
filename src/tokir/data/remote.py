"""Data sets of two public libraries, fetched when the user names them: ``ir_datasets:<id>``, ``hf:<id>``.

What is fetched is written once into the cache folder, in BEIR's layout, and read from there ever after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tokir.data import beir
from tokir.data.beir import Unknown
from tokir.data.corpus import Document
from tokir.data.dataset import Dataset, split_name
from tokir.data.files import new_folder
from tokir.data.qrels import Qrels
from tokir.errors import TokirError, Unavailable

SPLITS = ("train", "dev", "test")


def read(source: str, cache: Path, unknown_documents: Unknown = "error") -> Dataset:
    """Load ``ir_datasets:<id>`` or ``hf:<id>``, fetching it on first use.

    Raises:
        TokirError: the library does not know the id, or the data set has another layout.
        Unavailable: the library is missing, or the network fails.

    """
    library, _, id = source.partition(":")
    write: Callable[[str, Path], None] = {"ir_datasets": _ir_datasets, "hf": _hugging_face}[library]
    folder = cache / "remote" / re.sub(r"[^\w.-]+", "--", source)
    if not (folder / "corpus.jsonl").is_file():
        with new_folder(folder) as fresh:
            try:
                write(id, fresh)
            except (TokirError, KeyboardInterrupt):
                raise
            except ImportError as error:
                raise Unavailable(f"{source!r} needs {error.name}: pip install 'tokir[remote]'.") from error
            except Exception as error:  # the libraries raise whatever their HTTP clients and parsers do
                what = str(error).strip().partition("\n")[0] or type(error).__name__
                raise Unavailable(
                    f"{source!r} cannot be fetched ({what}): check the id and the network, or give a local folder."
                ) from error
    return beir.read(folder, cache, name=id, source=source, unknown_documents=unknown_documents)


def _ir_datasets(id: str, folder: Path) -> None:
    """Convert a data set of ir_datasets (MacAvaney et al. 2021)."""
    import ir_datasets

    try:
        found = ir_datasets.load(id)
    except KeyError as error:
        raise TokirError(f"ir_datasets has no data set {id!r}: see https://ir-datasets.com.") from error
    if not found.has_docs():
        raise TokirError(f"The ir_datasets data set {id!r} has no documents.")
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
            queries |= {query.query_id: query.default_text() for query in part.queries_iter()}
            judged = qrels.setdefault(split, {})
            for row in part.qrels_iter():
                judged.setdefault(row.query_id, {})[row.doc_id] = int(row.relevance)
    documents = (Document(doc.doc_id, *_title_and_text(doc)) for doc in found.docs_iter())
    beir.write(folder, documents, queries, qrels)


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

    tables = {name: _only(datasets.load_dataset(id, name), name) for name in ("corpus", "queries")}
    judgements: Mapping[str, Iterable[Mapping[str, Any]]] = datasets.load_dataset(f"{id}-qrels")
    try:
        qrels: dict[str, Qrels] = {}
        for split, rows in judgements.items():
            judged = qrels.setdefault(split_name(split), {})
            for row in rows:
                judged.setdefault(str(row["query-id"]), {})[str(row["corpus-id"])] = int(row["score"])
        queries = {str(row["_id"]): str(row["text"]) for row in tables["queries"]}
        beir.write(folder, _hugging_face_documents(tables["corpus"]), queries, qrels)
    except KeyError as error:
        raise TokirError(
            f"The Hugging Face data set {id!r} lacks the column {error}: expected are the configurations "
            f"corpus (_id, title, text) and queries (_id, text), and {id}-qrels (query-id, corpus-id, score)."
        ) from error


def _hugging_face_documents(rows: Iterable[Mapping[str, Any]]) -> Iterator[Document]:
    for row in rows:
        yield Document(str(row["_id"]), row.get("title") or "", str(row["text"]))


def _only(splits: Mapping[str, Any], name: str) -> Any:
    """BeIR's sets have one split per configuration, named like it."""
    return splits[name] if name in splits else next(iter(splits.values()))
