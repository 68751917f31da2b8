"""The workers of a study, each with what it needs of the others."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.data import Split
from tokir.study.context import Context
from tokir.study.documents import Documents
from tokir.study.embeddings import Embeddings
from tokir.study.evaluation import Evaluation
from tokir.study.fusions import Fusions
from tokir.study.models import Models
from tokir.study.passages import TrainingPassages
from tokir.study.plan import Planner
from tokir.study.rankings import Rankings
from tokir.study.rows import Rows
from tokir.study.searchers import Searchers
from tokir.study.selection import Selection
from tokir.study.teacher import Teacher
from tokir.study.tokenizers import Tokenizers


@dataclass(frozen=True)
class Parts:
    """One of each."""

    context: Context
    documents: Documents
    tokenizers: Tokenizers
    models: Models
    searchers: Searchers
    rankings: Rankings
    selection: Selection
    fusions: Fusions
    rows: Rows

    @classmethod
    def of(cls, context: Context) -> Parts:
        """All of them, for one study; nothing is computed yet."""
        documents = Documents(context)
        tokenizers, embeddings = Tokenizers(context, documents), Embeddings(context)
        teacher = Teacher(context, embeddings)
        planner = Planner(context, documents, tokenizers, teacher)
        models = Models(context, documents, tokenizers, TrainingPassages(context), teacher, planner)
        searchers, rankings = Searchers(context, models, embeddings), Rankings(context)
        selection = Selection(context, searchers, rankings)
        fusions = Fusions(context, searchers, rankings, selection)
        rows = Rows(context, planner)
        return cls(context, documents, tokenizers, models, searchers, rankings, selection, fusions, rows)

    def evaluation(self, split: Split) -> Evaluation:
        """What evaluates systems on the queries of ``split``."""
        return Evaluation(
            self.context, self.searchers, self.rankings, self.selection, self.fusions, self.rows, split
        )
