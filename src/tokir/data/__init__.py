"""Data sets: passages, queries and relevance judgements, read from wherever they lie."""

from __future__ import annotations

from .dataset import Corpus, Dataset, Document, EvaluationSplits, Split
from .sources import BuiltIn, load, names

__all__ = ["BuiltIn", "Corpus", "Dataset", "Document", "EvaluationSplits", "Split", "load", "names"]
