"""The layout of BEIR, folder or zip (Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark").

``corpus.jsonl`` (``_id``, ``title``, ``text``), ``queries.jsonl`` (``_id``, ``text``) and
``qrels/{train,dev,test}.tsv`` (query-id, corpus-id, score). Corpus and queries may as well be CSV, TSV or
Parquet; queries and qrels may be missing, and a single file of documents is a data set too. Names are taken
in any case (``test.TSV``); hidden files are nobody's data.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from tokir.artifacts import atomic, write_text
from tokir.data import corpus as corpora
from tokir.data import qrels as judgements
from tokir.data import tables
from tokir.data.corpus import Document
from tokir.data.dataset import Dataset, checksum, split_name
from tokir.data.files import FORMATS, Archive, Files, Folder, SourceFile, digest, is_table
from tokir.data.qrels import Qrels
from tokir.data.tables import Table
from tokir.errors import TokirError

Unknown = Literal["error", "drop"]
SPLITS = ("train", "dev", "test")
LISTED = 5  # unknown ids that an error names
READERS = 3  # counted up when a reader takes other rows or refuses more, so that no corpus read before is used


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
    found = _judgement_files(files)
    # Before anything is read: what changes from here on counts as a change.
    tables_read = [table.name for table in (corpus_table, queries_table) if table]
    sources = files.sources([*tables_read, *found.by_split.values()])
    # The suffix belongs to the key: the same bytes can be another table as TSV than as CSV.
    key = f"{digest(files, corpus_table.name)}-{corpus_table.suffix[1:]}-{READERS}"
    corpus = corpora.store(key, lambda: _unchanged(corpus_table, sources[0]), corpus_table.location, cache)
    if not len(corpus):
        raise TokirError(f"{files.where(corpus_table.name)} holds no documents")
    if found.by_split and not queries_table:
        first = found.by_split[min(found.by_split)]
        raise TokirError(f"{files.where(first)} judges queries but there is no queries.jsonl")
    queries = tables.queries(queries_table) if queries_table else {}
    if found.by_split and queries_table and not queries:
        header = "" if queries_table.suffix in (".jsonl", ".parquet") else " below its header"
        raise TokirError(f"{files.where(queries_table.name)} holds no queries{header}")
    judged = {split: judgements.read(files, file) for split, file in found.by_split.items()}
    named = {passage for qrels in judged.values() for row in qrels.values() for passage in row}
    passages = corpus.positions(named | queries.keys()).keys()
    kept, notes = _held_against(judged, found.by_split, files, queries, passages, unknown_documents)
    return Dataset(
        name=name or (path.resolve().name if path.is_dir() else path.stem),
        source=source or str(path),
        corpus=corpus,
        queries=queries,
        qrels=kept,
        checksum=checksum(corpus, queries, kept),
        description=description or f"{len(corpus):,} passages from {path}.",
        notes=(
            *(f"{files.where(file)} is not read: judgements are read from qrels/*.tsv." for file in found.unread),
            *notes,
        ),
        own_passages=frozenset(queries.keys() & passages),
        unread={_split_of(file): files.where(file) for file in reversed(found.unread)},
        files=sources,
    )


def _unchanged(table: Table, before: SourceFile) -> Iterator[tuple[int, Document]]:
    """Its documents; TokirError where the file has changed since it was hashed, which is another pass over it."""
    yield from tables.documents(table)
    if before.has_changed():
        raise TokirError(f"{table.files.where(table.name)} changed while it was read: run again when it is whole")


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
        raise TokirError(f"{path} is not a folder, a .zip or one of {', '.join(FORMATS)}")
    corpus, queries = _table(files, "corpus"), _table(files, "queries")
    if corpus is None:
        raise TokirError(
            f"{path} holds no corpus.jsonl: the layout is corpus.jsonl, queries.jsonl and qrels/test.tsv "
            f"(corpus and queries as {', '.join(FORMATS)})"
        )
    return files, corpus, queries


def _table(files: Files, stem: str) -> Table | None:
    found = [name for name in files.names() if is_table(name, stem)]
    if len(found) > 1:
        raise TokirError(f"{files.where(found[0])} and {found[1]} are both there: keep one of them")
    return Table(files, found[0]) if found else None


class _JudgementFiles(NamedTuple):
    by_split: dict[str, str]  # split -> the file that judges it
    unread: list[str]  # files that may hold judgements, in a format or a folder that is not read


def _judgement_files(files: Files) -> _JudgementFiles:
    """Find the judgements: ``qrels/*.tsv``, and what else lies in ``qrels/`` or is called ``qrels.*`` or as a split."""
    found = _JudgementFiles({}, [])
    for file in files.names():
        path = PurePosixPath(file)
        if any(part.startswith(".") for part in path.parts):
            continue
        folder, inside = path.parts[0].lower(), len(path.parts) - 1
        if folder == "qrels" and inside == 1 and path.suffix.lower() == ".tsv":
            split = split_name(path.stem)
            if split in found.by_split:
                raise TokirError(
                    f"{files.where(file)} and {found.by_split[split]} both hold {split}: keep one of them"
                )
            found.by_split[split] = file
        elif folder == "qrels" or (not inside and (folder.startswith("qrels.") or _is_split(path))):
            found.unread.append(file)
    return found


def _is_split(path: PurePosixPath) -> bool:
    """Is it a table named after a split, which belongs into ``qrels/``?"""
    return path.suffix.lower() == ".tsv" and split_name(path.stem) in SPLITS


def _split_of(file: str) -> str:
    """The split that judgements in another format are of: of ``qrels/test.tsv.gz`` and ``qrels/test/part-0`` test."""
    names = [split_name(part.partition(".")[0]) for part in reversed(PurePosixPath(file).parts)]
    return next((name for name in names if name in SPLITS), names[0])


def _held_against(
    judged: Mapping[str, Qrels],
    by_split: Mapping[str, str],
    files: Files,
    queries: Mapping[str, str],
    passages: Collection[str],
    unknown: Unknown,
) -> tuple[dict[str, Qrels], list[str]]:
    """Hold all judgements against the queries and passages there are: (those that remain, notes)."""
    kept: dict[str, Qrels] = {}
    notes: list[str] = []
    for split, qrels in judged.items():
        path = files.where(by_split[split])
        kept[split] = _known(qrels, queries, passages, path, unknown)
        all_ = sum(map(len, qrels.values()))
        dropped = all_ - sum(map(len, kept[split].values()))
        if dropped == 1:
            notes.append(f"1 judgement of {path} names an unknown passage or query and was dropped.")
        elif dropped:
            notes.append(f"{dropped} judgements of {path} name unknown passages or queries and were dropped.")
        if all_ and dropped == all_:
            raise TokirError(
                f"{path}: all of its {all_:,} judgements name unknown passages or queries: its lines are "
                "`query-id<tab>corpus-id<tab>score`, with ids of the queries' file and of the corpus"
            )
        answered = sum(bool(judgements.relevant(row)) for row in kept[split].values())
        if not answered:
            raise TokirError(f"{path} names no relevant passage (score of 1 or more) for any query")
        judged_here = sum(query in queries for query in qrels)
        if left := judged_here - answered:
            have = "has no relevant passage and is" if left == 1 else "have no relevant passage and are"
            notes.append(f"{left} of {judged_here} judged queries of {split} {have} left out.")
    return kept, notes


def _known(
    qrels: Qrels, queries: Mapping[str, str], passages: Collection[str], path: str, unknown: Unknown
) -> Qrels:
    """The judgements of known queries and passages; raises ``TokirError`` if others are errors."""
    unknown_ids = {
        "queries": qrels.keys() - queries.keys(),
        "passages": {passage for row in qrels.values() for passage in row if passage not in passages},
    }
    for kind, ids in unknown_ids.items():
        if ids and unknown == "error":
            raise TokirError(
                f"{path} names {_some(ids)} unknown {kind}: add them, or drop their judgements with "
                "--set data.unknown_documents=drop"
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
    with atomic(folder / "corpus.jsonl") as stream:
        for id, title, text in documents:
            stream.write(_line({"_id": id, "title": title, "text": text}))


def write_queries(folder: Path, queries: Mapping[str, str], qrels: Mapping[str, Qrels]) -> None:
    """Write the queries and the judgements, by split, of a data set into an existing folder."""
    with atomic(folder / "queries.jsonl") as stream:
        stream.writelines(_line({"_id": id, "text": text}) for id, text in queries.items())
    for split, judged in qrels.items():
        write_text(folder / "qrels" / f"{split}.tsv", judgements.write(judged))


def _line(fields: Mapping[str, str]) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"
