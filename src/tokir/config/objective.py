"""What a model is trained for: language modelling, or vectors for retrieval, in one training or in several."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pydantic_core import CoreSchema

from tokir.config.settings import text_schema
from tokir.errors import nearest
from tokir.training.registry import OBJECTIVES, SOME, Need

LANGUAGE_MODEL = "lm"
SUM, THEN = "+", "-then-"


@dataclass(frozen=True)
class Objective:
    """One or several trainings in sequence; the parts of a training for retrieval are summed losses.

    >>> objective = Objective.parse("lm-then-contrastive+queries")
    >>> objective.parts, str(objective.before), objective.retrieves
    (('contrastive', 'queries'), 'lm', True)
    >>> objective.label
    'LM → contrastive + queries'
    """

    names: tuple[tuple[str, ...], ...]  # of each training, first to last; language modelling is ("lm",)

    @classmethod
    def parse(cls, text: str) -> Objective:
        """The objective that is written so; ValueError with what is wrong with it."""
        names = tuple(tuple(stage.split(SUM)) for stage in text.split(THEN))
        for number, stage in enumerate(names):
            for part in stage:
                if part == LANGUAGE_MODEL and (number or len(stage) > 1):
                    raise ValueError(f"{text!r}: lm comes first or not at all, and is summed with nothing")
                if part != LANGUAGE_MODEL and part not in OBJECTIVES:
                    known = [LANGUAGE_MODEL, *OBJECTIVES]
                    raise ValueError(
                        f"{part!r} is not an objective{nearest(part, known)}: known are {', '.join(known)}, "
                        f"joined by {SUM} (summed) or {THEN} (in sequence)"
                    )
                if stage.count(part) > 1:
                    raise ValueError(f"{text!r} names {part} more than once")
            alone = next((part for part in stage if part in OBJECTIVES and OBJECTIVES[part].queries_alone), None)
            if alone and (other := next((part for part in stage if part not in (alone, "queries")), None)):
                raise ValueError(
                    f"{text!r}: {alone} is summed with queries or with nothing, since it keeps the teacher's passage "
                    f"vectors, which {other} would change"
                )
            before, after = text.split(THEN)[:number], text.split(THEN)[number + 1 :]
            if alone and (after or before not in ([], [LANGUAGE_MODEL])):
                raise ValueError(f"{text!r}: {alone} comes by itself, or after lm, and nothing comes after it")
        return cls(names)

    def __str__(self) -> str:
        return THEN.join(SUM.join(stage) for stage in self.names)

    @property
    def in_any_order(self) -> str:
        """The same for objectives that differ in the order of summed parts alone."""
        return THEN.join(SUM.join(sorted(stage)) for stage in self.names)

    @property
    def stages(self) -> tuple[Objective, ...]:
        """Its trainings, first to last, each as an objective of one training."""
        return tuple(Objective((stage,)) for stage in self.names)

    @property
    def last(self) -> Objective:
        """Its last training alone."""
        return self.stages[-1]

    @property
    def before(self) -> Objective | None:
        """All but its last training; None where there is only one."""
        return Objective(self.names[:-1]) if len(self.names) > 1 else None

    @property
    def parts(self) -> tuple[str, ...]:
        """The summed parts of its last training; empty for language modelling."""
        return self.names[-1] if self.retrieves else ()

    @property
    def retrieves(self) -> bool:
        """Does it end with vectors trained for retrieval?"""
        return self.names[-1] != (LANGUAGE_MODEL,)

    @property
    def models_language(self) -> bool:
        """Is language modelling all of it, or its first training?"""
        return self.names[0] == (LANGUAGE_MODEL,)

    @property
    def queries_alone(self) -> bool:
        """Does its last training train the query encoder only, while passages keep a teacher's vectors?"""
        return any(OBJECTIVES[part].queries_alone for part in self.parts)

    @property
    def replaced(self) -> frozenset[str]:
        """The parts of its last training whose pairs are not drawn beside another's; their losses stay."""
        return frozenset(self.parts) & {other for part in self.parts for other in OBJECTIVES[part].replaces}

    @property
    def contrasts_taught(self) -> bool:
        """Do batches that a teacher scores have the contrastive loss too?

        Of a query encoder alone, the teacher's own vectors are to be found by it.
        """
        return self.queries_alone or bool(self.replaced)

    @property
    def needs(self) -> frozenset[Need]:
        """What its last training cannot do without."""
        return frozenset(need for part in self.parts for need in OBJECTIVES[part].needs)

    @property
    def all_parts(self) -> frozenset[str]:
        """The parts of all its trainings for retrieval."""
        return frozenset(part for stage in self.stages for part in stage.parts)

    @property
    def all_needs(self) -> frozenset[Need]:
        """What none of its trainings can do without."""
        return frozenset(need for stage in self.stages for need in stage.needs)

    def reads(self, setting: str, network: bool) -> bool:
        """Does any of its trainings for retrieval depend on a setting of ``retrieval``?

        >>> objective = Objective.parse("contrastive+queries")
        >>> objective.reads("negatives", network=False), objective.reads("neighbours", network=False)
        (True, False)

        Args:
            setting: its name.
            network: is it a network that is trained, and not a table alone?
        """
        trainings = [stage for stage in self.stages if stage.retrieves]
        if setting in ("from_static", "dropout"):
            return network and bool(trainings)
        if setting == "trained_token_learning_rate":  # a teacher's vectors may be where a table begins
            return bool(trainings) and (network or len(self.stages) > 1 or "teacher" in self.all_needs)
        return any(stage._reads(setting) for stage in trainings)

    def _reads(self, setting: str) -> bool:
        """Of one training."""
        drawn = [OBJECTIVES[part] for part in self.parts if part not in self.replaced]
        if setting == "query_share":
            return len({"train queries" in part.needs for part in drawn}) > 1
        if setting == "contrastive_weight":
            return self.contrasts_taught
        if self.queries_alone and setting in ("negatives", "dimensions"):
            return False
        return setting not in SOME or any(part.reads is None or setting in part.reads for part in drawn)

    def without(self, parts: Collection[str]) -> Objective | None:
        """The same with some parts left out; None where a training would have none left.

        Trainings one after the other that have become equal are one.

        >>> str(Objective.parse("contrastive-then-contrastive+queries").without({"queries"}))
        'contrastive'
        """
        left_out = self.all_parts & set(parts)
        if not left_out:
            return self
        if any(OBJECTIVES[part].queries_alone for part in left_out):
            return None  # what is left would be another thing
        kept = [tuple(part for part in stage if part not in parts) for stage in self.names]
        return Objective(tuple(stage for stage, _ in groupby(kept))) if all(kept) else None

    @property
    def label(self) -> str:
        """The objective for a reader."""
        return " → ".join(
            " + ".join(OBJECTIVES[part].label for part in stage.parts) or "LM" for stage in self.stages
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return text_schema(cls, cls.parse)
