"""Systems of the grid ready to answer: their vectors, whitening and indexes, made where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tokir.artifacts import Names, digest, file_digest, read_array, write_array
from tokir.encoders.files import EncoderFiles, NetworkFiles, PretrainedFiles, StaticFiles
from tokir.encoders.store import blocks, transform_embeddings
from tokir.evaluation import tuning
from tokir.retrieval.files import LateFiles, SystemFiles, contents
from tokir.retrieval.searchers import Searcher
from tokir.study.baselines import baseline
from tokir.study.context import Context
from tokir.study.embeddings import Embeddings
from tokir.study.lexical import lexical_files
from tokir.study.models import Models
from tokir.systems import BaselineSystem, LexicalSystem, System, TrainedSystem

if TYPE_CHECKING:
    from tokir.models.retriever import Retriever
    from tokir.models.whitening import Whitening


class Searchers:
    """Systems of the grid by id; fusions are made of them elsewhere."""

    def __init__(self, context: Context, models: Models, embeddings: Embeddings) -> None:
        self.context, self.models, self.embeddings = context, models, embeddings

    def searcher(self, system: System) -> Searcher:
        """The system, ready to answer; whatever it needs is made if it is missing.

        Raises:
            Unavailable: a baseline's or a teacher's weights are not on this machine.
        """
        self.files(system)
        return self.context.engine.searcher(system.id)

    def files(self, system: System) -> SystemFiles:
        """The files that the system answers from; raises as :meth:`searcher`."""
        opener = self.context.opener
        if system.id not in opener.files:
            opener.name_files(system.id, self._made(system))
        return opener.files[system.id]

    def _made(self, system: System) -> SystemFiles:
        if isinstance(system, TrainedSystem):
            return self._trained(system)
        if isinstance(system, LexicalSystem):
            return lexical_files(system, self.context, self.models.tokenizers)
        assert isinstance(system, BaselineSystem)
        return baseline(system.name).make(self.embeddings, system.index)

    def inputs(self, system: System) -> Any:
        """What a system's ranked lists depend on, beside corpus and queries."""
        return contents(self.files(system), self.context.folder)

    # -- trained ------------------------------------------------------------------------------------------

    def _trained(self, system: TrainedSystem) -> SystemFiles:
        if system.pooling.late:
            return self._late(system)
        whole, index = system.whole, system.index
        encoder, vectors = self._raw(whole.unprocessed)
        if whole == whole.unprocessed:
            alone = system.model.stage.queries_alone  # then it shares the teacher's index
            owner = BaselineSystem(self.models.teacher.name, index) if alone else system
            return self.embeddings.indexed(
                owner.id, vectors, encoder, index, passage_encoder=self._teacher_of(system)
            )
        fitted, whitened = (Names.embedding(whole.id, file) for file in (Names.WHITENING, Names.VECTORS))
        folder = self.context.folder
        inputs = {
            "raw": folder.key(vectors),
            "validation": self.context.validation_inputs,
            "pooling": str(system.pooling),
            "unit": system.pooling.of_any_length,
        }
        if system.model.stage.queries_alone:  # what is chosen depends on queries that the vectors do not
            inputs["weights"] = self.models.ensure(self.models.plan(system.model))

        def make() -> None:
            whitening = self._choose_whitening(system, encoder, vectors)
            whitening.save(folder.file(fitted))
            key = digest(
                [inputs, file_digest(folder.file(fitted))]
            )  # what an earlier sitting began may be of another
            transform_embeddings(folder.file(vectors), folder.file(whitened), key, whitening)

        folder.ensure([fitted, whitened], inputs, make)
        return self.embeddings.indexed(
            system.id, whitened, encoder, index, fitted, passage_encoder=self._teacher_of(system)
        )

    def _teacher_of(self, system: TrainedSystem) -> PretrainedFiles | None:
        """What embeds passages for a model that embeds queries only; None for any other."""
        if not system.model.stage.queries_alone:
            return None
        return self.embeddings.pretrained_files(self.models.teacher.name)

    def _raw(self, system: TrainedSystem) -> tuple[EncoderFiles, str]:
        """The encoder of a system before any whitening, and the file of its vectors of the corpus."""
        plan, corpus = self.models.plan(system.model), self.context.dataset.corpus
        weights = self.models.ensure(plan)
        encoder = self._encoder(system)
        if plan.point.stage.queries_alone:
            self.embeddings.pretrained(self.models.teacher.name)
            return encoder, Names.embedding(self.models.teacher.id)
        name = Names.embedding(system.id)
        inputs = {
            **self.embeddings.inputs,
            "weights": weights,
            "window": plan.window,
            "pooling": str(system.pooling),
        }

        def make() -> None:
            self.embeddings.embed(encoder, corpus, name, inputs, system.id)

        self.context.folder.ensure([name], inputs, make)
        return encoder, name

    def _encoder(self, system: TrainedSystem) -> EncoderFiles:
        """The files of a trained encoder, those that are not the model's own written if they are missing."""
        from tokir.encoders.trained import static_table
        from tokir.models.pooling import smooth_inverse_frequency

        point, plan, folder = system.model, self.models.plan(system.model), self.context.folder
        tokenizer = self.models.tokenizers.file(point.tokenizer)
        if plan.static and not plan.buckets:
            table, inputs = Names.embedding(system.id, Names.TABLE), {"weights": self.models.ensure(plan)}
            folder.ensure(
                [table], inputs, lambda: write_array(folder.file(table), static_table(self._retriever(system)))
            )
            return StaticFiles(table, tokenizer)
        weights: str | None = None
        if system.pooling.base == "sif":
            weights = Names.embedding(system.id, Names.TOKEN_WEIGHTS)
            path, counts = folder.file(weights), Names.tokenizer_facts(point.tokenizer.id)[1]

            def inverse_frequency() -> None:
                write_array(path, smooth_inverse_frequency(read_array(folder.file(counts))))

            folder.ensure([weights], {"counts": folder.key(counts)}, inverse_frequency)
        return NetworkFiles(Names.model(point.id), plan.checkpoint, tokenizer, plan.window, weights)

    def _retriever(self, system: TrainedSystem) -> Retriever:
        return cast("Retriever", self.models.load(self.models.plan(system.model)))

    def _choose_whitening(self, system: TrainedSystem, encoder: EncoderFiles, vectors: str) -> Whitening:
        """The fit of the corpus's vectors, applied as does best on the validation queries."""
        from tokir.models.whitening import DEFAULT_REMOVAL, DEFAULT_STRENGTH, REMOVALS, STRENGTHS, Whitening

        raw_file = self.context.folder.file(vectors)
        fit = Whitening.fit(blocks(raw_file), unit=system.pooling.of_any_length)
        validation = self.context.validation
        removes = system.pooling.components_removed
        if validation is None:
            return fit.without_first(DEFAULT_REMOVAL) if removes else fit.with_strength(DEFAULT_STRENGTH)
        candidates: Sequence[Whitening] = (
            [fit.without_first(number) for number in REMOVALS]
            if removes
            else [fit.with_strength(strength) for strength in STRENGTHS]
        )
        self.context.keep_passages()
        opened = self.context.open(encoder)
        queries = opened.embed(opened.tokenize(list(validation.queries.values())))
        ids, tie_order = self.context.dataset.corpus.ids, self.context.opener.tie_order
        return tuning.whitening(candidates, queries, read_array(raw_file), ids, tie_order, validation)

    def _late(self, system: TrainedSystem) -> SystemFiles:
        """Late interaction: the best cosine of each entry of the vocabulary with each passage."""
        from tokir.retrieval.best_cosines import tokens_in
        from tokir.retrieval.maxsim import MaxSimIndex, PrunedMaxSimIndex, TokenVectors

        settings, index = system.model.tokenizer, Names.index(system.id)
        corpus, kept = self.context.dataset.corpus, self.context.config.late_interaction.kept
        plan = self.models.plan(system.model)
        self.context.keep_passages()
        inputs = {
            "corpus": corpus.checksum,
            "tokenizer": self.models.tokenizers.key(settings),
            "weights": self.models.ensure(plan),
            "kept": kept,
        }

        def make(path: Path) -> None:
            tokenizer, model = self.models.tokenizers.get(settings), self._retriever(system)
            tokens, ends = tokens_in(tokenizer, corpus)
            vectors = TokenVectors.of_model(model)
            if kept == 1:
                MaxSimIndex.build(path, vectors, tokens, ends)
            else:
                PrunedMaxSimIndex.build(path, vectors, tokens, ends, kept)

        self.context.folder.ensure_folder(index, inputs, make)
        return LateFiles(self.models.tokenizers.file(settings), index, kept, Names.model(plan.id), plan.checkpoint)
