"""What a row of the result table is, read from the artefacts in the run folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tokir.artifacts import Names
from tokir.config import IndexForm, TokenizerSettings
from tokir.encoders.registry import model_id
from tokir.errors import Unavailable
from tokir.models.registry import ARCHITECTURES
from tokir.results.records import System as Row
from tokir.results.records import Tokenizer
from tokir.results.systems import (
    Fused,
    LanguageModel,
    ModelValidation,
    Needs,
    RetrievalTraining,
    RetrievalValidation,
    Seconds,
    Seen,
)
from tokir.retrieval.files import indexes
from tokir.retrieval.maxsim import WEIGHTS
from tokir.study.baselines import baseline
from tokir.study.context import Context
from tokir.study.labels import index_label, objective_label, pooling_label, title
from tokir.study.lexical import lexical_row
from tokir.study.plan import Planner, TrainingPlan
from tokir.systems import (
    BaselineSystem,
    FusionSystem,
    LexicalSystem,
    System,
    TrainedSystem,
    systems,
    tokenizer_of,
)
from tokir.tokenizers.registry import TOKENIZERS


def unavailable(row: Row, reason: str) -> Row:
    """The row of a system that cannot be had on this machine; nothing stands in for it."""
    return row.model_copy(update={"status": "unavailable", "reason": reason})


@dataclass(frozen=True)
class Rows:
    """Rows of one study, without scores, latency and recall on validation queries."""

    context: Context
    planner: Planner

    def row(self, system: System) -> Row:
        """The row of a system, with as much as was made of it."""
        if isinstance(system, TrainedSystem):
            row = self._trained(system)
        elif isinstance(system, FusionSystem):
            row = self._fusion(system)
        elif isinstance(system, LexicalSystem):
            row = lexical_row(system).model_copy(update={"tokenizer": self._tokenizer(system.tokenizer)})
        else:
            row = self._baseline(system)
        return row.model_copy(
            update={"needs": self._needs(system, row), "bytes_per_passage": self._bytes_per_passage(system)}
        )

    def _baseline(self, system: BaselineSystem) -> Row:
        kind = baseline(system.name)
        row, form = kind.row(system.whole.id, self.context.folder), system.index
        if not kind.dense:
            return row
        title = f"{row.title}, {form.label}" if form.label else row.title
        return row.model_copy(update={"id": system.id, "title": title, **_indexed(form, row.dimensions)})

    def _bytes_per_passage(self, system: System) -> float | None:
        """Of the folders of its indexes, those of its members for a fusion; None where they were not made."""
        opener = self.context.opener
        folders = [opener.file(name) for name in indexes(opener.files, system.id)]
        size = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
        return size / len(self.context.dataset.corpus) if folders else None

    def _needs(self, system: System, row: Row) -> Needs | None:
        """What a query and a new passage need; of a fusion what its members do."""
        if isinstance(system, TrainedSystem):
            own = "network" if system.model.has_network else "table"
            taught = system.model.stage.queries_alone
            return Needs(
                query=(
                    "tokens" if system.pooling.late else own,
                ),  # late interaction looks up what was computed before
                passage=(model_id(self.context.config.retrieval.teacher) if taught else own,),
            )
        if isinstance(system, FusionSystem):
            members = [self._needs(member, self.row(member)) for member in self._members(row)]
            known = [needs for needs in members if needs is not None]
            if not known:
                return None
            return Needs(
                query=tuple(dict.fromkeys(thing for needs in known for thing in needs.query)),
                passage=tuple(dict.fromkeys(thing for needs in known for thing in needs.passage)),
            )
        name = system.whole.id if isinstance(system, BaselineSystem) else row.id
        alone = {"lexical": "terms", "pretrained": name}.get(row.kind)
        return Needs(query=(alone,), passage=(alone,)) if alone else None

    def _members(self, row: Row) -> list[System]:
        named = row.fused.systems if row.fused else ()
        return [system for system in systems(self.context.config) if system.id in named]

    def _trained(self, system: TrainedSystem) -> Row:
        point, folder = system.model, self.context.folder
        row = Row(
            id=system.id,
            kind="trained",
            title=title(point.architecture, point.objective, system.pooling, point.variant, system.index),
            architecture=point.architecture,
            architecture_label=ARCHITECTURES[point.architecture].label,
            objective=str(point.objective),
            objective_label=objective_label(point.objective),
            variant=point.variant or None,
            pooling=str(system.pooling),
            pooling_label=pooling_label(system.pooling),
            seed=point.seed,
        )
        try:
            plan = self.planner.plan(point)
        except Unavailable:  # its teacher is not on this machine
            return row
        if not folder.recorded(Names.model(point.id, Names.MODEL_CONFIG)):
            return row
        tokenizer = self._tokenizer(point.tokenizer)
        assert tokenizer is not None  # a model is trained with it
        model, history = self._model(plan)
        used = history[-1] if plan.checkpoint == "final" else min(history, key=lambda line: float(line["loss"]))
        trainings, teacher_files = self._trainings(plan), self._teacher_files(plan)
        retrieval = _retrieval_training(plan, model, used, history) if point.retrieves else None
        trained = retrieval is not None and system.index.dimensions in retrieval.matryoshka
        indexed = {} if system.pooling.late else _indexed(system.index, model["model"]["width"], trained)
        return row.model_copy(
            update={
                "tokenizer": tokenizer,
                "parameters": model["parameters"],
                "dimensions": model["model"]["width"],
                **indexed,
                "seen": self._seen(plan),
                "seconds": Seconds(
                    train=sum(trainings.values()),
                    teacher=round(sum(teacher_files.values()), 3),
                    embed=folder.seconds(_vectors(system)),
                ),
                "stages": trainings,
                "teacher_files": teacher_files,
                "retrieval_training": retrieval,
                "language_model": None if retrieval else _language_model(model, used, history, tokenizer),
                **self._postprocessing(system),
            }
        )

    def _fusion(self, system: FusionSystem) -> Row:
        folder, name = self.context.folder, Names.chosen(system.id)
        row = Row(id=system.id, kind="fusion", title=f"Fusion {system.id}", architecture="fusion")
        if not folder.recorded(name):
            return row
        fused = Fused.model_validate({**folder.read_json(name), "method": system.settings.method})
        known = {other.id: other for other in systems(self.context.config)}
        shared = {cut for member in fused.systems if (cut := tokenizer_of(known[member]))}
        tokenizer = self._tokenizer(shared.pop()) if len(shared) == 1 else None
        if system.settings.method == "rrf":
            how = "reciprocal ranks"
        else:
            how = "z-scores weighted " + " : ".join(f"{weight:g}" for weight in fused.weights)
        named = system.settings.systems  # shorter than the ids that best and its like stand for
        called = named if len(named) == len(fused.systems) else fused.systems
        words = f"{' + '.join(called)}, {how}"
        return row.model_copy(update={"title": words, "fused": fused, "tokenizer": tokenizer})

    def _tokenizer(self, settings: TokenizerSettings) -> Tokenizer | None:
        """What was measured of a tokenizer; None where it was not made."""
        facts = Names.tokenizer_facts(settings.id)[0]
        if not self.context.folder.recorded(facts):
            return None
        measured = self.context.folder.read_json(facts)
        return Tokenizer.model_validate({"label": TOKENIZERS[measured["type"]].label, **measured})

    def _model(self, plan: TrainingPlan) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What a model's folder says of it, and the lines of its history."""
        folder = self.context.folder
        history = folder.file(Names.model(plan.id, Names.HISTORY)).read_text("utf-8")
        about = folder.read_json(Names.model(plan.id, Names.MODEL_CONFIG))
        return about, list(map(json.loads, history.splitlines()))

    def _trainings(self, plan: TrainingPlan) -> dict[str, float]:
        """Seconds of a training and of all that it starts from, over all sittings, by their ids."""
        seconds = {plan.id: float(self._model(plan)[1][-1]["seconds"])}
        for earlier in plan.starts_from:
            seconds |= self._trainings(earlier)
        return seconds

    def _seen(self, plan: TrainingPlan) -> Seen:
        own = self._model(plan)[0]["seen"]
        seen = [Seen(**own), *(self._seen(earlier) for earlier in plan.starts_from)]
        return Seen(tokens=sum(one.tokens for one in seen), characters=sum(one.characters for one in seen))

    def _teacher_files(self, plan: TrainingPlan) -> dict[str, float]:
        """Seconds of the teacher's vectors: of the corpus, of the crops, and of train queries where they are used."""
        needs = plan.point.objective.all_needs
        if "teacher" not in needs:
            return {}
        teacher = model_id(self.context.config.retrieval.teacher)
        files = [Names.embedding(teacher), Names.teacher(teacher, "crops")]
        files += [Names.teacher(teacher, "queries")] if "train queries" in needs else []
        return {file: self.context.folder.seconds(file) for file in files}

    def _postprocessing(self, system: TrainedSystem) -> dict[str, float | int | None]:
        """What was chosen for the whitening, or for the removal of common components."""
        if system.pooling.post is None:
            return {}
        from tokir.models.whitening import Whitening

        name = Names.embedding(system.whole.id, Names.WHITENING)
        if not self.context.folder.recorded(name):
            return {}
        whitening = Whitening.load(self.context.folder.file(name))
        if system.pooling.components_removed:
            return {"components_removed": whitening.removed}
        return {"whitening_strength": whitening.strength}


