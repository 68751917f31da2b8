"""Tokenizers and models: trained where they are missing, loaded where they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import atomic, digest, write_json
from tokir.config import TokenizerSettings
from tokir.objectives import parts
from tokir.study.workplace import Workplace
from tokir.systems import ModelPoint, TrainedSystem

if TYPE_CHECKING:
    from pathlib import Path

    from tokir.config import PretrainedName
    from tokir.encoders.trained import StaticEncoder, TrainedEncoder
    from tokir.models import Model
    from tokir.models.retriever import Retriever
    from tokir.tokenizers import Tokenizer
    from tokir.training.pairs import PairSource, TokenisedPassages
    from tokir.training.retrieval import Check, RetrievalObjective

NEGATIVES = 30  # hard negatives of a query to draw from
CHECK_QUERIES, CHECK_OTHERS = 200, 500  # what a training is watched on: queries, and passages beside the relevant


class Models:
    """The trained part of a study."""

    def __init__(self, workplace: Workplace) -> None:
        self.at = workplace
        self._passages: dict[str, TokenisedPassages] = {}
        self._trained: dict[ModelPoint, Model] = {}

    # -- tokenizers ---------------------------------------------------------------------------------------

    def tokenizer(self, settings: TokenizerSettings) -> Tokenizer:
        """The tokenizer of these settings, trained if it is missing."""
        from tokir.tokenizers import Tokenizer, intrinsic_measures, train_bpe

        folder = self.at.folder
        files = [f"tokenizers/{settings.id}/{file}" for file in ("tokenizer.json", "training.json", "counts.npy")]
        name, about, counts = files

        def make() -> None:
            training, held_out = self.at.drawn
            self.at.progress.say(f"{settings.id}: training on {len(training):,} documents")
            tokenizer = train_bpe(
                training,
                settings.vocabulary_size,
                settings.lowercase,
                settings.normalization,
                settings.prefix_space,
            )
            tokenizer.save(folder.path / name)
            occurrences = np.zeros(tokenizer.vocabulary_size, dtype=np.int64)
            for ids in tokenizer.encode(training):
                np.add.at(occurrences, ids, 1)
            with atomic(folder.path / counts, "wb") as file:
                np.save(file, occurrences)
            write_json(
                folder.path / about,
                {
                    "id": settings.id,
                    **settings.model_dump(),
                    "documents": len(training),
                    **intrinsic_measures(tokenizer, held_out),
                },
            )

        folder.ensure(files, {**self.at.drawn_inputs, **settings.model_dump()}, make)
        return Tokenizer.load(folder.path / name)

    # -- models -------------------------------------------------------------------------------------------

    def encoder(self, system: TrainedSystem) -> TrainedEncoder | StaticEncoder:
        """The encoder of a system, before any whitening; whatever it needs is trained if it is missing."""
        from tokir.encoders.trained import StaticEncoder, TrainedEncoder
        from tokir.models.pooling import smooth_inverse_frequency
        from tokir.models.retriever import Retriever

        point = system.model
        model, tokenizer = self.model(point), self.tokenizer(point.tokenizer)
        window = self.at.config.training.sequence_length
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
        static = point.static if self.at.config.retrieval.from_static else None
        return [earlier for earlier in (point.parent, static) if earlier is not None]

    def weights_key(self, point: ModelPoint) -> str:
        """The hash of the weights that embed."""
        return self.at.folder.key(f"models/{point.id}/{self._checkpoint(point)}.safetensors")

    def _checkpoint(self, point: ModelPoint) -> str:
        config = self.at.config
        return (config.retrieval if point.retrieves else config.training).checkpoint

    def _inputs(self, point: ModelPoint) -> dict[str, Any]:
        """All that a model's weights depend on."""
        config, folder = self.at.config, self.at.folder
        self.tokenizer(point.tokenizer)
        inputs: dict[str, Any] = {
            **self.at.drawn_inputs,
            "tokenizer": folder.key(f"tokenizers/{point.tokenizer.id}/tokenizer.json"),
            "architecture": point.architecture,
            "objective": point.objective,
            "seed": point.seed,
        }
        if not point.retrieves:
            return {**inputs, "training": config.training.model_dump(exclude={"checkpoint"})}
        others = {name for name in ("lstm", "transformer") if name != point.architecture}
        apart: dict[str, Any] = {name: True for name in ("checkpoint", "steps", "batch_size", "teacher_optional")}
        settings = config.retrieval.model_dump(mode="json", exclude=apart | {"learning_rate": others})
        splits = (self.at.train_queries, self.at.choose)
        inputs |= {
            "retrieval": settings,
            "steps": getattr(config.retrieval.steps, point.architecture),
            "window": config.training.sequence_length,
            "queries": digest([split and [split.queries, split.qrels] for split in splits]),
            "batch_size": getattr(config.retrieval.batch_size, point.architecture),
            "starts_from": [self.weights_key(earlier) for earlier in self._starts_from(point)],
        }
        if "distillation" in parts(point.stage):
            inputs["teacher"] = self.at.pretrained(config.retrieval.teacher).checksum
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
            objective = LanguageModelObjective(tokenizer, training, held_out, config.training)

            def build() -> Model:
                return build_language_model(point.architecture, tokenizer.vocabulary_size, config.training)

        train(
            build,
            objective,
            config.retrieval if point.retrieves else config.training,
            self.at.folder.path / "models" / point.id,
            about={"architecture": point.architecture, "objective": point.objective},
            seed=point.seed,
            device=self.at.device,
            progress=self.at.progress,
            inputs=inputs,
        )

    def _first_weights(self, point: ModelPoint, objective: RetrievalObjective) -> Retriever:
        """A retriever as its training begins: from random weights, or from those of its parent."""
        from tokir.models import build_retriever
        from tokir.models.retriever import Retriever

        window = self.at.config.training.sequence_length
        size = self.tokenizer(point.tokenizer).vocabulary_size
        parent = self.model(point.parent) if point.parent else None
        if isinstance(parent, Retriever):
            grown = Retriever(parent.config)
            grown.load_state_dict(parent.state_dict())
            return grown
        model = build_retriever(
            point.architecture, size, self.at.config.retrieval, window, causal=parent is not None
        )
        objective.prepare(model)
        if self.at.config.retrieval.from_static and point.static is not None:
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

        settings, passages = self.at.config.retrieval, self._tokenised(point.tokenizer)
        return RetrievalObjective(
            passages,
            self._sources(point, passages),
            self._check(point, passages),
            settings,
            getattr(settings.steps, point.architecture),
            getattr(settings.batch_size, point.architecture),
            any(earlier.retrieves for earlier in self._starts_from(point)),
            # A static model has no window; it trains on whole crops.
            10**9 if point.architecture == "static" else self.at.config.training.sequence_length,
            settings.contrastive_weight if parts(point.stage) != ["distillation"] else 0.0,
        )

    def _sources(self, point: ModelPoint, passages: TokenisedPassages) -> list[tuple[PairSource, float]]:
        from tokir.training.contrastive import OwnPairs
        from tokir.training.simcse import DropoutPairs

        settings, wanted = self.at.config.retrieval, parts(point.stage)
        own: list[PairSource] = []
        if "distillation" in wanted:
            own.append(self._taught(point, passages))
        elif "contrastive" in wanted:
            own.append(OwnPairs(passages, settings.pairs, settings.query_tokens, settings.passage_tokens))
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
        settings = self.at.config.retrieval
        return QueryPairs(passages, ids, list(relevant.values()), settings.passage_tokens, negatives, teachers)

    def _taught(self, point: ModelPoint, passages: TokenisedPassages) -> PairSource:
        from tokir.training.distillation import TaughtPairs, query_like

        settings = self.at.config.retrieval
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

        kind = self.at.config.retrieval.negatives
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
                from tokir.errors import TokirError

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
