"""Data sets: passages, queries and relevance judgements, read from wherever they lie."""

from __future__ import annotations

from tokir.data.dataset import Corpus, Dataset, Document, EvaluationSplits, Split
from tokir.data.sources import BuiltIn, build, load, names

__all__ = ["BuiltIn", "Corpus", "Dataset", "Document", "EvaluationSplits", "Split", "build", "load", "names"]
