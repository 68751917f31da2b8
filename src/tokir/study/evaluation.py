"""One system evaluated: ranked, scored and timed, on the queries as they are and perturbed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokir.artifacts import Names, write_json
from tokir.data import Split
from tokir.errors import Unavailable
from tokir.evaluation.hits import hits
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.latency import measure_latency
from tokir.evaluation.measures import score_queries, shared_first
from tokir.evaluation.perturbations import perturbed
from tokir.evaluation.registry import HEADLINE
from tokir.results.seeds import Evaluated
from tokir.results.systems import Percentiles
from tokir.retrieval.ranking import Ranking
from tokir.retrieval.searchers import Searcher
from tokir.study.context import Context
from tokir.study.engines.orders import Question
from tokir.study.fusions import Fusions
from tokir.study.rankings import Rankings
from tokir.study.rows import Rows, unavailable
from tokir.study.searchers import Searchers
from tokir.study.selection import Selection
from tokir.systems import BaselineSystem, FusionSystem, System, TrainedSystem, tokenizer_of

PERTURBED_DEPTH = 100  # passages ranked for a perturbed query; recall@10 needs no more


@dataclass(frozen=True)
class Evaluation:
    """Evaluates the systems of a study on ``split``."""

    context: Context
    searchers: Searchers
    rankings: Rankings
    selection: Selection
    fusions: Fusions
    rows: Rows
    split: Split

    def ahead(self, systems: Sequence[System]) -> None:
        """Let an engine that works ahead answer what the systems are to be asked, all at once; fusions ask those."""
        single = [system for system in systems if not isinstance(system, FusionSystem)]
        if self.context.engine.ahead:
            self.context.engine.search([question for system in single for question in self._missing(system)])

    def _missing(self, system: System) -> Iterator[Question]:
        """What is to be asked for the run files of a system that are not there."""
        try:
            inputs = self._inputs(system)
            tuned = list(self.selection.missing(system)) if tokenizer_of(system) is not None else []
        except Unavailable:
            return
        runs = [self._perturbed_run(system, inputs, kind) for kind in self.context.config.evaluation.robustness]
        runs.append((Names.ranking(system.id), inputs, self.split.queries, self.context.config.evaluation.depth))
        wanted = [
            (self.split, *run[2:]) for run in runs if run and not self.context.folder.holds([run[0]], run[1])
        ]
        wanted += [(split, split.queries, depth) for split, depth in tuned]
        for split, queries, depth in wanted:
            yield Question(system.id, tuple(queries.values()), depth + bool(split.own_passages))

    def evaluate(self, system: System, again: bool) -> Evaluated:
        """The row of a system with the scores of every query.

        Args:
            system: to evaluate; the members of a fusion have been evaluated before.
            again: measure latency once more, even where it was measured before.
        """
        try:
            return self._evaluate(system, again)
        except Unavailable as error:
            self.context.progress.say(f"{system.id}: unavailable: {error}")
            return Evaluated(unavailable(self.rows.row(system), str(error)))
        finally:
            if not self.context.config.fusions:  # whose members are asked again
                self.context.opener.release()

    def _evaluate(self, system: System, again: bool) -> Evaluated:
        self.context.progress.say(f"{system.id}: ranking {len(self.split.queries):,} queries")
        inputs, name = self._inputs(system), self._run_file(system)
        latency = self._latency(system, inputs, again)
        kinds = self.context.config.evaluation.robustness
        found = {kind: self._perturbed(system, inputs, kind) for kind in kinds}
        recalls = {kind: recalls for kind, recalls in found.items() if recalls is not None}
        ranking = self.rankings.read(name)
        row = self.rows.row(system).model_copy(
            update={
                "latency_ms": latency,
                "validation_recall": self._validation_recall(system),
                "index_recall": self._index_recall(system, ranking),
            }
        )
        return Evaluated(row, score_queries(ranking, self.judgements), hits(ranking, self.judgements), recalls)

    @cached_property
    def judgements(self) -> Judgements:
        """Of the split, over the corpus."""
        return Judgements.of(self.split.qrels, self.context.dataset.corpus.ids)

    def _validation_recall(self, system: System) -> float | None:
        """Of systems that have a tokenizer of the study: the configuration of the verdict is chosen by it."""
        if isinstance(system, FusionSystem):
            return self.fusions.recall(system)
        return None if tokenizer_of(system) is None else self.selection.recall(system)

    def _index_recall(self, system: System, ranking: Ranking) -> float | None:
        """Of what exact search over the same vectors ranks first, the share that ``ranking`` does; None for itself."""
        if not isinstance(system, TrainedSystem | BaselineSystem) or system.index.whole:
            return None
        try:
            exact = self._run_file(system.whole)
        except Unavailable:  # the model that encoded the queries has gone since
            return None
        return shared_first(self.rankings.read(exact), ranking)

    def _searcher(self, system: System) -> Searcher:
        if isinstance(system, FusionSystem):
            self.fusions.make(system)
            return self.context.opener.searcher(system.id)
        return self.searchers.searcher(system)

    def _inputs(self, system: System) -> dict[str, Any]:
        """What its ranked lists depend on; whatever it answers from is made if it is missing."""
        made = self.fusions.inputs(system) if isinstance(system, FusionSystem) else self.searchers.inputs(system)
        return {
            "system": made,
            "corpus": self.context.dataset.corpus.checksum,
            "queries": self.split.queries,
            "depth": self.context.config.evaluation.depth,
        }

    def _run_file(self, system: System) -> str:
        """The run file of the scored queries, written if it is missing."""
        inputs = self._inputs(system)
        return self.rankings.ensure(Names.ranking(system.id), system.id, inputs, lambda: self._rank(system))

    def _rank(self, system: System) -> Ranking:
        if isinstance(system, FusionSystem):
            return self.fusions.rank(system, self.split, self._run_file)
        depth = self.context.config.evaluation.depth
        return self.rankings.rank(self._searcher(system), self.split.queries, depth, self.split.own_passages)

    def _rank_others(self, system: System, queries: dict[str, str], depth: int) -> Ranking:
        """Ranked lists of queries that are not those of the split, but have their ids."""
        own = self.split.own_passages
        if isinstance(system, FusionSystem):
            return self.fusions.rank_others(system, queries, depth, own)
        return self.rankings.rank(self._searcher(system), queries, depth, own)

    def _latency(self, system: System, inputs: Any, again: bool) -> dict[str, Percentiles]:
        folder, name = self.context.folder, Names.latency(system.id)
        timed = list(self.split.queries.values())[: self.context.config.evaluation.latency_queries]
        if again:
            folder.forget([name])
        folder.ensure(
            [name],
            {**inputs, "timed": len(timed), "device": self.context.device.type},
            lambda: write_json(folder.file(name), measure_latency(timed, self._searcher(system).stages())),
        )
        return {stage: Percentiles.model_validate(times) for stage, times in folder.read_json(name).items()}

    def _perturbed(self, system: System, inputs: dict[str, Any], kind: str) -> list[float] | None:
        """Recall@10 of each query under a perturbation; None where it changes no query, and so says nothing."""
        run = self._perturbed_run(system, inputs, kind)
        if run is None:
            return None
        name, inputs, changed, depth = run
        self.rankings.ensure(
            name,
            system.id,
            inputs,
            lambda: self._rank_others(system, changed, depth),
        )
        return score_queries(self.rankings.read(name), self.judgements)[HEADLINE]

    @cached_property
    def _changed(self) -> dict[str, dict[str, str]]:
        """The queries under each perturbation, which are the same for every system."""
        settings = self.context.config.evaluation
        return {kind: perturbed(self.split.queries, kind, settings.seed) for kind in settings.robustness}

    def _perturbed_run(
        self, system: System, inputs: dict[str, Any], kind: str
    ) -> tuple[str, dict[str, Any], dict[str, str], int] | None:
        """The run file of a perturbation, what it depends on, its queries and depth; None where it changes none."""
        changed = self._changed[kind]
        if changed == self.split.queries:
            return None
        inputs = {**inputs, "queries": list(changed.values()), "depth": PERTURBED_DEPTH}
        return Names.ranking(system.id, kind), inputs, changed, PERTURBED_DEPTH
