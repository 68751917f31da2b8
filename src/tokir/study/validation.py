"""What a training for retrieval is validated on: validation queries, or without them crops that find their passage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from tokir.errors import Unavailable
from tokir.study.context import Context
from tokir.study.passages import TrainingPassages

if TYPE_CHECKING:
    from tokir.training.retrieval import ValidationPool
    from tokir.training.texts import Texts

    Encode = Callable[[Sequence[str]], Texts]

QUERIES, OTHERS = 200, 500  # queries at most, and passages beside the relevant ones


def validation_pool(context: Context, passages: TrainingPassages, encode: Encode) -> ValidationPool:
    """Up to 200 queries over a pool of their relevant passages and up to 500 others, drawn by seed."""
    rng = np.random.default_rng(context.config.data.seed)
    relevant = passages.relevant(context.validation) if context.validation else {}
    if not relevant or context.validation is None:
        return _of_crops(context, passages, encode, rng)
    names = list(relevant)
    kept = [names[i] for i in sorted(rng.permutation(len(names))[:QUERIES].tolist())]
    others = rng.permutation(len(passages.positions))[:OTHERS].tolist()
    texts = [context.validation.queries[query] for query in kept]
    pool = _pool(encode(texts), [set(relevant[query]) for query in kept], others)
    place = {passage: number for number, passage in enumerate(pool.pool)}
    own = {query: passages.index_of.get(query, -1) for query in context.validation.own_passages}
    return replace(
        pool, own={row: place[own[query]] for row, query in enumerate(kept) if own.get(query, -1) in place}
    )


def _of_crops(
    context: Context, passages: TrainingPassages, encode: Encode, rng: np.random.Generator
) -> ValidationPool:
    """A crop of each of 200 passages that have a text, drawn from all over the corpus."""
    from tokir.training.distillation import query_like

    titles, texts = passages.texts()
    drawn = rng.permutation(len(passages.positions)).tolist()
    asked = list(islice((index for index in drawn if texts[index].strip()), QUERIES))
    if not asked:
        raise Unavailable("there are no validation queries, and no passage has a text that could stand in for one")
    crops, owners = query_like(
        [titles[i] for i in asked], [texts[i] for i in asked], 1, context.config.data.seed + 1
    )
    pool = _pool(encode(crops), [{asked[owner]} for owner in owners], drawn[: QUERIES + OTHERS])
    return replace(pool, asked="crops of passages")


def _pool(queries: Texts, relevant: list[set[int]], others: list[int]) -> ValidationPool:
    from tokir.training.retrieval import ValidationPool

    pool = sorted(set(others).union(*relevant))
    position = {passage: number for number, passage in enumerate(pool)}
    return ValidationPool(queries, [{position[passage] for passage in found} for found in relevant], pool)
