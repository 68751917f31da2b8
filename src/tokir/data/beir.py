"""The layout of BEIR, folder or zip (Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark").

``corpus.jsonl`` (``_id``, ``title``, ``text``), ``queries.jsonl`` (``_id``, ``text``) and
``qrels/{train,dev,test}.tsv`` (query-id, corpus-id, score). Corpus and queries may as well be CSV, TSV or
Parquet; queries and qrels may be missing, and a single file of documents is a data set too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from tokir.data import corpus as corpora
from tokir.data import qrels as judgements
from tokir.data import tables
from tokir.data.corpus import Document
from tokir.data.dataset import Dataset, checksum, split_name
from tokir.data.files import FORMATS, Archive, Files, Folder, digest
from tokir.data.qrels import Qrels
from tokir.data.tables import Table
from tokir.errors import TokirError

Unknown = Literal["error", "drop"]
LISTED = 5  # unknown ids that an error names


def read(
    path: Path,
    cache: Path,
    *,
    name: str | None = None,
    source: str | None = None,
    description: str = "",
    unknown_documents: Unknown = "error",
) -> Dataset:
    """Read a folder, a zip, or one file of documents.

    Args:
        path: the folder or file.
        cache: the folder that keeps the corpus as Arrow.
        name: the data set's name; that of the folder or file, if not given.
        source: how the user named it; the path, if not given.
        description: one sentence.
        unknown_documents: whether judgements of unknown passages or queries are errors or dropped and noted.

    Raises:
        TokirError: something is missing or wrong; the sentence says where.

    """
    files, corpus_table, queries_table = layout(path)
    # The suffix belongs to the key: the same bytes can be another table as TSV than as CSV.
    key = f"{digest(files, corpus_table.name)}-{PurePosixPath(corpus_table.name).suffix[1:]}"
    corpus = corpora.store(key, lambda: tables.documents(corpus_table), corpus_table.place, cache)
    if not len(corpus):
        raise TokirError(f"{files.where(corpus_table.name)} holds no documents.")
    queries = tables.queries(queries_table) if queries_table else {}
    qrels, notes = _qrels(files, corpus, queries, unknown_documents)
    return Dataset(
        name=name or (path.resolve().name if path.is_dir() else path.stem),
        source=source or str(path),
        corpus=corpus,
        queries=queries,
        qrels=qrels,
        checksum=checksum(corpus, queries, qrels),
        description=description or f"{len(corpus):,} passages from {path}.",
        notes=notes,
    )


def layout(path: Path) -> tuple[Files, Table, Table | None]:
    """Find the tables of a data set: its files, the corpus, and the queries if there are any."""
    if path.is_dir():
        files: Files = Folder(path)
    elif path.suffix.lower() == ".zip":
        files = Archive(path)
    elif path.suffix.lower() in FORMATS:
        return (
            Folder(path.parent, only=path.name),
            Table(Folder(path.parent, only=path.name), path.name),
            None,
        )
    else:
        raise TokirError(f"{path} is no folder, no .zip and none of {', '.join(FORMATS)}.")
    corpus, queries = _table(files, "corpus"), _table(files, "queries")
    if corpus is None:
        raise TokirError(
            f"{path} holds no corpus.jsonl: the layout is corpus.jsonl, queries.jsonl and qrels/test.tsv "
            f"(corpus and queries as {', '.join(FORMATS)})."
        )
    return files, corpus, queries


def _table(files: Files, stem: str) -> Table | None:
    found = [name for name in files.names() if name in {stem + suffix for suffix in FORMATS}]
    if len(found) > 1:
        raise TokirError(f"{files.where(found[0])} and {found[1]} are both there: keep one of them.")
    return Table(files, found[0]) if found else None


def _qrels(
    files: Files, corpus: corpora.Corpus, queries: Mapping[str, str], unknown: Unknown
) -> tuple[dict[str, Qrels], tuple[str, ...]]:
    """Read all judgements and hold them against what there is: (qrels by split, notes)."""
    names: dict[str, str] = {}
    for file in files.names():
        if file.startswith("qrels/") and file.endswith(".tsv") and file.count("/") == 1:
            split = split_name(PurePosixPath(file).stem)
            if split in names:
                raise TokirError(f"{files.where(file)} and {names[split]} both hold {split}: keep one of them.")
            names[split] = file
    if names and not queries:
        raise TokirError(f"{files.where(names[min(names)])} judges queries but there is no queries.jsonl.")
    by_split = {split: judgements.read(files, file) for split, file in names.items()}
    judged = {passage for qrels in by_split.values() for row in qrels.values() for passage in row}
    passages = corpus.present(judged)
    notes: list[str] = []
    for split, file in names.items():
        place = files.where(file)
        kept = _known(by_split[split], queries, passages, place, unknown)
        if dropped := sum(map(len, by_split[split].values())) - sum(map(len, kept.values())):
            notes.append(f"{dropped} judgements of {place} name unknown passages or queries and were dropped.")
        if not any(judgements.relevant(row) for row in kept.values()):
            raise TokirError(f"{place} names no relevant passage (score of 1 or more) for any query.")
        by_split[split] = kept
    return by_split, tuple(notes)


def _known(qrels: Qrels, queries: Mapping[str, str], passages: set[str], place: str, unknown: Unknown) -> Qrels:
    """The judgements of known queries and passages; raises ``TokirError`` if others are errors."""
    unknown_ids = {
        "queries": qrels.keys() - queries.keys(),
        "passages": {passage for row in qrels.values() for passage in row} - passages,
    }
    for kind, ids in unknown_ids.items():
        if ids and unknown == "error":
            raise TokirError(
                f"{place} names {_some(ids)} unknown {kind}: add them, or drop their judgements with "
                "--set data.unknown_documents=drop."
            )
    kept = {q: {p: s for p, s in row.items() if p in passages} for q, row in qrels.items() if q in queries}
    return {query: row for query, row in kept.items() if row}


def _some(ids: Iterable[str]) -> str:
    """How many, and the first few: ``2 (p8, p9)``."""
    ordered = sorted(set(ids))
    return f"{len(ordered)} ({', '.join(ordered[:LISTED])}{', ...' if len(ordered) > LISTED else ''})"


def write(
    folder: Path, documents: Iterable[Document], queries: Mapping[str, str], qrels: Mapping[str, Qrels]
) -> None:
    """Write a data set in BEIR's layout into an existing folder; `read` reads the same contents back."""
    write_documents(folder, documents)
    write_queries(folder, queries, qrels)


def write_documents(folder: Path, documents: Iterable[Document]) -> None:
    """Stream the corpus of a data set into an existing folder."""
    with (folder / "corpus.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        for id, title, text in documents:
            stream.write(_line({"_id": id, "title": title, "text": text}))


def write_queries(folder: Path, queries: Mapping[str, str], qrels: Mapping[str, Qrels]) -> None:
    """Write the queries and the judgements, by split, of a data set into an existing folder."""
    with (folder / "queries.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(_line({"_id": id, "text": text}) for id, text in queries.items())
    (folder / "qrels").mkdir()
    for split, judged in qrels.items():
        with (folder / "qrels" / f"{split}.tsv").open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(judgements.write(judged))


def _line(fields: Mapping[str, str]) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"
