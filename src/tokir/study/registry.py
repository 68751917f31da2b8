"""The baselines of a study beside pretrained encoders: each is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.encoders.registry import PRETRAINED, model_name
from tokir.registry import Registry

if TYPE_CHECKING:
    from tokir.study.baselines import Baseline

BASELINES: Registry[Baseline] = Registry(
    "baseline",
    {
        "bm25": "tokir.study.baselines.lexical:BM25",
        "bm25-tuned": "tokir.study.baselines.lexical:TUNED",
        "model2vec": "tokir.study.baselines.model2vec:MODEL2VEC",
    },
)


def check(name: str) -> str:
    """The name of a baseline, or of any pretrained encoder, as :func:`model_name` checks and completes it."""
    return name if name in BASELINES else model_name(name, BASELINES.kind, (*BASELINES, *PRETRAINED))
