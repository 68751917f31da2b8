"""What rankings are scored by, and what is done to queries to see how systems bear it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokir.registry import Registry

if TYPE_CHECKING:
    from tokir.evaluation.perturbations import Perturbation


@dataclass(frozen=True)
class Measure:
    """A measure of trec_eval, from 0 to 1, higher is better.

    Attributes:
        expression: how ir-measures writes it, for example ``"R@10"``.
        group: heading over neighbouring columns of the tables.
        heading: of its own column.
        cutoff: ranks below which a relevant passage counts; for reciprocal ranks alone, which trec_eval does not cut.
    """

    expression: str
    group: str
    heading: str
    cutoff: int | None = None


HEADLINE = "recall@10"
"""The measure that systems are compared by."""

MEASURES: Registry[Measure] = Registry(
    "measure",
    {
        "recall@1": Measure("R@1", "Recall", "@1"),
        "recall@5": Measure("R@5", "Recall", "@5"),
        "recall@10": Measure("R@10", "Recall", "@10"),
        "recall@100": Measure("R@100", "Recall", "@100"),
        "mrr@10": Measure("RR", "MRR", "@10", cutoff=10),
        "precision@1": Measure("P@1", "Precision", "@1"),
        "precision@5": Measure("P@5", "Precision", "@5"),
        "precision@10": Measure("P@10", "Precision", "@10"),
        "ndcg@10": Measure("nDCG@10", "nDCG", "@10"),
    },
)

_HERE = "tokir.evaluation.perturbations"
PERTURBATIONS: Registry[Perturbation] = Registry(
    "perturbation",
    {
        "typo-1": f"{_HERE}:ONE_TYPO",
        "typo-2": f"{_HERE}:TWO_TYPOS",
        "drop": f"{_HERE}:DROP",
        "swap": f"{_HERE}:SWAP",
        "upper": f"{_HERE}:UPPER",
        "lower": f"{_HERE}:LOWER",
        "strip-diacritics": f"{_HERE}:STRIP_DIACRITICS",
        "add-diacritics": f"{_HERE}:ADD_DIACRITICS",
        "look-alike": f"{_HERE}:LOOK_ALIKE",
        "joined": f"{_HERE}:JOINED",
        "split": f"{_HERE}:SPLIT",
    },
)