def _vectors(system: TrainedSystem) -> str:
    """The file that holds what the corpus is to a system, before any whitening."""
    if system.pooling.late:
        return f"{Names.index(system.id)}/{WEIGHTS}"
    return Names.embedding(system.unprocessed.id)


def _indexed(form: IndexForm, width: int | None, trained: bool | None = None) -> dict[str, Any]:
    """What a row says of an index, and of the dimensions that it holds of ``width``."""
    return {
        "index": str(form),
        "index_label": index_label(form, trained),
        "dimensions": width if form.dimensions is None else form.dimensions,
    }


def _retrieval_training(
    plan: TrainingPlan, model: dict[str, Any], used: dict[str, Any], history: list[dict[str, Any]]
) -> RetrievalTraining:
    return RetrievalTraining(
        interaction=plan.retrieval.interaction,
        matryoshka=tuple(plan.retrieval.matryoshka),
        steps=model["steps"],
        best_step=used["step"],
        pairs_per_second=history[-1]["pairs_per_second"],
        precision=model["precision"],
        history=tuple(RetrievalValidation.model_validate(line) for line in history),
    )


def _language_model(
    model: dict[str, Any], used: dict[str, Any], history: list[dict[str, Any]], tokenizer: Tokenizer
) -> LanguageModel:
    best = _restored(used, tokenizer)
    return LanguageModel(
        perplexity=used["perplexity"],
        bits_per_character=best.bits_per_character,
        bits_per_byte=best.bits_per_byte,
        epochs=round(history[-1]["epoch"], 2),
        tokens_per_second=history[-1]["tokens_per_second"],
        precision=model["precision"],
        history=tuple(_restored(line, tokenizer) for line in history),
    )


def _restored(line: dict[str, Any], tokenizer: Tokenizer) -> ModelValidation:
    """A line of a history with the bits that restore what the tokenizer loses, so that it compares across them."""
    lost = tokenizer.lost_bits_per_character or 0.0
    per_byte = lost * (tokenizer.characters_per_token or 1.0) / (tokenizer.bytes_per_token or 1.0)
    bits = {
        "bits_per_character": line["bits_per_character"] + lost,
        "bits_per_byte": line["bits_per_byte"] + per_byte,
    }
    return ModelValidation.model_validate(line | bits)
