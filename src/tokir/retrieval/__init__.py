"""Vectors or terms to ranked lists."""

from tokir.retrieval.ranking import Ranking, read_run, top, write_qrels, write_run

__all__ = ["Ranking", "read_run", "top", "write_qrels", "write_run"]
