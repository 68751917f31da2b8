"""Data sets: passages, queries and relevance judgements, read from wherever they lie."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokir.data.corpus import Corpus, Document
    from tokir.data.dataset import Dataset, EvaluationSplits, Split
    from tokir.data.sources import build, load, names

__all__ = [
    "Corpus",
    "Dataset",
    "Document",
    "EvaluationSplits",
    "Split",
    "build",
    "load",
    "names",
]

_MODULES = {
    "Corpus": "corpus",
    "Document": "corpus",
    "Dataset": "dataset",
    "EvaluationSplits": "dataset",
    "Split": "dataset",
    "build": "sources",
    "load": "sources",
    "names": "sources",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is first asked for: who reads a stored corpus needs none of the readers."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
