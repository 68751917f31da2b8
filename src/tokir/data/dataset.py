"""A data set, its splits, and which of them a study trains on, chooses on and is scored on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tokir.data.corpus import Corpus, Document, canonical
from tokir.data.qrels import Qrels, relevant
from tokir.errors import TokirError, nearest

__all__ = ["Corpus", "Dataset", "Document", "EvaluationSplits", "Split"]

CHOOSE_SHARE = 0.2  # of train, where the data set has no dev to choose on


@dataclass(frozen=True)
class Split:
    """Judged queries: each has at least one relevant passage (score of 1 or more) in the corpus."""

    name: str
    queries: dict[str, str]
    qrels: Qrels

    def only(self, ids: Iterable[str]) -> Split:
        """The same split with the queries of ``ids`` alone, in their old order."""
        kept = set(ids)
        return Split(
            self.name,
            {id: text for id, text in self.queries.items() if id in kept},
            {id: judged for id, judged in self.qrels.items() if id in kept},
        )


@dataclass(frozen=True)
class EvaluationSplits:
    """Train on ``train``, make choices on ``choose``, read ``evaluate`` once.

    ``note`` says in one sentence how choices are made.
    """

    train: Split | None
    choose: Split | None
    evaluate: Split
    note: str


@dataclass(frozen=True)
class Dataset:
    """A corpus, queries, and relevance judgements by split.

    ``qrels`` maps split -> query id -> passage id -> score; the usual splits are train, dev and test.
    ``checksum`` is a SHA-256 over all ids, titles, texts, queries and judgements, whatever files held them.
    """

    name: str
    source: str
    corpus: Corpus
    queries: dict[str, str]
    qrels: dict[str, Qrels]
    checksum: str
    description: str
    notes: tuple[str, ...] = ()

    def split(self, name: str) -> Split:
        """The judged queries of one split; raises ``TokirError`` where it is absent."""
        if name not in self.qrels:
            raise TokirError(
                f"The data set {self.name!r} has no split {name!r}{nearest(name, self.qrels)}; "
                f"it has {_listed(self.qrels)}."
            )
        qrels = {id: judged for id, judged in self.qrels[name].items() if relevant(judged)}
        return Split(name, {id: self.queries[id] for id in qrels}, qrels)

    def evaluation_splits(
        self, evaluate: str | None = None, queries: int | None = None, seed: int = 0
    ) -> EvaluationSplits:
        """Say which queries to train on, to choose on and to score on; they never overlap.

        Scored is test, or dev where there is no test, or the split that ``evaluate`` names. Choices are
        made on dev unless it is scored, else on a fifth of train, cut off by ``seed``.

        Args:
            evaluate: the split to score on.
            queries: score on this many of its queries, drawn by ``seed``.
            seed: for the draw and the cut.

        Raises:
            TokirError: there are no judged queries, or the split to score on is absent.

        """
        if not self.qrels:
            raise TokirError(
                f"The data set {self.name!r} ({self.source}) has documents but no judged queries: add "
                "queries.jsonl (lines of `_id` and `text`) and qrels/test.tsv (query-id, corpus-id, score)."
            )
        if queries is not None and queries < 1:
            raise TokirError(f"The number of queries to evaluate must be at least 1, not {queries}.")
        scored = self.split(self._evaluated(evaluate))
        notes = []
        train, dev = (self._without(name, scored) for name in ("train", "dev"))
        if train is not None and dev is not None:
            train = train.only(train.queries.keys() - dev.queries.keys())
        if dev is not None and dev.queries:
            choose: Split | None = dev
            notes.append(f"Choices are made on the {len(dev.queries)} queries of dev")
        elif train is not None and len(train.queries) > 1:
            cut = draw(train.queries, max(1, int(CHOOSE_SHARE * len(train.queries))), seed)
            choose = Split("train-part", *_contents(train.only(cut)))
            train = train.only(train.queries.keys() - cut)
            notes.append(f"Choices are made on {len(cut)} queries cut off from train by seed {seed}")
        else:
            choose = None
            notes.append("There are no queries to make choices on, so the stated defaults are used")
        if train is not None and not train.queries:
            train = None
        if queries is not None:
            available = len(scored.queries)
            scored = scored.only(draw(scored.queries, queries, seed))
            notes.append(
                f"{len(scored.queries)} of {available} {scored.name} queries are scored, drawn by seed {seed}"
                if queries <= available
                else f"all {available} {scored.name} queries are scored, fewer than the {queries} asked for"
            )
        return EvaluationSplits(train, choose, scored, "; ".join(notes) + ".")

    def _evaluated(self, named: str | None) -> str:
        if named is not None:
            return split_name(named)
        for name in ("test", "dev"):
            if name in self.qrels:
                return name
        raise TokirError(
            f"The data set {self.name!r} has neither test nor dev queries but {_listed(self.qrels)}: "
            "say with --split which to score on."
        )

    def _without(self, name: str, scored: Split) -> Split | None:
        if name == scored.name or name not in self.qrels:
            return None
        split = self.split(name)
        return split.only(split.queries.keys() - scored.queries.keys())


def split_name(name: str) -> str:
    """The name of a split, with dev's other names made one.

    >>> split_name("validation"), split_name("test")
    ('dev', 'test')
    """
    return "dev" if name.lower() in ("validation", "valid", "val") else name.lower()


def draw(ids: Iterable[str], count: int, seed: int) -> set[str]:
    """``count`` of the ids (all, if there are fewer): a draw that depends on the ids and the seed alone.

    Ids are ranked by a hash, so neither their order nor the version of a random generator matters.
    """
    return set(sorted(ids, key=lambda id: hashlib.sha256(f"{seed}\t{id}".encode()).digest())[:count])


def checksum(corpus: Corpus, queries: dict[str, str], qrels: dict[str, Qrels]) -> str:
    """SHA-256 over the contents of a data set; the order of passages counts, that of queries does not."""
    hasher = hashlib.sha256(corpus.checksum.encode())
    for id, text in sorted(queries.items()):
        hasher.update(canonical((id, text)))
    for split, judgements in sorted(qrels.items()):
        for query, judged in sorted(judgements.items()):
            for passage, score in sorted(judged.items()):
                hasher.update(canonical((split, query, passage, score)))
    return hasher.hexdigest()


def _contents(split: Split) -> tuple[dict[str, str], Qrels]:
    return split.queries, split.qrels


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
