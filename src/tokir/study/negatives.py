"""Hard negatives of train queries: passages ranked high that are not relevant, by BM25 or by an earlier stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tokir.errors import TokirError
from tokir.retrieval.index import Hits, normalize
from tokir.study.context import Context
from tokir.study.passages import TrainingPassages
from tokir.study.plan import TrainingPlan

if TYPE_CHECKING:
    from tokir.models import Model
    from tokir.training.sources import TrainQueries

NEGATIVES = 30  # of a query, to draw from


def hard_negatives(
    plan: TrainingPlan,
    context: Context,
    passages: TrainingPassages,
    queries: TrainQueries,
    load: Callable[[TrainingPlan], Model],
) -> list[list[int]] | None:
    """Indices of passages for each train query, none of them relevant or the query; None where none are asked for.

    Args:
        plan: of the training that asks.
        context: of the study.
        passages: those trained on.
        queries: the train queries.
        load: loads an earlier stage, which mines for the next one (ANCE; Xiong et al., 2021).

    """
    kind = plan.retrieval.negatives
    if kind == "batch":
        return None
    texts, whole = list(queries.texts), passages.whole()
    found = _by_bm25(whole, texts) if kind == "bm25" else _by_parent(plan, context, whole, texts, load)
    own = queries.own or [None] * len(texts)
    return [
        _not_relevant(hits.positions.tolist(), relevant, itself, whole)
        for hits, relevant, itself in zip(found, queries.relevant, own, strict=True)
    ]


def _not_relevant(
    found: list[int], relevant: Sequence[int], itself: int | None, whole: Sequence[str]
) -> list[int]:
    """Those found that are neither relevant, nor the query itself, nor the same text as a relevant one."""
    texts = {whole[index] for index in relevant}
    return [index for index in found if index not in {*relevant, itself} and whole[index] not in texts]


def check_miner(plan: TrainingPlan) -> None:
    """TokirError where a model is to mine for itself and has no earlier stage that retrieves."""
    stage, parent = plan.point.stage, plan.parent
    mines = "train queries" in stage.needs and not stage.queries_alone and plan.retrieval.negatives == "self"
    if mines and (parent is None or not parent.point.retrieves):
        raise TokirError(
            f"{plan.id}: retrieval.negatives=self mines with the model of an earlier stage: put one "
            f"first, for example contrastive-then-{stage}"
        )


def _by_bm25(whole: list[str], texts: list[str]) -> list[Hits]:
    from tokir.retrieval.bm25 import BM25Index, Postings

    index = BM25Index.of(Postings(whole), _last_first(len(whole)))
    return [index.search(words, NEGATIVES) for words in index.tokenize(texts)]


def _by_parent(
    plan: TrainingPlan,
    context: Context,
    whole: list[str],
    texts: list[str],
    load: Callable[[TrainingPlan], Model],
) -> list[Hits]:
    from tokir.encoders.trained import encoder_of
    from tokir.retrieval.exact import ExactIndex
    from tokir.study.tokenizers import Tokenizers

    parent = plan.parent
    assert parent is not None  # of check_miner
    tokenizer = context.opener.tokenizer(Tokenizers.file(plan.point.tokenizer))
    encoder = encoder_of(load(parent), tokenizer, parent.window)
    index = ExactIndex(normalize(encoder.embed(encoder.tokenize(whole))), _last_first(len(whole)))
    return index.search(encoder.embed(encoder.tokenize(texts)), NEGATIVES)


def _last_first(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of equal scores the later passage comes first."""
    return np.arange(count - 1, -1, -1)
