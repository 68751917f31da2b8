"""Systems ready to answer: embeddings, whitening, indexes, fusions; made where they are missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.artifacts import atomic, digest, write_json
from tokir.errors import TokirError, Unavailable, nearest
from tokir.evaluation.measures import HEADLINE
from tokir.study import choices
from tokir.study.models import Models
from tokir.study.workplace import Workplace
from tokir.systems import BaselineSystem, FusionSystem, System, TrainedSystem, systems, trained_systems

if TYPE_CHECKING:
    from pathlib import Path

    from tokir.data import Split
    from tokir.models.whitening import Whitening
    from tokir.retrieval.bm25 import BM25Index
    from tokir.searcher import Searcher


MAXSIM_DEPTH = 1000  # passages that late interaction scores anew
PASSAGES_AT_ONCE = 4096  # that are tokenised


class Searchers:
    """The searching part of a study."""

    def __init__(self, workplace: Workplace, models: Models) -> None:
        self.at, self.models = workplace, models

    def searcher(self, system: System) -> Searcher:
        """The system, ready to answer; whatever it needs is made if it is missing.

        Raises:
            Unavailable: a baseline's or a teacher's weights are not on this machine.
        """
        if isinstance(system, TrainedSystem):
            return self._trained(system)
        if isinstance(system, FusionSystem):
            return self._fusion(system)
        if system.id in ("bm25", "bm25-tuned"):
            from tokir.searcher import LexicalSearcher

            return LexicalSearcher(self._bm25(tuned=system.id == "bm25-tuned"))
        if system.id == "model2vec":
            return self._model2vec()
        return self._pretrained(system)

    def inputs(self, system: System) -> Any:
        """What a made system's rankings depend on, beside corpus and queries."""
        from tokir.retrieval.bm25 import K1, B

        folder = self.at.folder
        if system.id == "bm25":
            return {"k1": K1, "b": B}
        if isinstance(system, TrainedSystem) and system.pooling == "maxsim":
            return [self.inputs(system.unprocessed), MAXSIM_DEPTH]
        if isinstance(system, FusionSystem):
            members = [self.inputs(member) for member in self.members(system)]
            return [members, json.loads((folder.path / f"fusions/{system.id}.json").read_text("utf-8"))]
        names = [f"embeddings/{system.id}/{file}" for file in ("corpus.npy", "whitening.safetensors")]
        names += [f"lexical/{system.id}.json"]
        return [folder.key(name) for name in names if (folder.path / name).exists()]

    # -- trained ------------------------------------------------------------------------------------------

    def _trained(self, system: TrainedSystem) -> Searcher:
        from tokir.encoders.store import blocks, read_embeddings, transform_embeddings
        from tokir.models.whitening import Whitening
        from tokir.retrieval.exact import ExactIndex
        from tokir.searcher import DenseSearcher

        folder, raw_system = self.at.folder, system.unprocessed
        encoder = self.models.encoder(raw_system)
        raw = f"embeddings/{raw_system.id}/corpus.npy"
        inputs = {
            **self.models.embedding_inputs,
            "weights": self.models.weights_key(system.model),
            "window": self.models.window(system.model),
            "pooling": raw_system.pooling,
        }
        path = folder.path / raw
        corpus = self.at.dataset.corpus
        if system.pooling == "maxsim":
            return self._late(system, self._trained(raw_system))
        folder.ensure([raw], inputs, lambda: self.models.embed(encoder, corpus, path, inputs, raw_system.id))
        if system == raw_system:
            return DenseSearcher(encoder, ExactIndex(read_embeddings(path), corpus.ids))
        files = [f"embeddings/{system.id}/{file}" for file in ("whitening.safetensors", "corpus.npy")]
        fitted, whitened = (folder.path / file for file in files)
        choose = self.at.choose
        inputs = {"raw": folder.key(raw), "choose": choose and asdict(choose), "pooling": system.pooling}

        def make() -> None:
            whitening = Whitening.fit(blocks(read_embeddings(path)))
            whitening = self._choose_whitening(system, encoder, whitening, path, choose)
            whitening.save(fitted)
            transform_embeddings(path, whitened, digest(inputs), whitening)

        folder.ensure(files, inputs, make)
        return DenseSearcher(encoder, ExactIndex(read_embeddings(whitened), corpus.ids), Whitening.load(fitted))

    def _late(self, system: TrainedSystem, first: Searcher) -> Searcher:
        """Late interaction over what the one-vector system ``first`` puts at the top."""
        from tokir.models.retriever import Retriever
        from tokir.retrieval.maxsim import MaxSimIndex, distinct_tokens
        from tokir.searcher import DenseSearcher, LateSearcher

        corpus, tokenizer = self.at.dataset.corpus, self.models.tokenizer(system.model.tokenizer)
        files = [f"embeddings/{system.id}/{file}" for file in ("tokens.npy", "ends.npy")]
        paths = [self.at.folder.path / file for file in files]

        def make() -> None:
            parts = [
                distinct_tokens(tokenizer.encode(corpus.passages(start, start + PASSAGES_AT_ONCE)))
                for start in range(0, len(corpus), PASSAGES_AT_ONCE)
            ]
            sizes = np.concatenate([np.diff(ends, prepend=0) for _, ends in parts])
            for path, array in zip(
                paths, (np.concatenate([tokens for tokens, _ in parts]), np.cumsum(sizes)), strict=True
            ):
                with atomic(path, "wb") as file:
                    np.save(file, array)

        inputs = {"corpus": corpus.checksum, "tokenizer": self.models.tokenizer_key(system.model.tokenizer)}
        self.at.folder.ensure(files, inputs, make)
        model = self.models.model(system.model)
        assert isinstance(model, Retriever) and isinstance(first, DenseSearcher)
        table, weights = (
            value.detach().float().cpu().numpy() for value in (model.embedding.weight, model.token_weights)
        )
        tokens, ends = (np.load(path, mmap_mode="r") for path in paths)
        return LateSearcher(first, MaxSimIndex(table, weights, tokens, ends), MAXSIM_DEPTH)

    def _choose_whitening(
        self, system: TrainedSystem, encoder: Any, whitening: Whitening, raw: Path, choose: Split | None
    ) -> Whitening:
        """The strength, or the number of components to remove, by choice or by default."""
        from tokir.encoders.store import read_embeddings
        from tokir.models.whitening import DEFAULT_REMOVAL, DEFAULT_STRENGTH, REMOVALS, STRENGTHS

        removes = system.pooling.endswith("-top")
        if choose is None:
            default = whitening.with_strength(DEFAULT_STRENGTH)
            return whitening.without_first(DEFAULT_REMOVAL) if removes else default
        candidates = (
            [whitening.without_first(number) for number in REMOVALS]
            if removes
            else [whitening.with_strength(strength) for strength in STRENGTHS]
        )
        vectors = np.asarray(read_embeddings(raw))
        return choices.whitening(candidates, encoder, vectors, self.at.dataset.corpus.ids, choose)

    # -- baselines ----------------------------------------------------------------------------------------

    def _bm25(self, tuned: bool) -> BM25Index:
        from tokir.retrieval.bm25 import K1, B, BM25Index

        corpus = self.at.dataset.corpus
        texts = corpus.passages(0, len(corpus))
        if not tuned:
            return BM25Index(texts, corpus.ids)
        file = "lexical/bm25-tuned.json"
        path, choose = self.at.folder.path / file, self.at.choose

        def make() -> None:
            k1, b = (K1, B) if choose is None else choices.bm25_parameters(texts, corpus.ids, choose)
            write_json(path, {"k1": k1, "b": b})

        self.at.folder.ensure([file], {"corpus": corpus.checksum, "choose": choose and asdict(choose)}, make)
        return BM25Index(texts, corpus.ids, **json.loads(path.read_text("utf-8")))

    def _pretrained(self, system: BaselineSystem) -> Searcher:
        from tokir.encoders.store import read_embeddings
        from tokir.retrieval.exact import ExactIndex
        from tokir.searcher import DenseSearcher

        assert system.id != "bm25" and system.id != "bm25-tuned" and system.id != "model2vec"
        encoder = self.at.pretrained(system.id)
        vectors = read_embeddings(self.models.pretrained_vectors(system.id))
        return DenseSearcher(encoder, ExactIndex(vectors, self.at.dataset.corpus.ids))

    def _model2vec(self) -> Searcher:
        from tokir.encoders.model2vec import Model2VecEncoder, distil
        from tokir.encoders.pretrained import find_weights
        from tokir.encoders.store import read_embeddings
        from tokir.retrieval.exact import ExactIndex
        from tokir.searcher import DenseSearcher

        config, folder, corpus = self.at.config, self.at.folder, self.at.dataset.corpus
        teacher = config.retrieval.teacher
        weights = find_weights(teacher, config.pretrained_folders.get(teacher), self.at.machine.download)
        place = folder.path / "models/model2vec"
        files = [f"models/model2vec/{file}" for file in ("model.safetensors", "tokenizer.json", "config.json")]
        inputs = {"teacher": self.at.pretrained(teacher).checksum}
        self.at.progress.say(f"model2vec: distilling from {teacher}, unless it is there")
        folder.ensure(files, inputs, lambda: distil(weights, place))
        encoder = Model2VecEncoder(place)
        names = [f"embeddings/model2vec/{file}" for file in ("corpus.npy", "encoder.json")]
        path, about = (folder.path / name for name in names)
        inputs = {**self.models.embedding_inputs, "weights": folder.key(files[0])}

        def make() -> None:
            self.models.embed(encoder, corpus, path, inputs, "model2vec")
            facts = {"parameters": encoder.num_parameters(), "dimensions": encoder.dimensions}
            write_json(about, {**facts, "longest": None, "truncated": None})

        folder.ensure(names, inputs, make)
        return DenseSearcher(encoder, ExactIndex(read_embeddings(path), corpus.ids))

    # -- fusion -------------------------------------------------------------------------------------------

    def members(self, system: FusionSystem) -> list[System]:
        """The systems that a fusion joins, ``best`` resolved.

        Raises:
            TokirError: one of them is no system of this study, or is a fusion.
        """
        known: dict[str, System] = {other.id: other for other in systems(self.at.config)}
        found: list[System] = []
        for name in system.settings.systems:
            if name in ("best", "best-maxsim"):
                found.append(self.best(late=name == "best-maxsim"))
                continue
            member = known.get(name)
            if member is None or isinstance(member, FusionSystem):
                single = [key for key, other in known.items() if not isinstance(other, FusionSystem)]
                raise TokirError(
                    f"fusions: {name!r} is no system of this study that can be fused{nearest(name, single)}: "
                    f"name best or one of {', '.join(single)}"
                )
            found.append(member)
        return found

    def best(self, *, late: bool = False) -> TrainedSystem:
        """The trained system with the best recall@10 on the queries for choosing; without them the first.

        Of several seeds the mean counts, or the luckiest training would win; the first of them is taken.

        Args:
            late: of those with late interaction; else of those with one vector per passage.
        """
        candidates = [system for system in trained_systems(self.at.config) if (system.pooling == "maxsim") == late]
        if not candidates:
            raise TokirError("fusions: best needs a model trained here, and this study trains none")
        if self.at.choose is None:
            return candidates[0]
        recalls: dict[tuple[str, str], list[float]] = {}
        for system in candidates:
            recalls.setdefault((system.model.trained, system.pooling), []).append(self._usable_recall(system))
        best = max(recalls, key=lambda name: sum(recalls[name]) / len(recalls[name]))
        return next(system for system in candidates if (system.model.trained, system.pooling) == best)

    def _usable_recall(self, system: TrainedSystem) -> float:
        try:
            return self.recall_on_choose(system) or 0.0
        except Unavailable:
            return -1.0

    def recall_on_choose(self, system: TrainedSystem) -> float | None:
        """Recall@10 on the queries for choosing; None where there are none."""
        choose = self.at.choose
        if choose is None:
            return None
        searcher = self.searcher(system)
        file = f"choosing/{system.id}.json"
        path = self.at.folder.path / file

        def make() -> None:
            ranking = searcher.rank(list(choose.queries.values()), list(choose.queries), choices.DEEP)
            write_json(path, {HEADLINE: choices.recall(ranking, choose)})

        inputs = {"system": self.inputs(system), "choose": asdict(choose)}
        self.at.folder.ensure([file], inputs, make)
        return float(json.loads(path.read_text("utf-8"))[HEADLINE])

    def _fusion(self, system: FusionSystem) -> Searcher:
        from tokir.searcher import FusionSearcher

        members = self.members(system)
        searchers = [self.searcher(member) for member in members]
        depth, choose = self.at.config.evaluation.depth, self.at.choose
        file = f"fusions/{system.id}.json"
        path = self.at.folder.path / file

        def make() -> None:
            weights = [1.0] * len(members)
            if system.settings.method == "weighted" and choose is not None:
                queries, names = list(choose.queries.values()), list(choose.queries)
                rankings = [searcher.rank(queries, names, depth) for searcher in searchers]
                weights = choices.fusion_weights(rankings, choose)
            write_json(path, {"systems": [member.id for member in members], "weights": weights})

        inputs = [
            [self.inputs(member) for member in members],
            choose and asdict(choose),
            system.settings.model_dump(),
            depth,
        ]
        self.at.folder.ensure([file], inputs, make)
        weights = json.loads(path.read_text("utf-8"))["weights"]
        return FusionSearcher(searchers, system.settings.method, weights, depth)
