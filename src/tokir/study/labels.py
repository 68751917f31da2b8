"""What a reader calls an architecture, an objective, a pooling and a tokenizer.

Rows of the result table carry these words, so that a report needs nothing but its results.
"""

from __future__ import annotations

from tokir.config import IndexForm, Objective, Pooling
from tokir.models.registry import ARCHITECTURES

POOLINGS = {
    "mean": "raw mean",
    "mean-white": "whitened mean",
    "mean-top": "mean without common components",
    "sif": "mean weighted by smooth inverse frequency",
    "sif-white": "whitened mean weighted by smooth inverse frequency",
    "sif-top": "mean weighted by smooth inverse frequency, without common components",
    "learned": "learned token weights",
    "learned-white": "learned token weights, whitened",
    "maxsim": "late interaction over all passages",
}


def objective_label(objective: Objective) -> str:
    """For example ``contrastive + queries``."""
    return objective.label if objective.retrieves else "next-token prediction"


def pooling_label(pooling: Pooling) -> str:
    """For example ``whitened mean``."""
    return POOLINGS[str(pooling)]


def index_label(form: IndexForm, trained: bool | None = None) -> str | None:
    """What a reader calls an index; None for exact search over whole vectors.

    ``trained`` says whether first dimensions were trained to retrieve by themselves, where that is known.

    >>> index_label(IndexForm.parse("int8-64"), trained=False)
    'int8, first 64 dimensions, not trained to retrieve alone'
    """
    untrained = form.dimensions is not None and trained is False
    return f"{form.label}{', not trained to retrieve alone' if untrained else ''}" or None


def title(
    architecture: str, objective: Objective, pooling: Pooling, variant: str = "", index: IndexForm | None = None
) -> str:
    """What a reader calls a trained system.

    >>> title("lstm", Objective.parse("lm"), Pooling.parse("mean-white"))
    'LSTM language model, whitened mean'
    >>> title("static", Objective.parse("contrastive+queries"), Pooling.parse("learned"), "cloze")
    'Static, contrastive + queries (cloze)'
    """
    name = ARCHITECTURES[architecture].label
    name += f", {objective.label}" if objective.retrieves else " language model"
    name += "".join(f", {label}" for label in (pooling.label, index and index.label) if label)
    return f"{name} ({variant})" if variant else name
