"""The models of a study: trained after their plans where they are missing, loaded where they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.artifacts import Names, write_json
from tokir.errors import TokirError
from tokir.study.context import Context
from tokir.study.documents import Documents
from tokir.study.helpers import call
from tokir.study.negatives import check_miner, hard_negatives
from tokir.study.passages import TrainingPassages
from tokir.study.plan import Planner, TrainingPlan
from tokir.study.teacher import Teacher
from tokir.study.tokenizers import Tokenizers
from tokir.study.validation import validation_pool
from tokir.systems import ModelPoint
from tokir.threads import computing_on, training_threads

if TYPE_CHECKING:
    from tokir.models import Model
    from tokir.models.retriever import Retriever
    from tokir.training.loop import TrainingObjective
    from tokir.training.retrieval import RetrievalObjective
    from tokir.training.sources import SourceInputs, TrainQueries
    from tokir.training.texts import Texts


class Models:
    """Models by their plans."""

    def __init__(
        self,
        context: Context,
        documents: Documents,
        tokenizers: Tokenizers,
        passages: TrainingPassages,
        teacher: Teacher,
        planner: Planner,
    ) -> None:
        self.context, self.documents, self.tokenizers = context, documents, tokenizers
        self.passages, self.teacher, self.planner = passages, teacher, planner

    def plan(self, point: ModelPoint) -> TrainingPlan:
        """What is decided of the training of a point of the grid."""
        return self.planner.plan(point)

    def check(self, plan: TrainingPlan) -> None:
        """TokirError where settings and data show that it cannot be trained."""
        for earlier in plan.starts_from:
            self.check(earlier)
        if plan.point.retrieves:
            check_miner(plan)
            if "train queries" in plan.point.stage.needs and self.context.train_queries is not None:
                _ = self._train_queries

    def ensure(self, plan: TrainingPlan) -> str:
        """Train the model unless it is there; returns the hash of the weights that embed.

        Raises:
            Unavailable: its teacher, or what its pairs are made of, is not to be had.
        """
        from tokir.training.checkpoint import forget_state

        for earlier in plan.starts_from:
            self.ensure(earlier)
        self.make(plan)
        forget_state(self.context.folder.file(Names.model(plan.id)))
        return self._key(plan)

    def make(self, plan: TrainingPlan) -> None:
        """Train the model unless it is there, as those that it starts from must be; see :meth:`ensure`.

        What it could resume from stays, until the model is on record.
        """
        inputs = self._inputs(plan)
        self.context.folder.ensure(self.files(plan), inputs, lambda: self._train(plan, inputs))

    def trained(self, plan: TrainingPlan) -> bool:
        """Is the model there? Those that it starts from must be."""
        return self.context.folder.holds(self.files(plan), self._inputs(plan))

    @staticmethod
    def files(plan: TrainingPlan) -> list[str]:
        """What its training leaves in the run folder."""
        from tokir.training.checkpoint import FILES

        return [Names.model(plan.id, file) for file in FILES]

    def _inputs(self, plan: TrainingPlan) -> dict[str, Any]:
        return {**plan.inputs, "weights": [self._key(earlier) for earlier in plan.starts_from]}

    def _key(self, plan: TrainingPlan) -> str:
        return self.context.folder.key(Names.model(plan.id, Names.weights(plan.checkpoint)))

    def load(self, plan: TrainingPlan) -> Model:
        """The model with the weights that embed, trained if it is missing."""
        from tokir.training.checkpoint import load_trained

        self.ensure(plan)
        path = self.context.folder.file(Names.model(plan.id))
        return load_trained(path, plan.checkpoint, self.context.device)

    def ask_teacher(self, plan: TrainingPlan) -> None:
        """Let the teacher of a training, where it has one, embed all that it is to read; Unavailable without it."""
        from tokir.training.sources import pair_sources

        if "teacher" in plan.point.stage.needs:
            inputs = replace(self._source_inputs(plan), hard_negatives=lambda queries: None)
            pair_sources(plan.point.stage, inputs)

    # -- training -----------------------------------------------------------------------------------------

    def _train(self, plan: TrainingPlan, inputs: dict[str, Any]) -> None:
        objective, build = self.prepared(plan)
        call(self, plan, inputs)
        self.fit(plan, inputs, objective, build)

    def prepared(self, plan: TrainingPlan) -> tuple[TrainingObjective, Callable[[], Model]]:
        """What a model is trained for, at work on its data, and what makes it with its first weights."""
        build: Callable[[], Model]
        if plan.point.retrieves:
            objective: TrainingObjective = (retrieval := self._retrieval_objective(plan))

            def build() -> Model:
                return self._first_weights(plan, retrieval)
        else:
            from tokir.models import build_language_model
            from tokir.training.language_model import LanguageModelObjective

            tokenizer = self.tokenizers.get(plan.point.tokenizer)
            documents = self.documents
            objective = LanguageModelObjective(
                tokenizer, documents.training, documents.held_out, plan.training, plan.own
            )

            def build() -> Model:
                return build_language_model(
                    plan.point.architecture, plan.vocabulary_size, plan.training, plan.width
                )

        with computing_on(self.threads(plan)):
            objective.steps = self._steps(plan, objective, build)
        return objective, build

    def fit(
        self, plan: TrainingPlan, inputs: dict[str, Any], objective: TrainingObjective, build: Callable[[], Model]
    ) -> None:
        """Train what was :meth:`prepared`."""
        from tokir.training.loop import train

        tokens = objective.tokens_per_step() * objective.steps
        characters = tokens * self.tokenizers.characters_per_token(plan.point.tokenizer)
        with computing_on(self.threads(plan)):
            train(
                build,
                objective,
                plan.settings,
                self.context.folder.file(Names.model(plan.id)),
                about={
                    "architecture": plan.point.architecture,
                    "objective": str(plan.point.objective),
                    "seen": {"tokens": round(tokens), "characters": round(characters)},
                },
                seed=plan.point.seed,
                device=self.context.device,
                progress=self.context.progress,
                inputs=inputs,
            )

    def threads(self, plan: TrainingPlan) -> int:
        """On how many threads a model is trained."""
        import torch

        return self.context.machine.threads or training_threads(plan.static, torch.get_num_threads())

    def _steps(self, plan: TrainingPlan, objective: TrainingObjective, build: Callable[[], Model]) -> int:
        """Steps that the budget holds."""
        if plan.budget is None:
            return objective.steps
        amount = plan.budget.amount
        if plan.budget.unit == "seconds":
            return self._steps_in(plan, amount, objective, build)
        each = objective.tokens_per_step()
        if amount < each:
            raise TokirError(
                f"{plan.id}: budget.equal=tokens gives it {amount:,.0f} tokens, fewer than one step of "
                f"{each:,.0f}: give more documents or epochs, or a smaller training.batch_size"
            )
        return int(amount / each)

    def _steps_in(
        self, plan: TrainingPlan, seconds: float, objective: TrainingObjective, build: Callable[[], Model]
    ) -> int:
        """Steps that fit into ``seconds``, measured once; an interrupted training resumes with the same number."""
        import torch

        from tokir.training import processes
        from tokir.training.loop import seconds_per_step

        if processes.count() > 1:
            raise TokirError(f"{plan.id}: budget.seconds are those of one process: train it without torchrun")
        folder, name = self.context.folder, Names.model(plan.id, Names.BUDGET)

        def measure() -> None:
            each = seconds_per_step(build, objective, plan.settings, self.context.device, plan.point.seed)
            if seconds < each:
                raise TokirError(
                    f"{plan.id}: one step takes {each:.2g} seconds on this machine, more than "
                    f"budget.seconds={seconds:g} for all of them: give more"
                )
            steps = int(seconds / each)
            write_json(folder.file(name), {"seconds": seconds, "seconds_per_step": each, "steps": steps})

        folder.ensure([name], [plan.key, self.context.device.type, torch.get_num_threads()], measure)
        return int(folder.read_json(name)["steps"])

    def _first_weights(self, plan: TrainingPlan, objective: RetrievalObjective) -> Retriever:
        """A retriever as its training begins: from random weights, or from those of earlier trainings."""
        from tokir.models import build_retriever
        from tokir.models.retriever import Retriever

        parent = self.load(plan.parent) if plan.parent else None
        if isinstance(parent, Retriever):
            grown = Retriever(parent.config)
            grown.load_state_dict(parent.state_dict())
            return grown
        model = build_retriever(
            plan.point.architecture,
            plan.vocabulary_size,
            plan.retrieval,
            plan.window,
            width=plan.width,
            causal=parent is not None,
            buckets=plan.buckets,
        )
        objective.prepare(model)
        if plan.point.starts_alone:
            model.start_alone()
        if plan.static_start is not None:
            static = self.load(plan.static_start)
            model.load_state_dict(static.state_dict(), strict=False)  # all but the network and its mix
        if parent is not None:
            assert model.network is not None
            states = {k: v for k, v in parent.state_dict().items() if not k.startswith("output.")}
            model.network.load_state_dict(states)
        return model

    # -- retrieval objectives -----------------------------------------------------------------------------

    def _retrieval_objective(self, plan: TrainingPlan) -> RetrievalObjective:
        from tokir.training.retrieval import RetrievalObjective
        from tokir.training.sources import contrastive_weight, pair_sources

        tokenizer = self.tokenizers.get(plan.point.tokenizer)
        passages = self.passages.tokenised(plan.point.tokenizer.id, tokenizer)
        stage = plan.point.stage
        return RetrievalObjective(
            passages,
            pair_sources(stage, self._source_inputs(plan)),
            validation_pool(self.context, self.passages, self._encode(plan)),
            plan.retrieval,
            plan.own,
            trained=any(earlier.point.retrieves for earlier in plan.starts_from),
            window=plan.longest,
            contrastive_weight=contrastive_weight(stage, plan.retrieval),
            fixed=self.teacher.passages(self.passages.positions) if stage.queries_alone else None,
            stage=sum(earlier.retrieves for earlier in plan.point.objective.stages[:-1]),
            alone=plan.point.starts_alone,
        )

    def _source_inputs(self, plan: TrainingPlan) -> SourceInputs:
        """What pairs are made of; what costs something is made when it is asked for."""
        from tokir.training.sources import SourceInputs, TeacherVectors

        tokenizer = self.tokenizers.get(plan.point.tokenizer)
        return SourceInputs(
            passages=self.passages.tokenised(plan.point.tokenizer.id, tokenizer),
            texts=self.passages.texts,
            encode=self._encode(plan),
            settings=plan.retrieval,
            seed=self.context.config.data.seed,
            train_queries=None if self.context.train_queries is None else lambda: self._train_queries,
            hard_negatives=lambda queries: hard_negatives(plan, self.context, self.passages, queries, self.load),
            teacher=TeacherVectors(
                texts=self.teacher.texts, passages=lambda: self.teacher.passages(self.passages.positions)
            )
            if "teacher" in plan.point.stage.needs
            else None,
            queries_alone=plan.point.stage.queries_alone,
            perturb=_perturbation(plan),
        )

    @cached_property
    def _train_queries(self) -> TrainQueries:
        from tokir.training.sources import TrainQueries

        train = self.context.train_queries
        assert train is not None
        relevant, own = self.passages.relevant(train), set(train.own_passages)
        if not relevant:
            raise TokirError(
                f"none of the {len(train.queries):,} train queries has a relevant passage among the "
                f"{len(self.passages.positions):,} that are trained on: raise retrieval.documents"
            )
        return TrainQueries(
            [train.queries[query] for query in relevant],
            list(relevant.values()),
            [self.passages.index_of.get(query) if query in own else None for query in relevant],
        )

    def _encode(self, plan: TrainingPlan) -> Callable[[Sequence[str]], Texts]:
        from tokir.training.texts import Texts

        tokenizer = self.tokenizers.get(plan.point.tokenizer)
        return lambda texts: Texts.of(tokenizer.encode(texts))


def _perturbation(plan: TrainingPlan) -> Callable[[str, np.random.Generator], str] | None:
    """One of the perturbations that a training asks for, drawn for each text."""
    from tokir.evaluation.registry import PERTURBATIONS

    names = plan.retrieval.perturbations
    if not plan.retrieval.perturbed_share:
        return None
    return lambda text, rng: PERTURBATIONS[names[int(rng.integers(len(names)))]].apply(text, rng)
