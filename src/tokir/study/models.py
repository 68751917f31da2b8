"""Tokenizers and models: trained where they are missing, loaded where they are there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import atomic, digest, file_digest, write_json
from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.objectives import parts
from tokir.study.workplace import Workplace
from tokir.systems import ModelPoint, TrainedSystem

if TYPE_CHECKING:
    from tokir.config import ArchitectureName, PretrainedName, RetrievalSettings, TrainingSettings
    from tokir.encoders.trained import StaticEncoder, TrainedEncoder
    from tokir.models import Model
    from tokir.models.retriever import Retriever
    from tokir.tokenizers import Tokenizer
    from tokir.training.pairs import PairSource, TokenisedPassages
    from tokir.training.retrieval import Check, RetrievalObjective

ENCODED_AT_ONCE = 256  # documents; bounds memory
NEGATIVES = 30  # hard negatives of a query to draw from
CHECK_QUERIES, CHECK_OTHERS = 200, 500  # what a training is watched on: queries, and passages beside the relevant


class Models:
    """The trained part of a study."""

    def __init__(self, workplace: Workplace) -> None:
        self.at = workplace
        self._passages: dict[str, TokenisedPassages] = {}
        self._trained: dict[ModelPoint, Model] = {}

    # -- tokenizers ---------------------------------------------------------------------------------------

    def tokenizer_facts(self, settings: TokenizerSettings) -> dict[str, Any]:
        """What ``training.json`` says of a tokenizer, and what its training took: seconds, bytes of memory."""
        self.tokenizer(settings)
        entry = self.at.folder.entry(self._tokenizer_file(settings))
        path = self.at.folder.path / f"tokenizers/{settings.id}/training.json"
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return facts | {"seconds": entry["seconds"], "peak_memory": entry["peak_memory"]}

    def tokenizer(self, settings: TokenizerSettings) -> Tokenizer:
        """The tokenizer of these settings, trained if it is missing."""
        from tokir.tokenizers import intrinsic_measures, load, train_tokenizer

        folder = self.at.folder
        inputs = {**self.at.drawn_inputs, **settings.model_dump(exclude={"file"})}
        if settings.file is not None:
            own, copy = Path(settings.file), folder.path / self._tokenizer_file(settings)
            own = own if own.exists() or not copy.exists() else copy  # a run outlives the file it was given
            load(own)  # says at once what is wrong with it
            inputs["file"] = file_digest(own)
        name = self._tokenizer_file(settings)
        about, counts = (f"tokenizers/{settings.id}/{file}" for file in ("training.json", "counts.npy"))

        def train() -> None:
            train_tokenizer(self.at.drawn[0], settings).save(folder.path / name)

        def measure() -> None:
            training, held_out = self.at.drawn
            tokenizer = load(folder.path / name)
            occurrences = np.zeros(tokenizer.vocabulary_size, dtype=np.int64)
            for start in range(0, len(training), ENCODED_AT_ONCE):
                for ids in tokenizer.encode(training[start : start + ENCODED_AT_ONCE]):
                    occurrences += np.bincount(ids, minlength=len(occurrences))
            with atomic(folder.path / counts, "wb") as file:
                np.save(file, occurrences)
            write_json(
                folder.path / about,
                {
                    "id": settings.id,
                    **settings.model_dump(),
                    "vocabulary_size": tokenizer.vocabulary_size,
                    "documents": len(training),
                    **intrinsic_measures(tokenizer, held_out),
                },
            )

        if not folder.holds([name], inputs):
            documents = len(self.at.drawn[0])  # read here, since that is no part of the time that training takes
            self.at.progress.say(f"{settings.id}: training on {documents:,} documents")
        folder.ensure([name], inputs, train)
        folder.ensure([about, counts], {**inputs, "tokenizer": folder.key(name)}, measure)
        return load(folder.path / name)

    def tokenizer_key(self, settings: TokenizerSettings) -> str:
        """The hash of a tokenizer's file."""
        return self.at.folder.key(self._tokenizer_file(settings))

    @staticmethod
    def _tokenizer_file(settings: TokenizerSettings) -> str:
        suffix = ".model" if settings.file and settings.file.endswith(".model") else ".json"
        return f"tokenizers/{settings.id}/tokenizer{suffix}"

    # -- models -------------------------------------------------------------------------------------------

    def encoder(self, system: TrainedSystem) -> TrainedEncoder | StaticEncoder:
        """The encoder of a system, before any whitening; whatever it needs is trained if it is missing."""
        from tokir.encoders.trained import StaticEncoder, TrainedEncoder
        from tokir.models.pooling import smooth_inverse_frequency
        from tokir.models.retriever import Retriever

        point = system.model
        model, tokenizer = self.model(point), self.tokenizer(point.tokenizer)
        window = self.window(point)
        if isinstance(model, Retriever):
            if model.network is None:
                return StaticEncoder(model, tokenizer)
            return TrainedEncoder(model, tokenizer, window, model.token_weights.detach().float().cpu().numpy())
        weights: NDArray[np.float32] | None = None
        if system.pooling.startswith("sif"):
            counts = np.load(self.at.folder.path / f"tokenizers/{point.tokenizer.id}/counts.npy")
            weights = smooth_inverse_frequency(counts)
        return TrainedEncoder(model, tokenizer, window, weights)

    def model(self, point: ModelPoint) -> Model:
        """The model of a point of the grid, trained if it is missing."""
        from tokir.training.loop import FILES, forget_state, load_trained

        if point not in self._trained:
            for earlier in self._starts_from(point):
                self.model(earlier)
            inputs = self._inputs(point)
            place = self.at.folder.path / "models" / point.id
            self.at.folder.ensure(
                [f"models/{point.id}/{file}" for file in FILES], inputs, lambda: self._train(point, inputs)
            )
            forget_state(place)
            self._trained[point] = load_trained(place, self._checkpoint(point), self.at.device)
        return self._trained[point]

    def _starts_from(self, point: ModelPoint) -> list[ModelPoint]:
        """The models whose weights a training starts from."""
        static = point.static if self._settings(point).from_static else None
        return [earlier for earlier in (point.parent, static) if earlier is not None]

    def _settings(self, point: ModelPoint) -> RetrievalSettings:
        settings, stretch = self.at.config.retrieval_of(point.variant), self._stretch(point.tokenizer)
        lengths = {
            name: tuple(max(1, round(tokens * stretch)) for tokens in getattr(settings, name))
            for name in ("query_tokens", "passage_tokens")
        }
        return settings.model_copy(update={**lengths, "dimensions": self._width(point, "static")})

    def _training(self, point: ModelPoint) -> TrainingSettings:
        return self.at.config.training.model_copy(update={"sequence_length": self.window(point)})

    def window(self, point: ModelPoint) -> int:
        """Tokens that a model reads at once."""
        return max(1, round(self.at.config.training.sequence_length * self._stretch(point.tokenizer)))

    def _stretch(self, tokenizer: TokenizerSettings) -> float:
        """Tokens of this tokenizer that hold the text of one token of the settings."""
        budget = self.at.config.budget
        if budget.window == "tokens":
            return 1.0
        return budget.characters_per_token / (self.characters_per_token(tokenizer) or 1.0)

    def characters_per_token(self, tokenizer: TokenizerSettings) -> float:
        """On held-out documents."""
        return float(self.tokenizer_facts(tokenizer)["characters_per_token"])

    def _width(self, point: ModelPoint, architecture: ArchitectureName) -> int:
        """Of the states of a network, or of the vectors of a retriever (``static``)."""
        from tokir.models import WIDTH, build_language_model, build_retriever
        from tokir.models.matching import count, matched_width

        config = self.at.config
        retrieval, match = config.retrieval_of(point.variant), config.budget.match
        usual = retrieval.dimensions if architecture == "static" else WIDTH
        first = replace(point, tokenizer=config.tokenizers[0])
        if match == "none" or point == first:
            return usual

        def build(point: ModelPoint, width: int) -> Model:
            size = self.tokenizer(point.tokenizer).vocabulary_size
            if architecture == "static":
                settings = retrieval.model_copy(update={"dimensions": width})
                return build_retriever("static", size, settings, 1, buckets=point.tokenizer.buckets)
            return build_language_model(architecture, size, self._training(point), width)

        wanted = count(lambda: build(first, usual), match)
        return matched_width(lambda width: build(point, width), usual, wanted, match)

    def _steps(self, point: ModelPoint, objective: Any, build: Callable[[], Model]) -> int:
        """Steps of a training: as many as asked for, or as the seconds or the tokens of the budget allow."""
        budget = self.at.config.budget
        if budget.equal == "seconds":
            assert budget.seconds is not None
            return self._steps_in(point, budget.seconds, objective, build)
        if budget.equal == "tokens" and not point.retrieves:
            characters = sum(map(len, self.at.drawn[0]))
            tokens = self.at.config.training.epochs * characters / budget.characters_per_token
            if tokens < objective.tokens_per_step():
                raise TokirError(
                    f"{point.id}: budget.equal=tokens gives it {tokens:,.0f} tokens, fewer than one step of "
                    f"{objective.tokens_per_step():,.0f}: give more documents or epochs, or a smaller "
                    "training.batch_size"
                )
            return int(tokens / objective.tokens_per_step())
        steps: int = objective.steps
        return steps

    def _steps_in(self, point: ModelPoint, seconds: float, objective: Any, build: Callable[[], Model]) -> int:
        """Steps that fit into ``seconds``, measured once; an interrupted training goes on with the same number."""
        from torch import get_num_threads as torch_threads

        from tokir.training.loop import seconds_per_step

        file = self.at.folder.path / "models" / point.id / "budget.json"
        settings = self._settings(point) if point.retrieves else self._training(point)
        key = digest([self._inputs(point), self.at.device.type, torch_threads()])
        if file.exists() and (kept := json.loads(file.read_text("utf-8")))["key"] == key:
            return int(kept["steps"])
        each = seconds_per_step(build, objective, settings, self.at.device, point.seed)
        if seconds < each:
            raise TokirError(
                f"{point.id}: one step takes {each:.2g} seconds on this machine, more than budget.seconds={seconds:g} "
                "for all of them: give more"
            )
        steps = int(seconds / each)
        write_json(file, {"key": key, "seconds": seconds, "seconds_per_step": each, "steps": steps})
        return steps

    def weights_key(self, point: ModelPoint) -> str:
        """The hash of the weights that embed."""
        return self.at.folder.key(f"models/{point.id}/{self._checkpoint(point)}.safetensors")

    def _checkpoint(self, point: ModelPoint) -> str:
        return (self._settings(point) if point.retrieves else self.at.config.training).checkpoint

    def _inputs(self, point: ModelPoint) -> dict[str, Any]:
        """All that a model's weights depend on."""
        config = self.at.config
        self.tokenizer(point.tokenizer)
        inputs: dict[str, Any] = {
            **self.at.drawn_inputs,
            "tokenizer": self.tokenizer_key(point.tokenizer),
            "architecture": point.architecture,
            "objective": point.objective,
            "seed": point.seed,
            "budget": config.budget.model_dump(),
        }
        if config.budget.match != "none":
            inputs["matched"] = self.tokenizer(config.tokenizers[0]).vocabulary_size
        if not point.retrieves:
            return {**inputs, "training": config.training.model_dump(exclude={"checkpoint"})}
        others = {name for name in ("lstm", "transformer") if name != point.architecture}
        apart: dict[str, Any] = {name: True for name in ("checkpoint", "steps", "batch_size", "teacher_optional")}
        retrieval = self._settings(point)
        settings = retrieval.model_dump(mode="json", exclude=apart | {"learning_rate": others})
        splits = (self.at.train_queries, self.at.choose)
        inputs |= {
            "retrieval": settings,
            "steps": getattr(retrieval.steps, point.architecture),
            "window": self.window(point),
            "queries": digest([split and [split.queries, split.qrels] for split in splits]),
            "batch_size": getattr(retrieval.batch_size, point.architecture),
            "starts_from": [self.weights_key(earlier) for earlier in self._starts_from(point)],
        }
        if "distillation" in parts(point.stage):
            inputs["teacher"] = self.at.pretrained(retrieval.teacher).checksum
        return inputs

    def _train(self, point: ModelPoint, inputs: dict[str, Any]) -> None:
        from tokir.training.loop import Objective, train

        config = self.at.config
        objective: Objective
        if point.retrieves:
            objective = retrieval = self._retrieval_objective(point)

            def build() -> Model:
                return self._first_weights(point, retrieval)
        else:
            from tokir.models import build_language_model
            from tokir.training.language_model import LanguageModelObjective

            tokenizer, (training, held_out) = self.tokenizer(point.tokenizer), self.at.drawn
            settings = self._training(point)
            objective = LanguageModelObjective(tokenizer, training, held_out, settings)
            width = self._width(point, point.architecture)

            def build() -> Model:
                return build_language_model(point.architecture, tokenizer.vocabulary_size, settings, width)

        objective.steps = self._steps(point, objective, build)
        tokens = objective.tokens_per_step() * objective.steps
        seen = {"tokens": round(tokens), "characters": round(tokens * self.characters_per_token(point.tokenizer))}
        train(
            build,
            objective,
            self._settings(point) if point.retrieves else config.training,
            self.at.folder.path / "models" / point.id,
            about={"architecture": point.architecture, "objective": point.objective, "seen": seen},
            seed=point.seed,
            device=self.at.device,
            progress=self.at.progress,
            inputs=inputs,
        )

    def _first_weights(self, point: ModelPoint, objective: RetrievalObjective) -> Retriever:
        """A retriever as its training begins: from random weights, or from those of its parent."""
        from tokir.models import build_retriever
        from tokir.models.retriever import Retriever

        window = self.window(point)
        size = self.tokenizer(point.tokenizer).vocabulary_size
        parent = self.model(point.parent) if point.parent else None
        if isinstance(parent, Retriever):
            grown = Retriever(parent.config)
            grown.load_state_dict(parent.state_dict())
            return grown
        model = build_retriever(
            point.architecture,
            size,
            self._settings(point),
            window,
            width=self._width(point, point.architecture),
            causal=parent is not None,
            buckets=point.tokenizer.buckets,
        )
        objective.prepare(model)
        if self._settings(point).from_static and point.static is not None:
            static = self.model(point.static)
            model.load_state_dict(static.state_dict(), strict=False)  # all but the network and its mix
        if parent is not None:
            assert model.network is not None
            states = {k: v for k, v in parent.state_dict().items() if not k.startswith("output.")}
            model.network.load_state_dict(states)
        return model

    # -- retrieval objectives -----------------------------------------------------------------------------

    def _retrieval_objective(self, point: ModelPoint) -> RetrievalObjective:
        from tokir.training.retrieval import RetrievalObjective

        settings, passages = self._settings(point), self._tokenised(point.tokenizer)
        return RetrievalObjective(
            passages,
            self._sources(point, passages),
            self._check(point, passages),
            settings,
            getattr(settings.steps, point.architecture),
            getattr(settings.batch_size, point.architecture),
            any(earlier.retrieves for earlier in self._starts_from(point)),
            # A static model has no window; it trains on whole crops.
            10**9 if point.architecture == "static" else self.window(point),
            settings.contrastive_weight if parts(point.stage) != ["distillation"] else 0.0,
        )

    def _sources(self, point: ModelPoint, passages: TokenisedPassages) -> list[tuple[PairSource, float]]:
        from tokir.training.contrastive import OwnPairs
        from tokir.training.simcse import DropoutPairs

        settings, wanted = self._settings(point), parts(point.stage)
        own: list[PairSource] = []
        if "distillation" in wanted:
            own.append(self._taught(point, passages))
        elif "contrastive" in wanted:
            lengths = settings.query_tokens, settings.passage_tokens
            own.append(OwnPairs(passages, settings.pairs, *lengths, settings.titles))
        if "simcse" in wanted:
            own.append(DropoutPairs(passages, settings.passage_tokens))
        rest = 1 - settings.query_share if "queries" in wanted else 1.0
        sources = [(source, rest / len(own)) for source in own]
        if "queries" in wanted:
            sources.append((self._queries(point, passages, "distillation" in wanted), settings.query_share))
        return sources

    def _queries(self, point: ModelPoint, passages: TokenisedPassages, taught: bool) -> PairSource:
        from tokir.training.queries import QueryPairs

        train, places = self.at.train_queries, self._places
        assert train is not None  # else the part was left out when the study began
        relevant = {
            query: kept
            for query, judged in train.qrels.items()
            if (kept := [places[id] for id, grade in judged.items() if grade > 0 and id in places])
        }
        texts = [train.queries[query] for query in relevant]
        teachers = None
        if taught:
            teachers = (self._teacher_texts("queries", texts), self._teacher_passages())
        negatives = self._negatives(point, texts, list(relevant.values()))
        ids = self._encode(point, texts)
        settings = self._settings(point)
        return QueryPairs(passages, ids, list(relevant.values()), settings.passage_tokens, negatives, teachers)

    def _taught(self, point: ModelPoint, passages: TokenisedPassages) -> PairSource:
        from tokir.training.distillation import TaughtPairs, query_like

        settings = self._settings(point)
        titles, texts = self._texts
        crops, owners = query_like(titles, texts, settings.teacher_texts, self.at.config.data.seed)
        teachers = (self._teacher_texts("crops", crops), self._teacher_passages())
        return TaughtPairs(
            passages, self._encode(point, crops), owners, settings.passage_tokens, teachers, settings.related
        )

    def _encode(self, point: ModelPoint, texts: list[str]) -> list[NDArray[np.int64]]:
        return [np.array(ids, dtype=np.int64) for ids in self.tokenizer(point.tokenizer).encode(texts)]

    def _check(self, point: ModelPoint, passages: TokenisedPassages) -> Check:
        """Queries for choosing where there are any, else crops that are to find their passage."""
        from tokir.training.distillation import query_like

        rng = np.random.default_rng(self.at.config.data.seed)
        choose, places = self.at.choose, self._places
        if choose is not None:
            found = {
                query: {places[id] for id, grade in judged.items() if grade > 0 and id in places}
                for query, judged in choose.qrels.items()
            }
            names = [query for query, relevant in found.items() if relevant]
            if names:
                drawn = rng.permutation(len(names))[:CHECK_QUERIES]
                kept = [names[i] for i in sorted(drawn.tolist())]
                relevant = [found[query] for query in kept]
                texts = [choose.queries[query] for query in kept]
                others = rng.permutation(len(passages))[:CHECK_OTHERS].tolist()
                return self._pooled(self._encode(point, texts), relevant, others)
        drawn_places = sorted(rng.permutation(len(passages))[: CHECK_QUERIES + CHECK_OTHERS].tolist())
        titles, texts = ([column[i] for i in drawn_places] for column in self._texts)
        crops, owners = query_like(titles, texts, 1, self.at.config.data.seed + 1)
        crops, owners = crops[:CHECK_QUERIES], owners[:CHECK_QUERIES]
        return self._pooled(self._encode(point, crops), [{drawn_places[i]} for i in owners], drawn_places)

    @staticmethod
    def _pooled(queries: list[NDArray[np.int64]], relevant: list[set[int]], others: list[int]) -> Check:
        from tokir.training.retrieval import Check

        pool = sorted(set(others).union(*relevant))
        position = {place: number for number, place in enumerate(pool)}
        return Check(queries, [{position[place] for place in places} for places in relevant], pool)

    def _negatives(self, point: ModelPoint, texts: list[str], relevant: list[list[int]]) -> list[list[int]] | None:
        """Passages ranked high for each query that are not relevant to it."""
        from tokir.retrieval.bm25 import BM25Index
        from tokir.retrieval.exact import ExactIndex

        kind = self._settings(point).negatives
        if kind == "batch":
            return None
        titles, bodies = self._texts
        passages = [f"{title} {text}" if title else text for title, text in zip(titles, bodies, strict=True)]
        names = [f"{place:09d}" for place in range(len(passages))]
        queries = [f"q{number}" for number in range(len(texts))]
        if kind == "bm25":
            ranking = BM25Index(passages, names).rank(texts, queries, NEGATIVES)
        else:
            parent = point.parent
            if parent is None or not parent.retrieves:
                raise TokirError(
                    f"{point.id}: retrieval.negatives=self mines with the model of an earlier stage: put one "
                    f"first, for example contrastive-then-{point.stage}"
                )
            encoder = self.encoder(TrainedSystem(parent, "learned"))
            index = ExactIndex(encoder.embed(encoder.tokenize(passages)), names)
            ranking = index.rank(encoder.embed(encoder.tokenize(texts)), queries, NEGATIVES)
        return [
            [place for place in map(int, ranking[query]) if place not in set(judged)]
            for query, judged in zip(queries, relevant, strict=True)
        ]

    # -- what is trained on -------------------------------------------------------------------------------

    @property
    def _positions(self) -> list[int]:
        """Where in the corpus the passages lie that retrieval objectives train on."""
        count, most = len(self.at.dataset.corpus), self.at.config.retrieval.documents
        if count <= most:
            return list(range(count))
        drawn = np.random.default_rng(self.at.config.data.seed).permutation(count)[:most]
        return sorted(drawn.tolist())

    @property
    def _places(self) -> dict[str, int]:
        """Passage id to its place among those trained on."""
        ids = self.at.dataset.corpus.ids
        return {ids[position]: place for place, position in enumerate(self._positions)}

    @property
    def _texts(self) -> tuple[list[str], list[str]]:
        """Titles and texts of the passages trained on."""
        records = [self.at.dataset.corpus.record(position) for position in self._positions]
        return [record.title for record in records], [record.text for record in records]

    def _tokenised(self, settings: TokenizerSettings) -> TokenisedPassages:
        from tokir.training.pairs import TokenisedPassages

        if settings.id not in self._passages:
            self._passages[settings.id] = TokenisedPassages(self.tokenizer(settings), *self._texts)
        return self._passages[settings.id]

    # -- the teacher --------------------------------------------------------------------------------------

    def _teacher_texts(self, name: str, texts: list[str]) -> NDArray[np.float32]:
        """The teacher's unit vectors of ``texts``, computed once and kept."""
        from tokir.encoders.store import read_embeddings
        from tokir.retrieval.exact import normalize

        teacher = self.at.config.retrieval.teacher
        file = f"teachers/{teacher}/{name}.npy"
        path = self.at.folder.path / file
        encoder = self.at.pretrained(teacher)
        inputs = {"texts": digest(texts), "weights": encoder.checksum, "precision": self.precision}
        self.at.folder.ensure(
            [file], inputs, lambda: self.embed(encoder, _Texts(texts), path, inputs, f"{teacher}: {name}")
        )
        return normalize(np.asarray(read_embeddings(path)))

    def _teacher_passages(self) -> NDArray[np.float32]:
        from tokir.encoders.store import read_embeddings
        from tokir.retrieval.exact import normalize

        vectors = read_embeddings(self.pretrained_vectors(self.at.config.retrieval.teacher))
        return normalize(np.asarray(vectors[self._positions]))

    # -- embedding ----------------------------------------------------------------------------------------

    def pretrained_vectors(self, name: PretrainedName) -> Path:
        """The corpus embedded by a pretrained encoder, as a baseline and as a teacher; what it is lies beside."""
        encoder, corpus, folder = self.at.pretrained(name), self.at.dataset.corpus, self.at.folder
        files = [f"embeddings/{name}/{file}" for file in ("corpus.npy", "encoder.json")]
        path, about = (folder.path / file for file in files)
        inputs = {**self.embedding_inputs, "weights": encoder.checksum, "longest": encoder.longest}

        def make() -> None:
            self.embed(encoder, corpus, path, inputs, name)
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

        folder.ensure(files, inputs, make)
        return path

    @property
    def embedding_inputs(self) -> dict[str, Any]:
        """What every embedding of the corpus depends on."""
        return {"corpus": self.at.dataset.corpus.checksum, "precision": self.precision}

    @property
    def precision(self) -> str:
        """The arithmetic of embedding many texts."""
        from tokir.training.loop import resolve_precision

        return resolve_precision(self.at.config.embedding_precision, self.at.device)

    def embed(self, encoder: Any, texts: Any, path: Any, inputs: dict[str, Any], task: str) -> None:
        """Write the vectors of ``texts`` to ``path``; ``inputs`` holds the precision among what they depend on."""
        import torch

        from tokir.encoders.store import embed_corpus

        with torch.autocast(self.at.device.type, torch.bfloat16, enabled=inputs["precision"] == "bf16"):
            embed_corpus(encoder, texts, path, digest(inputs), f"{task}: embedding", self.at.progress)

    def seconds_of_teacher(self) -> float:
        """Seconds that went into the teacher's vectors of this run."""
        teacher = self.at.config.retrieval.teacher
        names = [f"embeddings/{teacher}/corpus.npy"]
        names += [f"teachers/{teacher}/{name}.npy" for name in ("crops", "queries")]
        return sum(
            float(self.at.folder.entry(name)["seconds"]) for name in names if (self.at.folder.path / name).exists()
        )


class _Texts:
    """A list of texts as a corpus."""

    def __init__(self, texts: list[str]) -> None:
        self._all = texts

    def __len__(self) -> int:
        return len(self._all)

    def passages(self, start: int, stop: int) -> list[str]:
        """Texts from ``start`` up to ``stop``."""
        return self._all[start:stop]
