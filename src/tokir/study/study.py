"""A study from data to results, computing only what is missing.

Each step is a method that makes its artefacts and can be called on its own: ``tokir train``, ``tokir embed``
and ``tokir evaluate`` are these steps; ``tokir run`` is all of them and the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.additions.state import read_additions
from tokir.artifacts import Names, write_json, write_text
from tokir.config import IndexForm, StudyConfig, unread
from tokir.data import Split
from tokir.errors import TokirError, Unavailable, require_kind
from tokir.progress import Progress, Silent
from tokir.retrieval.files import SCHEMA, to_json
from tokir.retrieval.registry import INDEXES
from tokir.study.baselines import baseline
from tokir.study.context import Context, Machine
from tokir.study.engines import check_engine
from tokir.study.finished import MADE, finished, lacking, ready, results_inputs
from tokir.study.folder import begin
from tokir.study.omissions import sentences
from tokir.systems import (
    BaselineSystem,
    FusionSystem,
    ModelPoint,
    System,
    TrainedSystem,
    left_out,
    model_points,
    systems,
)
from tokir.untrusted import expanded

if TYPE_CHECKING:
    from tokir.results.records import DatasetFacts, Environment, Passage, Results, TokenizerComparison
    from tokir.study.parts import Parts

NOT_SCORED = (
    "the data set has no judged queries: models are trained to be searched, and nothing is scored or compared (`tokir "
    "tokenizers compare` compares tokenizers without queries)"
)


class Study:
    """One configuration at work in one run folder.

    Args:
        config: what to run.
        path: the run folder; by default ``runs/<name>-<dataset>``.
        machine: device, threads, whether downloads are allowed, and the engine.
        progress: hears how the work goes.

    Raises:
        TokirError: at once, before anything is computed, when data, split, a named folder or the run folder is wrong.
    """

    def __init__(
        self,
        config: StudyConfig,
        path: str | Path | None = None,
        machine: Machine | None = None,
        progress: Progress | None = None,
    ) -> None:
        from tokir.data import load
        from tokir.data.sources import absolute

        require_kind(config, StudyConfig, "load_config reads a preset or a file of settings")
        machine, self.progress = Machine() if machine is None else machine, progress or Silent()
        require_kind(machine, Machine, "write Machine(device='cpu', threads=2)")
        check_engine(machine.engine)
        source = absolute(config.data.source)  # a run can be resumed from any folder
        config = config.model_copy(update={"data": config.data.model_copy(update={"source": source})})
        self.dataset = load(
            config.data.source, unknown_documents=config.data.unknown_documents, download=machine.download
        )
        if config.data.split and self.dataset.qrels:
            self.dataset.split(config.data.split)
        path = default_path(config, self.dataset.name) if path is None else expanded(path)
        self.folder, self.config, self.omissions = begin(path, config, self.dataset, machine.download)
        self._begun = self.folder.file(Names.STUDY).read_text("utf-8")
        self.context = Context(self.config, self.dataset, self.folder, machine, self.progress)

    @cached_property
    def parts(self) -> Parts:
        """The steps' workers; loading them loads torch.

        Raises:
            TokirError: device, precision or an index is not to be had on this machine.
        """
        import torch
        from threadpoolctl import threadpool_limits

        from tokir.study.parts import Parts
        from tokir.training.device import resolve_precision

        for form in self.config.index:
            self._check_index(form)
        for precision in (self.config.training.precision, self.config.retrieval.precision):
            resolve_precision(precision, self.context.device)
        _ = self.context.precision
        if self.context.machine.threads:
            torch.set_num_threads(self.context.machine.threads)
            threadpool_limits(self.context.machine.threads, user_api="blas")
        for omitted in sentences(self.omissions):
            self.progress.say(omitted)
        return Parts.of(self.context)

    def _check_index(self, form: IndexForm) -> None:
        """TokirError where its library is missing: every system would be without it."""
        try:
            INDEXES[form.kind].check()
        except Unavailable as error:
            raise TokirError(f"index: {error}") from None

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the folder for writing; TokirError where another process does, or has begun another run in it."""
        with self.folder.locked():
            if self.folder.file(Names.STUDY).read_text("utf-8") != self._begun:
                raise TokirError(
                    f"another process has begun another run in {self.folder.path}: choose another folder with --out"
                )
            try:
                yield
            finally:
                self.context.engine.close()

    # -- steps --------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Train every tokenizer and every model that is missing."""
        with self._held():
            self._train()

    def _train(self) -> None:
        for point in self._train_ahead():
            try:
                self.parts.models.ensure(self.parts.models.plan(point))
            except Unavailable as error:
                self.progress.say(f"{point.id}: unavailable: {error}")

    def _train_ahead(self) -> list[ModelPoint]:
        """Have the engine train what it can of the models of the grid, which are returned."""
        points = model_points(self.config)
        self._check(points)
        self.context.engine.train(self.parts.models, points)
        return points

    def _check(self, points: Sequence[ModelPoint]) -> None:
        """TokirError where something cannot be made, before anything is trained."""
        for system in systems(self.config):
            if isinstance(system, TrainedSystem | BaselineSystem):
                self._check_width(system)
        for point in points:
            with suppress(Unavailable):  # which is said when it is to be trained
                self.parts.models.check(self.parts.models.plan(point))

    def _check_width(self, system: TrainedSystem | BaselineSystem) -> None:
        """TokirError where its vectors are too narrow for its index."""
        with suppress(Unavailable):  # which is said when it is to be trained, or asked
            if isinstance(system, TrainedSystem):
                width: int | None = self.parts.models.plan(system.model).dimensions
            elif system.index.dimensions is None:
                return
            else:
                width = baseline(system.name).width(self.parts.searchers.embeddings)
            if width is not None and (misfit := system.index.misfit(width, system.id)):
                raise TokirError(misfit)

    def compare_tokenizers(self, words: Sequence[str] = ()) -> TokenizerComparison:
        """Train every tokenizer that is missing, measure them all, and write ``tokenizers.json`` and its tables.

        Args:
            words: further texts whose cuts are shown, beside words, names and numbers of the corpus.

        Raises:
            TokirError: one of ``words`` is not valid Unicode.
        """
        from tokir.report.comparison import write_comparison
        from tokir.results.records import TokenizerComparison
        from tokir.tokenizers.comparison import compare
        from tokir.tokenizers.protocol import require_unicode

        for word in words:
            require_unicode(word)  # before anything is trained
        with self._held():
            tokenizers, documents = self.parts.tokenizers, self.parts.documents
            pairs = [
                (tokenizers.record(settings), tokenizers.get(settings)) for settings in self.config.tokenizers
            ]
            found = compare(pairs, documents.training, documents.held_out, words)
            comparison = TokenizerComparison(
                dataset=self.dataset.name,
                checksum=self.dataset.checksum,
                documents=len(documents.training),
                held_out=len(documents.held_out),
                environment=self._environment(),
                tokenizers=found.tokenizers,
                cuts=found.cuts,
            )
            write_comparison(self.folder.path, comparison)
            return comparison

    def embed(self) -> None:
        """Embed the corpus with every system, as far as it is missing: the run is then ready to be searched."""
        with self._held():
            self._train_ahead()
            self._write_systems(say=True)
            self.folder.prune()

    # -- run ----------------------------------------------------------------------------------------------

    def run(self) -> Results | None:
        """All steps and the report; returns what ``results.json`` holds.

        A finished run is left as it is, and so is its report. A data set without judged queries is trained on and
        embedded, ready to be searched; None is returned.
        """
        from tokir.report import write_report

        for note in self.dataset.notes:
            self.progress.say(note)
        if additions := read_additions(self.folder.path):
            self.progress.say(additions.sentence)
        if not self.dataset.qrels:
            if not ready(self.context):
                self.progress.say(NOT_SCORED)
                self.embed()
            return None
        self.context.splits.scored()  # what cannot be scored is said before anything is trained
        if results := finished(self.context):
            self.folder.tidy()
            return results
        with self._held():
            results = self.evaluate()
            write_report(self.folder)
            return results

    # -- evaluate -----------------------------------------------------------------------------------------

    def evaluate(self, *, again: bool = False) -> Results:
        """Rank, score and time every system; write ``results.json``, ``examples.json`` and what they rest on.

        Args:
            again: measure latency once more, even where it was measured before.
        """
        from tokir.results.assembly import assemble_results
        from tokir.results.reading import read_results, write_records
        from tokir.results.seeds import average_seeds

        started = datetime.now(UTC).isoformat(timespec="seconds")
        split, folder = self.context.splits.scored(), self.folder
        with self._held():
            self._train()  # first, so that all models are there before any is compared
            self._write_queries(split)
            evaluation = self.parts.evaluation(split)
            evaluation.ahead(systems(self.config))
            evaluated = average_seeds([evaluation.evaluate(system, again) for system in systems(self.config)])
            self._write_systems()
            folder.prune()
            environment = self._environment()

            def write() -> None:
                results = assemble_results(
                    evaluated, split.queries, self.config, self._dataset_facts(split), environment, started
                )
                write_records(folder.file(Names.RESULTS), results)
                self._write_examples(evaluated, split)

            folder.forget(MADE)
            folder.ensure(MADE, results_inputs(self.context), write)
            return read_results(folder)

    def _write_queries(self, split: Split) -> None:
        from tokir.retrieval.ranking import write_qrels

        folder, inputs = self.folder, {"queries": split.queries, "qrels": split.qrels}
        lines = (f"{query}\t{' '.join(text.split())}\n" for query, text in split.queries.items())
        folder.ensure([Names.QUERIES], inputs, lambda: write_text(folder.file(Names.QUERIES), "".join(lines)))
        folder.ensure([Names.QRELS], inputs, lambda: write_qrels(folder.file(Names.QRELS), split.qrels))

    def _write_examples(self, evaluated: Any, split: Split) -> None:
        from tokir.results.examples import assemble_examples, assemble_explorer
        from tokir.results.reading import write_records

        cut: dict[str, Callable[[str], list[str]]] = {
            settings.id: self.parts.tokenizers.get(settings).pieces for settings in self.config.tokenizers
        }
        examples = assemble_examples(evaluated, split, cut, self._passage, self.config.evaluation)
        write_records(self.folder.file(Names.EXAMPLES), examples)
        explorer = assemble_explorer(evaluated, split, cut, self._passage)
        write_records(self.folder.file(Names.EXPLORER), explorer)

    def _passage(self, id: str) -> Passage:
        from tokir.results.records import Passage

        document = self.dataset.corpus.record(self.context.positions[id])
        return Passage(id=id, title=document.title, text=document.text)

    def _make(self, system: System) -> None:
        if isinstance(system, FusionSystem):
            self.parts.fusions.make(system)
        else:
            self.parts.searchers.files(system)

    def _write_systems(self, say: bool = False) -> None:
        """Make every system as far as it is missing, and write what an opened run reads: its files, or the reason.

        Args:
            say: tell which systems are unavailable.
        """
        unavailable: dict[str, str] = {}
        for system in systems(self.config):
            try:
                self._make(system)
            except Unavailable as error:
                unavailable[system.id] = str(error)
                if say:
                    self.progress.say(f"{system.id}: unavailable: {error}")
        tokenizers, folder = self.parts.tokenizers, self.folder
        made = {
            "schema": SCHEMA,
            "tokenizers": {settings.id: tokenizers.file(settings) for settings in self.config.tokenizers},
            "systems": [system.id for system in systems(self.config)],
            "unavailable": unavailable,
            "lacking": lacking(self.context),
            "files": {name: to_json(files) for name, files in self.context.opener.files.items()},
        }
        folder.ensure([Names.SYSTEMS], made, lambda: write_json(folder.file(Names.SYSTEMS), made))

    def _dataset_facts(self, split: Split) -> DatasetFacts:
        from tokir.results.records import DatasetFacts

        splits = self.context.splits
        return DatasetFacts(
            name=self.dataset.name,
            source=self.config.data.source,
            description=self.dataset.description,
            checksum=self.dataset.checksum,
            passages=len(self.dataset.corpus),
            characters=self.dataset.corpus.characters,
            split=split.name,
            queries=len(split.queries),
            relevant=sum(sum(grade > 0 for grade in judged.values()) for judged in split.qrels.values()),
            choices=splits.note,
            notes=(
                *self.dataset.notes,
                *splits.notes,
                *self._unread(),
                *sentences(self.omissions),
                *left_out(self.config),
                *unread(self.config),
                *self._without_effect(),
            ),
        )

    def _without_effect(self) -> tuple[str, ...]:
        """Variants of which a model has turned out to be the one without it, in sentences."""
        found = {}
        for point in model_points(self.config):
            base = replace(point, variant="")
            files = [Names.model(one.id, Names.weights("final")) for one in (point, base)]
            if point.variant and all(map(self.folder.recorded, files)):
                one, other = map(self.folder.key, files)
                if one == other:
                    found[point.trained] = (
                        f"{point.trained} has the same weights as {base.trained}: it changes nothing"
                    )
        return tuple(found.values())

    def _unread(self) -> tuple[str, ...]:
        """What of the corpus is not trained on, in sentences."""
        retrieves = any(point.retrieves for point in model_points(self.config))
        return (*self.parts.documents.notes, *(self.parts.models.passages.notes if retrieves else ()))

    def _environment(self) -> Environment:
        from tokir.environment import environment
        from tokir.results.records import Environment

        return Environment(**environment(), device=self.context.device.type)


def default_path(config: StudyConfig, dataset: str) -> Path:
    """``runs/<study>-<dataset>``."""
    return Path("runs") / f"{config.name}-{dataset}".replace("/", "-")  # ids of remote data sets hold slashes
