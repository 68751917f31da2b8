"""Where the batches of a retrieval objective come from: its parts, each with its share of the batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tokir.training.pairs import PairSource, TokenisedPassages
from tokir.training.registry import OBJECTIVES
from tokir.training.texts import Texts

if TYPE_CHECKING:
    from tokir.config import Objective, RetrievalSettings


@dataclass(frozen=True)
class TrainQueries:
    """Judged queries that may be trained on."""

    texts: Sequence[str]
    relevant: Sequence[Sequence[int]]  # indices of each query's relevant passages; none is empty
    own: Sequence[int | None] = ()  # index of the passage that is the query itself, for each query; () for no such


@dataclass(frozen=True)
class TeacherVectors:
    """Unit vectors of a pretrained encoder, float32, computed once and kept under a name."""

    texts: Callable[[str, Sequence[str]], NDArray[np.float32]]  # (name, texts) to (texts, width)
    passages: Callable[[], NDArray[np.float32]]  # (passages, width)


@dataclass(frozen=True)
class SourceInputs:
    """All that a part can make its pairs of. What costs something is a function, to be called where it is needed."""

    passages: TokenisedPassages
    texts: Callable[[], tuple[Sequence[str], Sequence[str]]]  # titles and texts of the passages
    encode: Callable[[Sequence[str]], Texts]  # texts to token ids
    settings: RetrievalSettings
    seed: int  # of what is drawn once and for all, whatever the seed of a training
    train_queries: Callable[[], TrainQueries] | None = None  # None: the study has none
    hard_negatives: Callable[[TrainQueries], Sequence[Sequence[int]] | None] = lambda queries: None
    """Indices of passages that look relevant to each train query and are not; None where none are asked for."""
    teacher: TeacherVectors | None = None  # None: no part of the training is taught
    queries_alone: bool = False  # only the query encoder is trained; passages keep the teacher's vectors
    perturb: Callable[[str, np.random.Generator], str] | None = (
        None  # misspells a text; None where none is asked for
    )


def pair_sources(objective: Objective, inputs: SourceInputs) -> list[tuple[PairSource, float]]:
    """The sources of the last training of an objective, and the share of the batches that each has.

    Parts of train queries have ``query_share`` of the batches, the others share the rest equally. Where
    both are named, distillation replaces contrastive: its batches are crops of passages too, scored by both losses.
    """
    named = [part for part in OBJECTIVES if part in objective.parts]  # in one order, however they were written
    drawn = [part for part in named if part not in objective.replaced]
    judged = [part for part in drawn if "train queries" in OBJECTIVES[part].needs]
    own = [part for part in drawn if part not in judged]
    share = inputs.settings.query_share
    rest = 1 - share if judged else 1.0
    return [
        *((OBJECTIVES[part].build(inputs), rest / len(own)) for part in own),
        *((OBJECTIVES[part].build(inputs), share / len(judged)) for part in judged),
    ]


def contrastive_weight(objective: Objective, settings: RetrievalSettings) -> float:
    """Of the contrastive loss in batches that a teacher scores: zero where these are only to follow it."""
    return settings.contrastive_weight if objective.contrasts_taught else 0.0
