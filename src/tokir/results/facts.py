"""What the findings are made of: rows and pairs of the results, looked up with the paths where they lie."""

from __future__ import annotations

from functools import cached_property

from tokir.config.objective import LANGUAGE_MODEL
from tokir.evaluation.registry import HEADLINE
from tokir.results.configurations import ranked
from tokir.results.names import brief, titles
from tokir.results.pairs import Pair, comparisons_of
from tokir.results.paths import path
from tokir.results.records import Answer, Comparison, Results, System
from tokir.results.wording import could_not_read, difference, passages_by, recall


class Facts:
    """Look-ups over the results that also give the path of what they found."""

    def __init__(self, results: Results) -> None:
        self.rows, self.chance = results.systems, results.chance[HEADLINE]
        self.queries = results.dataset.queries
        self.pairs, self.names = comparisons_of(results), titles(results.systems)
        self._positions = {row.id: number for number, row in enumerate(results.systems)}

    def trained(self, pooling: str | None = None, objective: str | None = None) -> list[System]:
        """Evaluated systems that were trained here, of a pooling and an objective, best recall@10 first.

        On the validation queries; on the scored ones where there are no others. Those whose vectors are searched as
        they are: what rounding costs is another question.
        """
        found = [
            row
            for row in ranked(self.rows)
            if row.kind == "trained"
            and row.whole
            and pooling in (None, row.pooling)
            and objective in (None, row.objective)
        ]
        return self._best_first(found)

    def fusions(self) -> list[System]:
        """All that were evaluated, in the same order."""
        return self._best_first([row for row in ranked(self.rows) if row.kind == "fusion"])

    def _best_first(self, found: list[System]) -> list[System]:
        """Rows that are ranked by the scored queries, by the validation queries where there are such."""
        if not self.validated:
            return found
        return sorted(found, key=lambda row: row.validation_recall or 0.0, reverse=True)

    def few_queries(self, fewest: int) -> str:
        """An aside where there are less than ``fewest``."""
        return f" Fewer than {fewest} queries support no claim." if self.queries < fewest else ""

    @cached_property
    def validated(self) -> bool:
        """Were all that were trained here asked the validation queries?"""
        return all(row.validation_recall is not None for row in self.rows if row.kind == "trained" and row.ok)

    @property
    def chosen(self) -> str:
        """An aside that says on which queries the best one is the best."""
        return " on the validation queries" if self.validated else ""

    def side_by_side(self, one: str, other: str) -> list[tuple[System, System]]:
        """Two architectures as language models, all else equal, over each tokenizer; not chosen by scores.

        With one pooling: whitened if there are such, else raw.
        """
        pairs = [
            (a, b)
            for a in self.rows
            for b in self.rows
            if (a.architecture, b.architecture) == (one, other)
            and a.ok
            and b.ok
            and a.objective == b.objective == LANGUAGE_MODEL
            and (a.tokenizer, a.pooling) == (b.tokenizer, b.pooling)
            and a.whole
            and b.whole
        ]
        order = {"mean-white": 0, "mean": 1}
        first = min(pairs, key=lambda pair: order.get(pair[0].pooling or "", len(order)), default=None)
        return [pair for pair in pairs if first and pair[0].pooling == first[0].pooling]

    def same_but_objective(self) -> list[tuple[System, System]]:
        """For each architecture its best language model, and the best trained for the task, all else equal.

        Not one whose passages another model encodes.
        """
        found: dict[str, tuple[System, System]] = {}
        for model in self.trained(objective=LANGUAGE_MODEL):
            for task in self.trained():
                same = (model.tokenizer, model.architecture) == (task.tokenizer, task.architecture)
                if task.objective != LANGUAGE_MODEL and same and not self.passages_by(task):
                    found.setdefault(model.architecture or "", (model, task))
        return list(found.values())

    def passages_by(self, row: System) -> list[str]:
        """A sentence that says what encodes its passages, where it does not itself."""
        said = passages_by(row, lambda name: brief(other) if (other := self.row(name)) else name)
        return [f"It encodes queries only; {said}."] if said else []

    def row(self, name: str) -> System | None:
        """An evaluated system by id."""
        position = self._positions.get(name)
        return self.rows[position] if position is not None and self.rows[position].ok else None

    def name(self, row: System) -> str:
        """What a reader calls the system."""
        return self.names[row.id]

    def path(self, row: System, *steps: str) -> str:
        """The path of a value of its row."""
        return path("systems", self._positions[row.id], *steps)

    def recall_paths(self, *rows: System) -> list[str]:
        """The paths of recall@10 and its interval."""
        return [self.path(row, field, HEADLINE) for row in rows for field in ("scores", "intervals")]

    def compare(self, a: System, b: System) -> Pair[Comparison]:
        """``a`` minus ``b`` in recall@10."""
        return self.pairs.get(a.id, b.id)

    def better(self, a: System, b: System) -> Answer:
        """Is ``a`` better than ``b``, significantly so after correction?"""
        pair = self.compare(a, b)
        if not (pair.significant and a.could_read and b.could_read):
            return "cannot tell"
        return "supported" if pair.difference > 0 else "not supported"

    def beside(self, row: System, other: System, aside: str = "") -> tuple[str, list[str]]:
        """``other`` beside ``row`` in a sentence, and the evidence.

        No difference is given for a system that could not read the corpus.
        """
        if not other.could_read:
            return unread(other), [self.path(other, "unknown_rate")]
        pair = self.compare(row, other)
        text = f"{brief(other)}{aside} has {recall(other)}: a difference of {compared(pair)}."
        return text, [*self.recall_paths(other), pair.path]


def unread(row: System) -> str:
    """Why nothing is claimed against a baseline, as a sentence."""
    return f"{could_not_read(row, brief(row))}, so nothing is claimed against it."


def compared(pair: Pair[Comparison]) -> str:
    """The difference of a pair, and its interval."""
    return difference(pair.difference, pair.interval)
