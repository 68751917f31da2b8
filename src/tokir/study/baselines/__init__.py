"""What a study compares its models with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokir.artifacts import RunFolder
    from tokir.config import IndexForm
    from tokir.results.records import System
    from tokir.retrieval.files import SystemFiles
    from tokir.study.embeddings import Embeddings


class Baseline(Protocol):
    """A system that is not trained on the corpus."""

    @property
    def dense(self) -> bool:
        """Has it one vector for each passage, which any index can hold?"""

    def width(self, embeddings: Embeddings) -> int | None:
        """Dimensions of its vectors, where it has any; Unavailable where this machine cannot tell."""

    def missing(self, embeddings: Embeddings) -> str | None:
        """What this machine lacks for it, in a sentence; None where nothing is missing."""

    def make(self, embeddings: Embeddings, index: IndexForm) -> SystemFiles:
        """Make its files in the run folder as far as they are missing; Unavailable where this machine cannot.

        ``index`` holds its vectors, where it is dense.
        """

    def row(self, name: str, folder: RunFolder) -> System:
        """Its row of the results, without scores; from what lies in the run folder, which may be nothing yet."""


def baseline(name: str) -> Baseline:
    """The baseline of a name; any pretrained encoder is one."""
    from tokir.encoders.registry import PRETRAINED, is_foreign
    from tokir.study.baselines.pretrained import PretrainedBaseline
    from tokir.study.registry import BASELINES

    return PretrainedBaseline(name) if name in PRETRAINED or is_foreign(name) else BASELINES[name]
