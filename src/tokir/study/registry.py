"""The baselines of a study beside ``PRETRAINED`` encoders: each is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.encoders.registry import PRETRAINED
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


def known() -> tuple[str, ...]:
    """Every baseline that a study can name."""
    return (*BASELINES, *PRETRAINED)


def check(name: str) -> str:
    """The name as it is; ValueError, with the nearest name, where no baseline has it."""
    return name if name in PRETRAINED else BASELINES.check(name, known())
