"""Fusions: joined from the ranked lists of their members, with weights chosen on the validation queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tokir.artifacts import Names, write_json
from tokir.config import BEST
from tokir.data import Split
from tokir.errors import Unavailable
from tokir.evaluation import tuning
from tokir.retrieval.files import FusionFiles
from tokir.retrieval.fusion import fuse, join
from tokir.retrieval.index import Hits
from tokir.retrieval.ranking import Ranking
from tokir.study.context import Context
from tokir.study.rankings import Rankings
from tokir.study.searchers import Searchers
from tokir.study.selection import Selection
from tokir.systems import FusionSystem, System, TrainedSystem, systems


class Fusions:
    """The fusions of one study."""

    def __init__(self, context: Context, searchers: Searchers, rankings: Rankings, selection: Selection) -> None:
        self.context, self.searchers = context, searchers
        self.rankings, self.selection = rankings, selection

    def members(self, fusion: FusionSystem) -> list[System]:
        """The systems that a fusion joins, each once, ``best`` and its like resolved."""
        known: dict[str, System] = {other.id: other for other in systems(self.context.config)}
        named, best = fusion.settings.systems, dict[str, TrainedSystem]()
        for name in reversed(BEST):  # the narrowest name first: a wider one then stands for another system
            if name in named:
                best[name] = self.selection.best(name, best.values())
        return list(dict.fromkeys(best[name] if name in best else known[name] for name in named))

    def make(self, fusion: FusionSystem) -> FusionFiles:
        """Choose its weights, unless that has been done; Unavailable, with its name, where a member is."""
        members = self.members(fusion)
        for member in members:
            try:
                self.searchers.files(member)
            except Unavailable as error:
                raise Unavailable(f"its member {member.id} is unavailable: {error}") from None
        folder, name, validation = self.context.folder, Names.chosen(fusion.id), self.context.validation
        depth, method = self.context.config.evaluation.depth, fusion.settings.method

        def choose() -> None:
            weights = [1.0] * len(members)
            if method == "weighted" and validation is not None:
                weights = self._weights(members, validation)
            write_json(folder.file(name), {"systems": [member.id for member in members], "weights": weights})

        inputs = [
            self._member_inputs(members),
            self.context.validation_inputs,
            fusion.settings.model_dump(),
            depth,
        ]
        folder.ensure([name], inputs, choose)
        weights = folder.read_json(name)["weights"]
        files = FusionFiles(tuple(member.id for member in members), method, tuple(weights), depth)
        self.context.opener.name_files(fusion.id, files)
        return files

    def inputs(self, fusion: FusionSystem) -> Any:
        """What its ranked lists depend on, beside corpus and queries; its weights are chosen if they are missing."""
        self.make(fusion)
        return [self._member_inputs(self.members(fusion)), self.context.folder.read_json(Names.chosen(fusion.id))]

    def rank(self, fusion: FusionSystem, split: Split, run_file: Callable[[System], str]) -> Ranking:
        """Its ranked lists of the scored queries, out of those of its members, whose run files ``run_file`` names.

        Raises:
            Unavailable: a member cannot be asked.
        """
        files, names = self.make(fusion), []
        for member in self.members(fusion):
            try:
                names.append(run_file(member))
            except Unavailable as error:
                raise Unavailable(f"its member {member.id} is unavailable: {error}") from None
        return self._read(files, split, names)

    def rank_others(
        self, fusion: FusionSystem, queries: Mapping[str, str], depth: int, own: Sequence[str] = ()
    ) -> Ranking:
        """Ranked lists of queries (id to text) that its members have not ranked; as :meth:`Rankings.rank`."""
        files, engine = self.make(fusion), self.context.engine
        lists = [
            self.rankings.rank(engine.searcher(member), queries, files.depth, own).lists()
            for member in files.members
        ]
        return self._fused(files, queries, lists, depth)

    def recall(self, fusion: FusionSystem) -> float | None:
        """Recall@10 on the validation queries; None where there are none."""
        validation, judgements = self.context.validation, self.context.validation_judgements
        if validation is None or judgements is None:
            return None
        lists = [self.selection.run_file(member) for member in self.members(fusion)]
        return tuning.recall(self._read(self.make(fusion), validation, lists), judgements)

    def _read(self, files: FusionFiles, split: Split, names: list[str]) -> Ranking:
        """Ranked lists of the queries of ``split``, out of those of the members in the run files ``names``."""
        lists = [self.rankings.read_hits(name, split.queries) for name in names]
        return self._fused(files, split.queries, lists, files.depth)

    def _fused(
        self, files: FusionFiles, queries: Iterable[str], lists: Sequence[Sequence[Hits]], depth: int
    ) -> Ranking:
        """The lists of each member, one for each query, as one."""
        tie_order = self.context.opener.tie_order
        found = (join(hits, files.method) for hits in zip(*lists, strict=True))
        return Ranking.of(queries, [fuse(joined, files.weights, depth, tie_order) for joined in found])

    def _weights(self, members: list[System], validation: Split) -> list[float]:
        lists = [
            self.rankings.read_hits(self.selection.run_file(member), validation.queries) for member in members
        ]
        joined = [join(found, "weighted") for found in zip(*lists, strict=True)]
        positions = self.context.positions
        relevant = [
            frozenset(positions[id] for id, grade in validation.qrels[query].items() if grade > 0)
            for query in validation.queries
        ]
        return tuning.fusion_weights(joined, relevant, self.context.opener.tie_order)

    def _member_inputs(self, members: list[System]) -> list[Any]:
        return [self.searchers.inputs(member) for member in members]
