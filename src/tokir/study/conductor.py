"""The conductor: from data to results, computing only what is missing.

Each step is a method that makes its artefacts and can be called on its own: ``tokir train``, ``tokir embed``
and ``tokir evaluate`` are these steps; ``tokir run`` is all of them and the report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.artifacts import RunFolder, write_json
from tokir.config import StudyConfig
from tokir.errors import Unavailable
from tokir.progress import Progress, Silent
from tokir.study.models import Models
from tokir.study.searchers import Searchers
from tokir.study.workplace import Machine, Workplace, settle
from tokir.systems import System, TrainedSystem, model_points, systems

if TYPE_CHECKING:
    from tokir.data import Split
    from tokir.searcher import Searcher

SCHEMA = 1
ROBUSTNESS_DEPTH = 100  # passages ranked for a query with slips; recall@10 needs no more


class Study:
    """One configuration at work in one run folder.

    Args:
        config: what to run.
        path: the run folder; by default ``runs/<name>-<dataset>``.
        machine: device, threads, and whether downloads are allowed.
        progress: hears how the work goes.

    Raises:
        TokirError: at once, before anything is computed, when data, split, device or a named folder is wrong.
    """

    def __init__(
        self,
        config: StudyConfig,
        path: Path | None = None,
        machine: Machine | None = None,
        progress: Progress | None = None,
    ) -> None:
        import torch

        from tokir.data import load
        from tokir.encoders.pretrained import find_weights
        from tokir.training.loop import resolve_device, resolve_precision

        machine, self.progress = machine or Machine(), progress or Silent()
        device = resolve_device(machine.device)
        for precision in (config.training.precision, config.retrieval.precision, config.embedding_precision):
            resolve_precision(precision, device)
        if machine.threads:
            torch.set_num_threads(machine.threads)
        self.dataset = load(
            config.data.source,
            unknown_documents=config.data.unknown_documents,
            download=machine.download,
        )
        if config.data.split and self.dataset.qrels:
            self.dataset.split(config.data.split)
        for name, folder in config.pretrained_folders.items():
            find_weights(name, folder)
        self.config = settle(config, self.dataset, machine, self.progress)
        self.folder = RunFolder.create(path or default_path(config, self.dataset.name), self.config)
        self.at = Workplace(self.config, self.dataset, self.folder, machine, device, self.progress)
        self.models = Models(self.at)
        self.searchers = Searchers(self.at, self.models)

    # -- steps --------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Train every tokenizer and every model that is missing."""
        for point in model_points(self.config):
            try:
                self.models.model(point)
            except Unavailable as error:
                self.progress.say(f"{point.id}: unavailable: {error}")

    def compare_tokenizers(self, words: Sequence[str] = ()) -> dict[str, Any]:
        """Train every tokenizer that is missing, measure them all, and write ``tokenizers.json`` and its tables.

        Args:
            words: further texts whose cuts are shown, beside words, names and numbers of the corpus.
        """
        from tokir.report.comparison import write_comparison
        from tokir.tokenizers.comparison import compare

        pairs = []
        for settings in self.config.tokenizers:
            pairs.append((self.models.tokenizer_facts(settings), self.models.tokenizer(settings)))
        training, held_out = self.at.drawn
        comparison = {
            "schema": SCHEMA,
            "dataset": self.dataset.name,
            "checksum": self.dataset.checksum,
            "documents": len(training),
            "held_out": len(held_out),
            "environment": self._environment(),
            **compare(pairs, training, held_out, words),
        }
        write_comparison(self.folder.path, comparison)
        return comparison

    def embed(self) -> None:
        """Embed the corpus with every system that embeds, as far as it is missing."""
        for system in systems(self.config):
            try:
                self.searchers.searcher(system)
            except Unavailable as error:
                self.progress.say(f"{system.id}: unavailable: {error}")
        write_json(self.folder.path / "ready.json", {"systems": [system.id for system in systems(self.config)]})

    # -- run ----------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any] | None:
        """All steps and the report; returns what ``results.json`` holds.

        A data set without judged queries is trained on and embedded, ready to be searched; None is returned.
        """
        from tokir.report import write_report

        if not self.dataset.qrels:
            self.embed()
            return None
        results = self.evaluate()
        write_report(self.folder)
        return results

    # -- evaluate -----------------------------------------------------------------------------------------

    def evaluate(self, *, again: bool = False) -> dict[str, Any]:
        """Rank, score and time every system; write ``results.json``, ``examples.json`` and what they rest on.

        Args:
            again: measure latency once more, even where it was measured before.
        """
        from tokir.evaluation.contenders import contenders
        from tokir.evaluation.results import assemble_examples, assemble_explorer, assemble_results
        from tokir.retrieval.ranking import write_qrels

        started = datetime.now(timezone.utc)
        split, path = self.at.splits.scored(), self.folder.path
        self.train()  # first, so that all models are there before any is compared
        write_qrels(path / "qrels.trec", split.qrels)
        self._write_queries(split)
        evaluated = [self._evaluate_system(system, split, again) for system in systems(self.config)]
        contending = contenders(evaluated)
        results = {
            "schema": SCHEMA,
            "study": self.config.name,
            "created": started.isoformat(timespec="seconds"),
            "dataset": {
                "name": self.dataset.name,
                "source": self.config.data.source,
                "description": self.dataset.description,
                "checksum": self.dataset.checksum,
                "passages": len(self.dataset.corpus),
                "characters": self.dataset.corpus.characters,
                "split": split.name,
                "queries": len(split.queries),
                "relevant": sum(sum(g > 0 for g in judged.values()) for judged in split.qrels.values()),
                "choices": self.at.splits.note,
                "notes": [*self.dataset.notes, *self.at.splits.notes],
            },
            "environment": self._environment(),
            "settings": self.config.model_dump(mode="json"),
            **assemble_results(contending, split.queries, self.config.evaluation, len(self.dataset.corpus)),
        }
        write_json(path / "results.json", results)
        tokenizers: dict[str, Callable[[str], list[str]]] = {
            point.tokenizer.id: self.models.tokenizer(point.tokenizer).pieces
            for point in model_points(self.config)
        }
        write_json(
            path / "examples.json",
            assemble_examples(contending, split, tokenizers, self.record, self.config.evaluation),
        )
        write_json(path / "explorer.json", assemble_explorer(contending, split, tokenizers, self.record))
        return results

    def _evaluate_system(self, system: System, split: Split, again: bool) -> Any:
        from tokir.describe import describe, unavailable
        from tokir.evaluation.contenders import Evaluated, hits
        from tokir.evaluation.latency import measure_latency
        from tokir.evaluation.measures import HEADLINE, score_queries
        from tokir.evaluation.robustness import perturb
        from tokir.retrieval.ranking import read_run, write_run

        try:
            searcher = self.searchers.searcher(system)
        except Unavailable as error:
            self.progress.say(f"{system.id}: unavailable: {error}")
            return Evaluated(describe(system, self.folder, self.config) | unavailable(str(error)))
        self.progress.say(f"{system.id}: ranking {len(split.queries):,} queries")
        run, clock = f"rankings/{system.id}.trec", f"latency/{system.id}.json"
        inputs = {
            "system": self.searchers.inputs(system),
            "corpus": self.dataset.corpus.checksum,
            "queries": split.queries,
            "depth": self.config.evaluation.depth,
        }
        texts, ids = list(split.queries.values()), list(split.queries)
        path = self.folder.path
        run_path, clock_path = path / run, path / clock
        self.folder.ensure(
            [run],
            inputs,
            lambda: write_run(run_path, searcher.rank(texts, ids, self.config.evaluation.depth), system.id),
        )
        timed = texts[: self.config.evaluation.latency_queries]
        if again:
            clock_path.unlink(missing_ok=True)
        self.folder.ensure(
            [clock],
            {**inputs, "timed": len(timed), "device": self.at.device.type},
            lambda: write_json(clock_path, measure_latency(timed, searcher.stages())),
        )
        about = describe(system, self.folder, self.config)
        about["latency_ms"] = json.loads(clock_path.read_text("utf-8"))
        if isinstance(system, TrainedSystem):
            about["recall_on_choosing"] = self.searchers.recall_on_choose(system)
        variants: dict[str, list[float]] = {}
        for variant in self.config.evaluation.robustness:
            slipped = [perturb(text, variant, self.config.evaluation.seed, i) for i, text in enumerate(texts)]
            name = f"rankings/{variant}/{system.id}.trec"
            self.folder.ensure(
                [name],
                {**inputs, "queries": slipped, "depth": ROBUSTNESS_DEPTH},
                partial(self._rank, searcher, slipped, ids, name, system.id),
            )
            variants[variant] = score_queries(read_run(path / name), split.qrels)[HEADLINE]
        ranking = read_run(run_path)
        return Evaluated(about, score_queries(ranking, split.qrels), hits(ranking, split.qrels), variants)

    def _rank(self, searcher: Searcher, texts: list[str], ids: list[str], name: str, system: str) -> None:
        from tokir.retrieval.ranking import write_run

        write_run(self.folder.path / name, searcher.rank(texts, ids, ROBUSTNESS_DEPTH), system)

    def record(self, passage: str) -> dict[str, str]:
        """Title and text of a passage by id."""
        title, text = self.dataset.corpus.record(self._positions[passage])[1:]
        return {"title": title, "text": text}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {passage: position for position, passage in enumerate(self.dataset.corpus.ids)}

    def _write_queries(self, split: Split) -> None:
        from tokir.artifacts import write_text

        lines = (f"{query}\t{' '.join(text.split())}\n" for query, text in split.queries.items())
        write_text(self.folder.path / "queries.tsv", "".join(lines))

    def _environment(self) -> dict[str, Any]:
        from tokir.environment import environment

        return {**environment(), "device": self.at.device.type}


def default_path(config: StudyConfig, dataset: str) -> Path:
    """``runs/<study>-<dataset>``."""
    return Path("runs") / f"{config.name}-{dataset}".replace("/", "-")  # ids of remote data sets hold slashes
