"""Ranked lists as run files: each system's, of any queries, written where they are missing and read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tokir.retrieval.index import Hits, by_query
from tokir.retrieval.ranking import Ranking, read_run, write_run
from tokir.retrieval.searchers import Searcher
from tokir.study.context import Context


class Rankings:
    """Run files of one study."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def rank(self, searcher: Searcher, queries: Mapping[str, str], depth: int, own: Sequence[str] = ()) -> Ranking:
        """Ranked lists of ``queries`` (id to text), ``depth`` passages each.

        Args:
            searcher: finds the passages.
            queries: to rank for.
            depth: passages of each list.
            own: ids of the queries that are passages too; each list is without its own one.
        """
        hits = searcher.search(list(queries.values()), depth + bool(own))
        ranking = by_query(hits, list(queries), self.context.dataset.corpus.ids, own)
        if own:
            ranking = {query: dict(list(found.items())[:depth]) for query, found in ranking.items()}
        return ranking

    def ensure(self, name: str, system: str, inputs: Any, make: Callable[[], Ranking]) -> str:
        """Write the run file ``name`` of what ``make`` returns, unless it is there."""
        path = self.context.folder.file(name)
        self.context.folder.ensure([name], inputs, lambda: write_run(path, make(), system))
        return name

    def read(self, name: str) -> Ranking:
        """The ranked lists of a run file."""
        return read_run(self.context.folder.file(name))

    def read_hits(self, name: str, queries: Mapping[str, str]) -> list[Hits]:
        """The ranked list of each of ``queries``, by position in the corpus; empty where there is none."""
        positions, ranking = self.context.positions, self.read(name)
        return [
            Hits(
                np.fromiter((positions[passage] for passage in found), np.int64, len(found)),
                np.fromiter(found.values(), np.float32, len(found)),
            )
            for found in (ranking.get(query, {}) for query in queries)
        ]
