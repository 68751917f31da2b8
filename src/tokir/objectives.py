"""Names of training objectives: what they are made of, and in which order.

``lm`` is language modelling. The others train vectors for retrieval; joined by ``+`` their losses are summed, and
``-then-`` puts a second training after a first, from its weights: ``lm-then-contrastive+distillation``.
"""

from __future__ import annotations

from tokir.errors import nearest

LANGUAGE_MODEL = "lm"
RETRIEVAL = {
    "contrastive": "contrastive",
    "queries": "queries",
    "distillation": "distilled",
    "simcse": "SimCSE",
}
"""Name of each part of a retrieval objective, and what a reader calls it."""
THEN = "-then-"


def stages(objective: str) -> list[str]:
    """The trainings of an objective, first to last.

    >>> stages("lm-then-contrastive+queries")
    ['lm', 'contrastive+queries']
    """
    return objective.split(THEN)


def parts(stage: str) -> list[str]:
    """The summed parts of one training; empty for language modelling.

    >>> parts("contrastive+queries"), parts("lm")
    (['contrastive', 'queries'], [])
    """
    return [] if stage == LANGUAGE_MODEL else stage.split("+")


def retrieves(objective: str) -> bool:
    """Does it end with vectors trained for retrieval?"""
    return stages(objective)[-1] != LANGUAGE_MODEL


def check(objective: str) -> str:
    """The objective as it is; ValueError with what is wrong with it."""
    for number, stage in enumerate(stages(objective)):
        if stage == LANGUAGE_MODEL:
            if number:
                raise ValueError(f"{objective!r}: lm comes first or not at all")
            continue
        for part in parts(stage):
            if part not in RETRIEVAL:
                known = [LANGUAGE_MODEL, *RETRIEVAL]
                raise ValueError(
                    f"{part!r} is no objective{nearest(part, known)}: known are {', '.join(known)}, "
                    f"joined by + (summed) or {THEN} (in sequence)"
                )
        if repeated := [part for part in parts(stage) if parts(stage).count(part) > 1]:
            raise ValueError(f"{objective!r} names {repeated[0]} more than once")
    return objective


def in_words(objective: str) -> str:
    """The objective for a reader.

    >>> in_words("lm-then-contrastive+queries")
    'LM → contrastive + queries'
    """
    return " → ".join(" + ".join(RETRIEVAL[part] for part in parts(stage)) or "LM" for stage in stages(objective))
