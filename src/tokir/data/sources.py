"""From what the user names to a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import TokirError, nearest
from . import beir, natural_questions, remote, wiki
from .beir import Unknown
from .dataset import Dataset
from .files import FORMATS, cache_folder

REMOTE = ("ir_datasets:", "hf:")


@dataclass(frozen=True)
class BuiltIn:
    """A data set with a name of its own; ``remedy`` says how to get one that is not on this machine."""

    name: str
    description: str
    available: bool
    remedy: str = ""


def names(cache: Path | None = None) -> tuple[BuiltIn, ...]:
    """The built-in data sets, and which of them are on this machine."""
    cache = cache_folder(cache)
    nq, subset = natural_questions.find(cache), natural_questions.find_subset(cache)
    return (
        BuiltIn("wiki", wiki.DESCRIPTION, wiki.find() is not None, "pip install gensim"),
        BuiltIn("nq", natural_questions.DESCRIPTION, nq is not None, natural_questions.remedy(cache)),
        BuiltIn(
            "nq-subset",
            natural_questions.SUBSET_DESCRIPTION,
            subset is not None,
            natural_questions.subset_remedy(),
        ),
    )


def load(
    source: str,
    *,
    unknown_documents: Unknown = "error",
    cache: Path | None = None,
    download: bool = False,
) -> Dataset:
    """Load a data set.

    Args:
        source: ``wiki``, ``nq``, ``nq-subset``, ``ir_datasets:<id>``, ``hf:<id>``, or the path of a BEIR
            folder, of a zip of one, or of a file of documents (JSONL, CSV, TSV, Parquet).
        unknown_documents: judgements that name unknown passages or queries are an error, or are dropped
            and counted in ``Dataset.notes``.
        cache: the folder for what is built once; see `tokir.data.files.cache_folder`.
        download: fetch ``nq`` (about half a gigabyte) where it is not on this machine.

    Raises:
        TokirError: the source is unknown, or something in it is missing or wrong.
        Unavailable: the data set is not on this machine.

    """
    path, cache = Path(source).expanduser(), cache_folder(cache)
    if source == "wiki":
        return wiki.read(cache)
    if source == "nq":
        return natural_questions.read(cache, download=download, unknown_documents=unknown_documents)
    if source == "nq-subset":
        return natural_questions.read_subset(cache)
    if source.startswith(REMOTE):
        return remote.read(source, cache, unknown_documents)
    if path.exists():
        return beir.read(path, cache, unknown_documents=unknown_documents)
    known = ("wiki", "nq", "nq-subset")
    raise TokirError(
        f"There is no data set and no file {source!r}{nearest(source, known)}: name {', '.join(known)}, "
        "ir_datasets:<id>, hf:<id>, or the path of a BEIR folder, a .zip, or a documents file "
        f"({', '.join(FORMATS)})."
    )
