"""Natural Questions as BEIR prepared it (Kwiatkowski et al. 2019; Thakur et al. 2021), whole or a subset.

2,681,468 Wikipedia passages and 3,452 test queries. The subset has the shape of small studies: 7,247
passages, 100 queries.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from tokir.artifacts import atomic
from tokir.artifacts.own_folder import own_folder
from tokir.data import beir, qrels, tables
from tokir.data.beir import Unknown
from tokir.data.corpus import Document
from tokir.data.dataset import Dataset, draw
from tokir.data.files import one_builder
from tokir.data.tables import Table
from tokir.errors import TokirError, Unavailable, full_disk

ADDRESS = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets/nq.zip"
MD5 = "d4d3d2e48787a744b6f6e691ff534307"
DESCRIPTION = "BEIR Natural Questions: 2.7 million Wikipedia passages, 3,452 test queries."
SUBSET_DESCRIPTION = (
    "The first passages of BEIR Natural Questions (7,247 by default) and queries they answer (100)."
)


def find(cache: Path) -> Path | None:
    """Where BEIR's NQ lies: ``nq.zip`` or ``nq/`` in the cache folder; None if neither is there."""
    return next((path for path in (cache / "nq", cache / "nq.zip") if path.exists()), None)


def find_subset(cache: Path) -> Path | None:
    """Where the built subset lies: ``nq-subset/`` in the cache folder; None if it is not there."""
    path = cache / "nq-subset"
    return path if path.is_dir() else None


def remedy(cache: Path) -> str:
    """How to get NQ."""
    return f"put nq.zip from {ADDRESS} into {cache}, or add --download to `tokir data show nq` (about half a gigabyte)"


def subset_remedy() -> str:
    """How to get the subset."""
    return "build it from BEIR's nq.zip with `tokir data build nq-subset`"


def read(cache: Path, *, download: bool = False, unknown_documents: Unknown = "error") -> Dataset:
    """Load NQ from the cache folder; with ``download``, fetch it there first.

    Raises:
        Unavailable: it is not on this machine, or cannot be fetched.

    """
    path = find(cache)
    if path is None:
        if not download:
            raise Unavailable(f"the data set 'nq' is not on this machine: {remedy(cache)}")
        path = fetch(cache / "nq.zip")
    return beir.read(
        path, cache, name="nq", source="nq", description=DESCRIPTION, unknown_documents=unknown_documents
    )


def read_subset(cache: Path) -> Dataset:
    """Load the subset built in the cache folder; raises ``Unavailable`` where there is none."""
    path = find_subset(cache)
    if path is None:
        raise Unavailable(f"the data set 'nq-subset' is not on this machine: {subset_remedy()}")
    return beir.read(path, cache, name="nq-subset", source="nq-subset", description=SUBSET_DESCRIPTION)


def fetch(target: Path, address: str = ADDRESS, md5: str = MD5) -> Path:
    """Download the zip, checked while it streams: a damaged one never takes the name ``target``.

    Raises:
        Unavailable: the network fails, or the bytes are not those of the published zip.

    """
    hasher = hashlib.md5(usedforsecurity=False)  # what BEIR publishes
    with one_builder(target):
        if target.exists():  # another process has fetched it meanwhile
            return target
        try:
            with atomic(target, "wb") as partial, urllib.request.urlopen(address, timeout=60) as response:
                while block := response.read(1 << 20):
                    hasher.update(block)
                    partial.write(block)
                if hasher.hexdigest() != md5:
                    raise Unavailable(f"{address} gave other bytes than published (md5 {md5}): try again")
        except (OSError, HTTPException) as error:  # URLError and time-outs are OSErrors
            if full := full_disk(error):
                raise full from None
            reason = getattr(error, "reason", None) or error
            raise Unavailable(
                f"{address} cannot be fetched ({reason}): put the zip at {target} by hand"
            ) from error
    return target


def build_subset(
    source_path: Path, out_dir: Path, passages: int = 7247, queries: int = 100, seed: int = 0
) -> Path:
    """Write the passages of NQ's first titles, and queries that they answer, as a BEIR folder.

    The corpus is read once, in its order, where the passages of a title follow one another; reading stops at
    exactly ``passages``, so the last title may be cut short. A query is eligible when every passage relevant
    to it is kept, so one that a cut title's missing passages answer is not. Of the eligible queries
    ``queries`` are drawn by ``seed``.

    Args:
        source_path: BEIR's NQ as a folder or a zip.
        out_dir: where to write; an earlier subset there is replaced as a whole, and only on success.
        passages: how many to keep.
        queries: how many to draw.
        seed: for the draw.

    Raises:
        TokirError: the source has fewer passages, or fewer queries are eligible; or ``out_dir`` holds what was not
            made here.

    """
    files, corpus, queries_table = beir.layout(source_path)
    file = "qrels/test.tsv"
    if queries_table is None or file not in files.names():
        raise TokirError(f"{source_path} holds no queries.jsonl and {file}: it is not BEIR's NQ")
    judged = {query: row for query, row in qrels.read(files, file).items() if qrels.relevant(row)}
    left = Counter({query: len(qrels.relevant(row)) for query, row in judged.items()})
    answers: dict[str, list[str]] = {}  # passage -> queries it is relevant to
    for query, row in judged.items():
        for passage in qrels.relevant(row):
            answers.setdefault(passage, []).append(query)
    kept = 0

    def first(table: Table) -> Iterator[Document]:
        nonlocal kept
        for _, document in tables.documents(table):
            kept += 1
            left.subtract(answers.get(document.id, ()))
            yield document
            if kept == passages:
                return

    with own_folder(out_dir, "build", {"data": "nq-subset"}) as folder:
        beir.write_documents(folder, first(corpus))
        if kept < passages:
            raise TokirError(f"{files.where(corpus.name)} has only {kept} of the {passages} passages asked for")
        texts = tables.queries(queries_table)
        eligible = [query for query in judged if left[query] == 0 and query in texts]
        if len(eligible) < queries:
            raise TokirError(
                f"only {len(eligible)} of the {queries} queries asked for have all their relevant passages "
                f"among the first {passages} of {files.where(corpus.name)}: keep more passages"
            )
        drawn = draw(eligible, queries, seed)
        chosen = {query: texts[query] for query in judged if query in drawn}
        beir.write_queries(folder, chosen, {"test": {query: _relevant(judged[query]) for query in chosen}})
    return out_dir


def _relevant(row: dict[str, int]) -> dict[str, int]:
    """A query's judgements without those of irrelevant passages, which may lie outside the subset."""
    return {passage: score for passage, score in row.items() if score > 0}
