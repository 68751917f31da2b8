"""What each system reaches on the validation queries, and which of them is best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tokir.artifacts import Names
from tokir.data import Split
from tokir.errors import Unavailable
from tokir.evaluation import tuning
from tokir.study.context import Context
from tokir.study.rankings import Rankings
from tokir.study.searchers import Searchers
from tokir.systems import System, TrainedSystem, candidates

QUERIES = "validation"


class Selection:
    """Choices among systems, made on the validation queries alone."""

    def __init__(self, context: Context, searchers: Searchers, rankings: Rankings) -> None:
        self.context, self.searchers, self.rankings = context, searchers, rankings
        self._recall: dict[str, float] = {}

    def run_file(self, system: System) -> str:
        """The system's ranked lists of the validation queries, written if they are missing."""
        validation, depth, inputs = self._asked(system)
        return self.rankings.ensure(
            Names.ranking(system.id, QUERIES),
            system.id,
            inputs,
            lambda: self.rankings.rank(
                self.searchers.searcher(system), validation.queries, depth, validation.own_passages
            ),
        )

    def missing(self, system: System) -> Iterator[tuple[Split, int]]:
        """The validation queries and how deep they are to be ranked, unless that run file is there."""
        if self.context.validation is not None:
            validation, depth, inputs = self._asked(system)
            if not self.context.folder.holds([Names.ranking(system.id, QUERIES)], inputs):
                yield validation, depth

    def _asked(self, system: System) -> tuple[Split, int, dict[str, Any]]:
        """Which queries, how deep, and what the run file depends on."""
        validation, config = self.context.validation, self.context.config
        assert validation is not None
        # A fusion reads as much of its members here as it does of the scored queries.
        depth = config.evaluation.depth if config.fusions else tuning.DEPTH
        inputs = {
            "system": self.searchers.inputs(system),
            "validation": self.context.validation_inputs,
            "depth": depth,
        }
        return validation, depth, inputs

    def recall(self, system: System) -> float | None:
        """Recall@10 of a single system on the validation queries; None where there are none."""
        judgements = self.context.validation_judgements
        if judgements is None:
            return None
        if system.id not in self._recall:
            self._recall[system.id] = tuning.recall(self.rankings.read(self.run_file(system)), judgements)
        return self._recall[system.id]

    def best(self, name: str = "best", taken: Iterable[TrainedSystem] = ()) -> TrainedSystem:
        """The trained system with the best recall@10 on the validation queries; without them the first.

        Of several seeds the mean counts, or the luckiest training would win; the first of them is taken.

        ``name`` is one of ``BEST``; what it may stand for: :func:`tokir.systems.candidates`. It stands for what is
        ``taken`` only if there is nothing else.
        """
        found, others = candidates(self.context.config, name), {_without_seed(system) for system in taken}
        found = [system for system in found if _without_seed(system) not in others] or found
        if self.context.validation is None:
            return found[0]
        recalls: dict[tuple[str, str], list[float]] = {}
        for system in found:
            recalls.setdefault(_without_seed(system), []).append(self._usable_recall(system))
        best = max(recalls, key=lambda name: sum(recalls[name]) / len(recalls[name]))
        return next(system for system in found if _without_seed(system) == best)

    def _usable_recall(self, system: TrainedSystem) -> float:
        try:
            return self.recall(system) or 0.0
        except Unavailable:
            return -1.0


def _without_seed(system: TrainedSystem) -> tuple[str, str]:
    return system.model.trained, str(system.pooling)
