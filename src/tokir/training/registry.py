"""The parts that a retrieval objective can be made of. Light: a part's pairs are imported when they are first drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokir.registry import Registry, at

if TYPE_CHECKING:
    from tokir.training.pairs import PairSource
    from tokir.training.sources import SourceInputs

Need = Literal["train queries", "teacher"]


@dataclass(frozen=True, kw_only=True)
class ObjectivePart:
    """What a reader calls a part, where its pairs come from, and what a study must have for it."""

    label: str
    source: str  # path of a function from SourceInputs to a PairSource, ``package.module:function``
    needs: frozenset[Need] = frozenset()
    replaces: frozenset[str] = frozenset()  # parts whose pairs are not drawn beside this one's; their losses stay
    queries_alone: bool = (
        False  # trains the query encoder only, passages keep the teacher's vectors; summed with train queries only
    )
    reads: frozenset[str] | None = None  # settings of retrieval, of those in SOME, that it reads; None: any

    def build(self, inputs: SourceInputs) -> PairSource:
        """The source of its pairs; Unavailable where ``inputs`` do not hold what these are made of."""
        source: PairSource = at(self.source)(inputs)
        return source


SOME = frozenset({
    "pairs", "titles", "query_tokens", "passage_tokens", "negatives", "neighbours", "teacher_temperature",
    "queries_per_batch", "perturbed_share", "perturbations", "passage_parts", "part_tokens", "teacher_texts",
})  # fmt: skip
"""Settings of retrieval that the pairs of some parts are made by, and those of others are not."""


OBJECTIVES = Registry[ObjectivePart](
    "training objective",
    {
        "contrastive": ObjectivePart(
            label="contrastive",
            source="tokir.training.contrastive:own_pairs",
            reads=frozenset({"pairs", "titles", "query_tokens", "passage_tokens"}),
        ),
        "queries": ObjectivePart(
            label="queries",
            source="tokir.training.queries:query_pairs",
            needs=frozenset({"train queries"}),
            reads=frozenset({"passage_tokens", "negatives"}),
        ),
        "distillation": ObjectivePart(
            label="distilled",
            source="tokir.training.distillation:taught_pairs",
            needs=frozenset({"teacher"}),
            replaces=frozenset({"contrastive"}),
            reads=frozenset(
                {
                    "passage_tokens",
                    "neighbours",
                    "passage_parts",
                    "part_tokens",
                    "teacher_texts",
                    "teacher_temperature",
                }
            ),
        ),
        "query-distillation": ObjectivePart(
            label="query-distilled",
            source="tokir.training.query_distillation:passage_texts",
            needs=frozenset({"teacher"}),
            queries_alone=True,
            reads=SOME - {"pairs", "titles", "negatives", "neighbours", "passage_parts", "part_tokens"},
        ),
        "simcse": ObjectivePart(
            label="SimCSE", source="tokir.training.simcse:dropout_pairs", reads=frozenset({"passage_tokens"})
        ),
    },
)
