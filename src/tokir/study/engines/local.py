"""Everything in this process, when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.study.engines.orders import Question, Reading, embed

if TYPE_CHECKING:
    from tokir.encoders.store import Passages
    from tokir.retrieval.searchers import Searcher
    from tokir.study.context import Context
    from tokir.study.models import Models
    from tokir.systems import ModelPoint


class Local:
    """The engine of a study that names none."""

    ahead = False

    def __init__(self, context: Context) -> None:
        self.context = context

    def train(self, models: Models, points: Sequence[ModelPoint]) -> None:
        """Nothing ahead of the study."""

    def embed(self, reading: Reading, texts: Passages, path: Path, key: str, task: str) -> None:
        """One block of texts after the other."""
        embed(self.context.on_device(), reading, texts, path, key, task, self.context.progress)

    def search(self, questions: Sequence[Question]) -> None:
        """Nothing ahead of the study."""

    def searcher(self, system: str) -> Searcher:
        """The system, opened once."""
        return self.context.on_device().searcher(system)

    def close(self) -> None:
        """Nothing is under way."""
