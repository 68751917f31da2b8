"""The conductor: from data to results, computing only what is missing.

Each step is a method that makes its artefacts and can be called on its own: ``tokir train``, ``tokir embed``
and ``tokir evaluate`` are these steps; ``tokir run`` is all of them and the report.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.artifacts import RunFolder, digest, write_json
from tokir.config import StudyConfig
from tokir.errors import TokirError, Unavailable
from tokir.progress import Progress, Silent
from tokir.systems import (
    OBJECTIVE,
    BaselineSystem,
    ModelPoint,
    System,
    TrainedSystem,
    model_points,
    systems,
)

if TYPE_CHECKING:
    import torch

    from tokir.data import Dataset, EvaluationSplits, Split
    from tokir.encoders import Encoder
    from tokir.encoders.pretrained import PretrainedEncoder
    from tokir.encoders.trained import TrainedEncoder
    from tokir.searcher import Searcher
    from tokir.tokenizers import Tokenizer

SCHEMA = 1


@dataclass(frozen=True)
class Machine:
    """Where and how a study runs; recorded with the results, no part of its configuration."""

    device: str = "auto"
    threads: int | None = None
    download: bool = False  # whether models and data that the user named may be fetched


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
        from tokir.training.loop import resolve_device

        self.config, self.machine, self.progress = config, machine or Machine(), progress or Silent()
        self.device: torch.device = resolve_device(self.machine.device)
        if self.machine.threads:
            torch.set_num_threads(self.machine.threads)
        self.dataset: Dataset = load(
            config.data.source,
            unknown_documents=config.data.unknown_documents,
            download=self.machine.download,
        )
        if config.data.split and self.dataset.qrels:
            self.dataset.split(config.data.split)
        self._check_named_folders()
        self.folder = RunFolder.create(path or default_path(config, self.dataset.name), config)

    def _check_named_folders(self) -> None:
        from tokir.encoders.pretrained import find_weights

        for name in self.config.pretrained_folders:
            find_weights(name, self.config.pretrained_folders[name])

    # -- data ---------------------------------------------------------------------------------------------

    @cached_property
    def splits(self) -> EvaluationSplits:
        """Train, choose and evaluate; TokirError when the data set has no queries to evaluate."""
        data = self.config.data
        return self.dataset.evaluation_splits(data.split, data.queries, data.seed)

    @cached_property
    def _drawn(self) -> tuple[list[str], list[str]]:
        """Training and held-out documents, drawn by seed; held-out ones are 5%, at most 500."""
        count = len(self.dataset.corpus)
        if count < 2:
            raise TokirError(f"{self.dataset.source}: one document is too few to train on and to validate on")
        order = np.random.default_rng(self.config.data.seed).permutation(count)
        held_out = max(1, min(500, count // 20))
        training = order[held_out : held_out + self.config.training.documents]
        return (
            self.dataset.corpus.select(sorted(training.tolist())),
            self.dataset.corpus.select(sorted(order[:held_out].tolist())),
        )

    @property
    def _drawn_inputs(self) -> dict[str, Any]:
        return {
            "corpus": self.dataset.corpus.checksum,
            "documents": self.config.training.documents,
            "seed": self.config.data.seed,
        }

    # -- train --------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Train every tokenizer and every model that is missing."""
        for point in model_points(self.config):
            self.trained_encoder(point)

    def tokenizer(self, point: ModelPoint) -> Tokenizer:
        """The tokenizer of a point of the grid, trained if it is missing."""
        from tokir.tokenizers import Tokenizer, intrinsic_measures, train_bpe

        settings = point.tokenizer
        name, about = f"tokenizers/{settings.id}/tokenizer.json", f"tokenizers/{settings.id}/training.json"

        def make() -> None:
            training, held_out = self._drawn
            self.progress.say(f"{settings.id}: training on {len(training):,} documents")
            tokenizer = train_bpe(training, settings.vocabulary_size, settings.lowercase, settings.normalization)
            tokenizer.save(self.folder.path / name)
            write_json(
                self.folder.path / about,
                {
                    "id": settings.id,
                    **settings.model_dump(),
                    "documents": len(training),
                    **intrinsic_measures(tokenizer, held_out),
                },
            )

        self.folder.ensure([name, about], {**self._drawn_inputs, **settings.model_dump()}, make)
        return Tokenizer.load(self.folder.path / name)

    def trained_encoder(self, point: ModelPoint) -> TrainedEncoder:
        """The encoder of a point of the grid, trained if it is missing."""
        from tokir.encoders.trained import TrainedEncoder
        from tokir.training.language_model import LanguageModelObjective
        from tokir.training.loop import FILES, forget_state, load_trained, train

        tokenizer = self.tokenizer(point)
        settings = self.config.training
        inputs = {
            **self._drawn_inputs,
            "tokenizer": self.folder.key(f"tokenizers/{point.tokenizer.id}/tokenizer.json"),
            "architecture": point.architecture,
            "objective": OBJECTIVE,
            "training": settings.model_dump(exclude={"checkpoint"}),
            "seed": point.seed,
        }
        place = self.folder.path / "models" / point.id

        def make() -> None:
            training, held_out = self._drawn
            objective = LanguageModelObjective(
                tokenizer, training, held_out, settings.sequence_length, settings.batch_size
            )
            train(
                point.architecture,
                tokenizer.vocabulary_size,
                objective,
                settings,
                place,
                seed=point.seed,
                device=self.device,
                progress=self.progress,
                inputs=inputs,
            )

        self.folder.ensure([f"models/{point.id}/{file}" for file in FILES], inputs, make)
        forget_state(place)
        model = load_trained(place, settings.checkpoint, self.device)
        return TrainedEncoder(model, tokenizer, settings.sequence_length)

    # -- embed --------------------------------------------------------------------------------------------

    def embed(self) -> None:
        """Embed the corpus with every system that embeds, as far as it is missing."""
        for system in systems(self.config):
            try:
                self.searcher(system)
            except Unavailable as error:
                self.progress.say(f"{system.id}: unavailable: {error}")

    def searcher(self, system: System) -> Searcher:
        """The system, ready to answer; whatever it needs is made if it is missing.

        Raises:
            Unavailable: a baseline's weights are not on this machine.
        """
        if isinstance(system, TrainedSystem):
            return self._trained_searcher(system)
        if system.id == "bm25":
            from tokir.retrieval.bm25 import BM25Index
            from tokir.searcher import LexicalSearcher

            corpus = self.dataset.corpus
            return LexicalSearcher(BM25Index(corpus.passages(0, len(corpus)), corpus.ids))
        return self._pretrained_searcher(system)

    def _trained_searcher(self, system: TrainedSystem) -> Searcher:
        from tokir.encoders.store import blocks, read_embeddings, transform_embeddings
        from tokir.models.whitening import Whitening
        from tokir.retrieval.exact import ExactIndex
        from tokir.searcher import DenseSearcher

        encoder = self.trained_encoder(system.model)
        weights = self.folder.key(f"models/{system.model.id}/{self.config.training.checkpoint}.safetensors")
        raw = f"embeddings/{TrainedSystem(system.model, 'mean').id}/corpus.npy"
        inputs = {**self._embedding_inputs, "weights": weights, "window": encoder.window}
        path = self.folder.path / raw
        self.folder.ensure([raw], inputs, lambda: self._embed_corpus(encoder, path, inputs, system.model.id))
        ids = self.dataset.corpus.ids
        if system.pooling == "mean":
            return DenseSearcher(encoder, ExactIndex(read_embeddings(path), ids))
        files = [f"embeddings/{system.id}/{file}" for file in ("whitening.safetensors", "corpus.npy")]
        fitted, whitened = (self.folder.path / file for file in files)
        choose = self.splits.choose if self.dataset.qrels else None
        white_inputs = {"raw": self.folder.key(raw), "choose": choose and asdict(choose)}

        def make() -> None:
            whitening = Whitening.fit(blocks(read_embeddings(path)))
            if choose is not None:
                whitening = self._choose_strength(encoder, whitening, path, choose)
            whitening.save(fitted)
            transform_embeddings(path, whitened, digest(white_inputs), whitening)

        self.folder.ensure(files, white_inputs, make)
        return DenseSearcher(encoder, ExactIndex(read_embeddings(whitened), ids), Whitening.load(fitted))

    @property
    def _embedding_inputs(self) -> dict[str, Any]:
        from tokir.training.loop import resolve_precision

        precision = resolve_precision(self.config.embedding_precision, self.device)
        return {"corpus": self.dataset.corpus.checksum, "precision": precision}

    def _embed_corpus(self, encoder: Encoder, path: Path, inputs: dict[str, Any], name: str) -> None:
        import torch

        from tokir.encoders.store import embed_corpus

        with torch.autocast(self.device.type, torch.bfloat16, enabled=inputs["precision"] == "bf16"):
            embed_corpus(encoder, self.dataset.corpus, path, digest(inputs), f"{name}: embedding", self.progress)

    def _choose_strength(self, encoder: TrainedEncoder, whitening: Any, raw: Path, choose: Split) -> Any:
        """The strength with the best recall@10 on the queries for choosing; the stronger of equals."""
        from tokir.encoders.store import read_embeddings
        from tokir.evaluation.measures import HEADLINE, mean_scores, score_queries
        from tokir.models.whitening import STRENGTHS
        from tokir.retrieval.exact import ExactIndex

        vectors, ids = read_embeddings(raw), self.dataset.corpus.ids
        queries = encoder.embed(encoder.tokenize(list(choose.queries.values())))
        recall = {}
        for strength in STRENGTHS:
            candidate = whitening.with_strength(strength)
            ranking = ExactIndex(candidate(np.asarray(vectors)), ids).rank(
                candidate(queries), list(choose.queries), 100
            )
            recall[strength] = mean_scores(score_queries(ranking, choose.qrels))[HEADLINE]
        return whitening.with_strength(max(recall, key=lambda strength: (recall[strength], strength)))

    def _pretrained_searcher(self, system: BaselineSystem) -> Searcher:
        from tokir.encoders.store import read_embeddings
        from tokir.retrieval.exact import ExactIndex
        from tokir.searcher import DenseSearcher

        encoder, corpus = self.pretrained_encoder(system), self.dataset.corpus
        files = [f"embeddings/{system.id}/{file}" for file in ("corpus.npy", "encoder.json")]
        path, about = (self.folder.path / file for file in files)
        inputs = {**self._embedding_inputs, "weights": encoder.checksum, "longest": encoder.longest}

        def make() -> None:
            self._embed_corpus(encoder, path, inputs, system.id)
            write_json(
                about,
                {
                    "parameters": encoder.num_parameters(),
                    "dimensions": encoder.dimensions,
                    "longest": encoder.longest,
                    "truncated": sum(
                        encoder.count_truncated(corpus.passages(start, start + 1024))
                        for start in range(0, len(corpus), 1024)
                    ),
                },
            )

        self.folder.ensure(files, inputs, make)
        return DenseSearcher(encoder, ExactIndex(read_embeddings(path), self.dataset.corpus.ids))

    def pretrained_encoder(self, system: BaselineSystem) -> PretrainedEncoder:
        """The baseline's encoder; Unavailable when its weights are not on this machine."""
        from tokir.encoders.pretrained import load_pretrained

        assert system.id != "bm25"
        folder = self.config.pretrained_folders.get(system.id)
        return load_pretrained(system.id, folder=folder, download=self.machine.download, device=self.device)

    # -- run ----------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """All steps and the report; returns what ``results.json`` holds."""
        from tokir.report import write_report

        results = self.evaluate()
        write_report(self.folder)
        return results

    # -- evaluate -----------------------------------------------------------------------------------------

    def evaluate(self, *, again: bool = False) -> dict[str, Any]:
        """Rank, score and time every system; write ``results.json``, ``examples.json`` and what they rest on.

        Args:
            again: measure latency once more, even where it was measured before.
        """
        from tokir.evaluation.results import assemble_examples, assemble_results
        from tokir.retrieval.ranking import write_qrels

        started = datetime.now(timezone.utc)
        split, path = self.splits.evaluate, self.folder.path
        self.train()  # first, so that all models are there before any is compared
        write_qrels(path / "qrels.trec", split.qrels)
        self._write_queries(split)
        evaluated = [self._evaluate_system(system, split, again) for system in systems(self.config)]
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
                "choices": self.splits.note,
                "notes": list(self.dataset.notes),
            },
            "environment": self._environment(),
            "settings": self.config.model_dump(mode="json"),
            **assemble_results(evaluated, split.qrels, self.config.evaluation, len(self.dataset.corpus)),
        }
        write_json(path / "results.json", results)
        tokenizers: dict[str, Callable[[str], list[str]]] = {
            point.tokenizer.id: self.tokenizer(point).pieces for point in model_points(self.config)
        }
        ok = [system for system in evaluated if system.about["status"] == "ok"]
        write_json(
            path / "examples.json",
            assemble_examples(ok, split, tokenizers, self.record, self.config.evaluation.seed),
        )
        return results

    def _evaluate_system(self, system: System, split: Split, again: bool) -> Any:
        from tokir.describe import describe, unavailable
        from tokir.evaluation.latency import measure_latency
        from tokir.evaluation.results import Evaluated
        from tokir.retrieval.ranking import read_run, write_run

        try:
            searcher = self.searcher(system)
        except Unavailable as error:
            self.progress.say(f"{system.id}: unavailable: {error}")
            return Evaluated(describe(system, self.folder, self.config) | unavailable(str(error)), {})
        self.progress.say(f"{system.id}: ranking {len(split.queries):,} queries")
        run, clock = f"rankings/{system.id}.trec", f"latency/{system.id}.json"
        inputs = {
            "system": self._system_inputs(system),
            "corpus": self.dataset.corpus.checksum,
            "queries": split.queries,
            "depth": self.config.evaluation.depth,
        }
        texts, ids = list(split.queries.values()), list(split.queries)
        run_path, clock_path = self.folder.path / run, self.folder.path / clock
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
            {**inputs, "timed": len(timed), "device": self.device.type},
            lambda: write_json(clock_path, measure_latency(timed, searcher.stages())),
        )
        about = describe(system, self.folder, self.config)
        about["latency_ms"] = json.loads(clock_path.read_text("utf-8"))
        return Evaluated(about, read_run(run_path))

    def _system_inputs(self, system: System) -> Any:
        from tokir.retrieval.bm25 import K1, B

        if system.id == "bm25":
            return {"k1": K1, "b": B}
        return [
            self.folder.key(name)
            for name in (
                f"embeddings/{system.id}/corpus.npy",
                f"embeddings/{system.id}/whitening.safetensors",
            )
            if (self.folder.path / name).exists()
        ]

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

        return {**environment(), "device": self.device.type}


def default_path(config: StudyConfig, dataset: str) -> Path:
    """``runs/<study>-<dataset>``."""
    return Path("runs") / f"{config.name}-{dataset}".replace("/", "-")  # ids of remote data sets hold slashes
