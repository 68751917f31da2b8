"""A data set, its splits, and which of them a study trains on, validates on and is scored on."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tokir.data.corpus import Corpus, canonical
from tokir.data.files import SourceFile
from tokir.data.qrels import Qrels, relevant
from tokir.errors import TokirError, nearest

USED = ("train", "dev", "test")  # splits that have a use, or that a reader would look for
VALIDATION_SHARE = 0.2  # of train, where the data set has no dev to validate on
NO_VALIDATION = (
    "There are no validation queries, so the stated defaults are used; what the report calls the best of several is "
    "the best on the scored queries."
)


@dataclass(frozen=True)
class Split:
    """Judged queries: each has at least one relevant passage (score of 1 or more) in the corpus.

    ``own_passages`` names the queries, by id, for which the corpus holds a passage with the query's own id that
    is not judged relevant to it, as in ArguAna and Quora, whose queries are passages themselves. BEIR's
    evaluation leaves that passage out of the query's ranking.
    """

    name: str
    queries: dict[str, str]
    qrels: Qrels
    own_passages: tuple[str, ...] = ()

    def only(self, ids: Iterable[str]) -> Split:
        """The same split with the queries of ``ids`` alone, in their old order."""
        kept = set(ids)
        return Split(
            self.name,
            {id: text for id, text in self.queries.items() if id in kept},
            {id: judged for id, judged in self.qrels.items() if id in kept},
            tuple(id for id in self.own_passages if id in kept),
        )

    def without(self, other: Split) -> Split:
        """The same split without the queries of ``other``: those with the same id or the same text.

        Texts are the same when they differ in case, white space and compatible forms (Unicode NFKC) alone.
        """
        texts = {_folded(text) for text in other.queries.values()}
        return self.only(
            id for id, text in self.queries.items() if id not in other.queries and _folded(text) not in texts
        )


@dataclass(frozen=True)
class EvaluationSplits:
    """Train on ``train``, make choices on ``validation``, read ``evaluate`` once; no two share a query.

    ``note`` says in one sentence how choices are made, ``notes`` what else a reader of the scores must know.
    Where ``evaluate`` is None, ``unscored`` says why nothing can be scored.
    """

    train: Split | None
    validation: Split | None
    evaluate: Split | None
    note: str
    notes: tuple[str, ...] = ()
    unscored: str = ""

    def scored(self) -> Split:
        """The split to score on; raises ``TokirError`` where there is none."""
        if self.evaluate is None:
            raise TokirError(self.unscored)
        return self.evaluate


@dataclass(frozen=True)
class Dataset:
    """A corpus, queries, and relevance judgements by split.

    ``qrels`` maps split -> query id -> passage id -> score; the usual splits are train, dev and test.
    ``checksum`` is a SHA-256 over all ids, titles, texts, queries and judgements, whatever files held them.
    ``notes`` are sentences about what was left out in reading. ``own_passages`` holds the ids of queries that are
    ids of passages too. ``unread`` maps splits to files that seem to judge them but are not in a format that is
    read. ``files`` are those of the user's that the data set was read from.
    """

    name: str
    source: str
    corpus: Corpus
    queries: dict[str, str]
    qrels: dict[str, Qrels]
    checksum: str
    description: str
    notes: tuple[str, ...] = ()
    own_passages: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    files: tuple[SourceFile, ...] = ()

    def split(self, name: str) -> Split:
        """The judged queries of one split; raises ``TokirError`` where it is absent."""
        name = split_name(name)
        if name not in self.qrels:
            raise TokirError(
                f"the data set {self.name!r} has no split {name!r}{nearest(name, self.qrels)}; "
                f"it has {_listed(self.qrels)}{self._not_read(name)}"
            )
        qrels = {id: judged for id, judged in self.qrels[name].items() if relevant(judged)}
        own = (id for id in qrels if id in self.own_passages and id not in relevant(qrels[id]))
        return Split(name, {id: self.queries[id] for id in qrels}, qrels, tuple(own))

    def evaluation_splits(
        self, evaluate: str | None = None, queries: int | None = None, seed: int = 0
    ) -> EvaluationSplits:
        """Say which queries to train on, to validate on and to score on; they never overlap.

        Scored is test, or dev where there is no test, or the split that ``evaluate`` names. Choices are
        made on dev unless it is scored, else on a fifth of train, cut off by ``seed``. A query that is in two of
        them, by id or by text, stays where it matters most: scored, else validation, else train.

        Args:
            evaluate: the split to score on.
            queries: score on this many of its queries, drawn by ``seed``.
            seed: for the draw and the cut.

        Raises:
            TokirError: the split that ``evaluate`` names is absent, or the judgements of test were not read and
                dev would be scored instead.

        """
        if queries is not None and queries < 1:
            raise TokirError(f"the number of queries to evaluate must be at least 1, not {queries}")
        name, unscored = self._scored_split(evaluate)
        scored = self.split(name) if name else None
        train, dev = (self.split(n) if n in self.qrels and n != name else None for n in ("train", "dev"))
        notes: list[str] = []
        train, dev = _apart(train, scored, notes), _apart(dev, scored, notes)
        train = _apart(train, dev, notes)
        validation, note = dev, NO_VALIDATION
        if dev is not None:
            note = f"Choices are made on the {_to_choose_on(dev.queries)} of dev."
        elif train is not None and len(train.queries) > 1:
            cut = draw(train.queries, max(1, int(VALIDATION_SHARE * len(train.queries))), seed)
            validation = replace(train.only(cut), name="train-part")
            train = _apart(
                train.only(train.queries.keys() - cut), validation, notes, "among the validation queries"
            )
            note = f"Choices are made on {_to_choose_on(cut)} cut off from train by seed {seed}."
        if scored is not None and queries is not None:
            available = len(scored.queries)
            scored = scored.only(draw(scored.queries, queries, seed))
            notes.append(
                f"{len(scored.queries)} of {available} {scored.name} queries are scored, drawn by seed {seed}."
                if queries <= available
                else f"All {available} {scored.name} queries are scored, fewer than the {queries} asked for."
            )
        notes += self._remarks(name, scored)
        return EvaluationSplits(train, validation, scored, note, tuple(notes), unscored)

    def _remarks(self, name: str | None, scored: Split | None) -> Iterator[str]:
        """What is not used, and what is used though it holds nothing."""
        for other in self.qrels:
            if other not in (*USED, name):
                count = _counted(len(self.qrels[other]), other)
                yield f"{count} not used: train is trained on, and dev validates."
        if blank := self.corpus.blank:
            yield f"{blank:,} of {len(self.corpus):,} passages {_without_text(blank)} searched like the others."
        if scored is None:
            return
        if blank := sum(not text.strip() for text in scored.queries.values()):
            of = f"{len(scored.queries)} {scored.name} queries"
            yield f"{blank} of {of} {_without_text(blank)} scored like the others."
        if scored.own_passages:
            yield (
                f"For {len(scored.own_passages)} of {len(scored.queries)} {scored.name} queries the corpus holds a "
                "passage with the query's own id; it is left out of their rankings, as BEIR does."
            )

    def _scored_split(self, named: str | None) -> tuple[str | None, str]:
        """The name of the split to score on; where there is none, None and why."""
        hint = "".join(map(self._not_read, self.unread))
        if not self.qrels:
            return None, (
                f"the data set {self.name!r} ({self.source}) has documents but no judged queries{hint}: add "
                "queries.jsonl (lines of `_id` and `text`) and qrels/test.tsv (query-id, corpus-id, score), and run "
                "the study in another folder."
            )
        if named is not None:
            return split_name(named), ""
        if "test" in self.qrels:
            return "test", ""
        if "dev" in self.qrels:
            if "test" in self.unread:
                raise TokirError(
                    f"{self.unread['test']} is not one of qrels/*.tsv and was not read, and dev would be scored "
                    "instead: convert it to qrels/test.tsv (query-id, corpus-id, score), or say --split dev"
                )
            return "dev", ""
        return None, (
            f"the data set {self.name!r} has neither test nor dev queries but {_listed(self.qrels)}{hint}: "
            "say with --split which to score on."
        )

    def _not_read(self, split: str) -> str:
        """An aside that names the file which would judge a split but was not read; empty without one."""
        return (
            f" ({self.unread[split]} is not one of qrels/*.tsv and was not read)" if split in self.unread else ""
        )


def _apart(split: Split | None, other: Split | None, notes: list[str], what: str = "") -> Split | None:
    """``split`` without the queries of ``other``, counted in a note; None where nothing is left of it."""
    if split is None or other is None:
        return split
    rest = split.without(other)
    if count := len(split.queries) - len(rest.queries):
        what = what or f"in {other.name}"
        notes.append(f"{_counted(count, split.name)} left out: the same query, by id or by text, is {what}.")
    return rest if rest.queries else None


def _to_choose_on(queries: Collection[str]) -> str:
    return f"{len(queries)} validation {'query' if len(queries) == 1 else 'queries'}"


def _without_text(count: int) -> str:
    return "holds no text and is" if count == 1 else "hold no text and are"


def _counted(count: int, split: str) -> str:
    return f"1 query of {split} is" if count == 1 else f"{count} queries of {split} are"


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


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


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
