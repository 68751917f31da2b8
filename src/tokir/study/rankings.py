"""Ranked lists as run files: each system's, of any queries, written where they are missing and read back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tokir.retrieval.index import Hits
from tokir.retrieval.ranking import Ranking, read_run, write_run
from tokir.retrieval.searchers import Searcher
from tokir.study.context import Context

KEPT = 1 << 27  # bytes of the lists that were used last
NOTHING = Hits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


class Rankings:
    """Run files of one study; what was read or written last is kept, since scores and fusions ask for it again."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._kept: OrderedDict[str, Ranking] = OrderedDict()

    def rank(self, searcher: Searcher, queries: Mapping[str, str], depth: int, own: Sequence[str] = ()) -> Ranking:
        """Ranked lists of ``queries`` (id to text), ``depth`` passages each.

        Args:
            searcher: finds the passages.
            queries: to rank for.
            depth: passages of each list.
            own: ids of the queries that are passages too; each list is without its own one.
        """
        ranking = Ranking.of(queries, searcher.search(list(queries.values()), depth + bool(own)))
        return ranking.without(own, self.context.dataset.corpus.ids, depth) if own else ranking

    def ensure(self, name: str, system: str, inputs: Any, make: Callable[[], Ranking]) -> str:
        """Write the run file ``name`` of what ``make`` returns, unless it is there."""

        def write() -> None:
            ranking = make()
            write_run(self.context.folder.file(name), ranking, self.context.dataset.corpus.ids, system)
            self._keep(name, ranking)

        self.context.folder.ensure([name], inputs, write)
        return name

    def read(self, name: str) -> Ranking:
        """The ranked lists of a run file; queries that found nothing may be missing."""
        ranking = self._kept.pop(name, None)
        if ranking is None:
            ranking = read_run(self.context.folder.file(name), self.context.dataset.corpus.ids)
        self._keep(name, ranking)
        return ranking

    def read_hits(self, name: str, queries: Iterable[str]) -> list[Hits]:
        """The ranked list of each of ``queries``, by position in the corpus; empty where there is none."""
        ranking = self.read(name)
        found = dict(zip(ranking.queries, ranking.lists(), strict=True))
        return [found.get(query, NOTHING) for query in queries]

    def _keep(self, name: str, ranking: Ranking) -> None:
        self._kept[name] = ranking
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > KEPT:
            self._kept.popitem(last=False)
