"""From what the user names to a data set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokir.data import beir, natural_questions, remote, wiki
from tokir.data.beir import Unknown
from tokir.data.dataset import Dataset
from tokir.data.files import FORMATS, cache_folder
from tokir.errors import TokirError, Unavailable, full_disk, nearest
from tokir.untrusted import expanded

BUILT_IN = ("wiki", "nq", "nq-subset")
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
    path, cache = expanded(source), cache_folder(cache)
    with _cache_in_words(cache):
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
    raise TokirError(
        f"there is no data set and no file {source!r}{nearest(source, BUILT_IN)}: name {', '.join(BUILT_IN)}, "
        "ir_datasets:<id>, hf:<id>, or the path of a BEIR folder, a .zip, or a documents file "
        f"({', '.join(FORMATS)})"
    )


@contextmanager
def _cache_in_words(cache: Path) -> Iterator[None]:
    """TokirError where the cache cannot be written to; a full disk stays the error that it is."""
    try:
        yield
    except OSError as error:
        if full_disk(error) or not error.filename:
            raise
        place, cache = Path(error.filename).absolute(), cache.absolute()
        if not place.is_relative_to(cache) and not cache.is_relative_to(place):
            raise
        raise TokirError(
            f"{place}: {error.strerror or error}: data sets are built in {cache}; name another folder with TOKIR_CACHE"
        ) from None


def absolute(source: str) -> str:
    """A source as :func:`load` reads it from any folder: a path in full, unless it is the name of a data set."""
    path = expanded(source)
    # Not where a link leads: the suffix that says the format is the link's.
    return source if _is_name(source) or not path.exists() else str(path.absolute())


def is_gone(source: str) -> bool:
    """Is it a path where there is nothing?"""
    return not _is_name(source) and not expanded(source).exists()


def _is_name(source: str) -> bool:
    return source in BUILT_IN or source.startswith(REMOTE)


def build(
    name: str,
    source: str | None = None,
    out: Path | None = None,
    *,
    passages: int = 7247,
    queries: int = 100,
    seed: int = 0,
    download: bool = False,
    cache: Path | None = None,
) -> Path:
    """Build ``nq-subset`` out of BEIR's Natural Questions and return its folder.

    Args:
        name: ``nq-subset``; every other data set is read as it is.
        source: BEIR's NQ as a folder or a zip; by default where ``nq`` lies.
        out: the folder to write; by default where ``nq-subset`` is looked for.
        passages: how many to keep.
        queries: how many to draw, by ``seed``.
        seed: for the draw.
        download: fetch NQ where it is not on this machine.
        cache: see :func:`load`.

    Raises:
        TokirError: another name, or the source is missing or not BEIR's NQ.

    """
    if name != "nq-subset":
        raise TokirError(f"there is nothing to build for {name!r}{nearest(name, ['nq-subset'])}: name nq-subset")
    cache = cache_folder(cache)
    path = expanded(source) if source else natural_questions.find(cache)
    if path is None and download:
        path = natural_questions.fetch(cache / "nq.zip")
    if path is None:
        raise Unavailable(f"nq-subset is cut from BEIR's Natural Questions: {natural_questions.remedy(cache)}")
    target = out or cache / "nq-subset"
    return natural_questions.build_subset(path, target, passages, queries, seed)
