"""Ranked lists in the order and the format of trec_eval, so that any tool scores them alike.

trec_eval ignores the rank column: it sorts by score, and equal scores by descending document id. Rankings here
are cut and ordered by that same rule, and scores are float32, written with all their digits.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import atomic
from tokir.errors import TokirError
from tokir.retrieval.index import Hits

LINES_AT_ONCE = 65_536  # written; bounds memory
PLAIN = (1e-3, 1e5)  # between them, if not whole, Arrow writes a float32 as numpy does, and ten times as fast
_COLUMNS = ("query", "Q0", "passage", "rank", "score", "tag")


@dataclass(frozen=True, eq=False)
class Ranking:
    """The ranked lists of queries, one after the other.

    Attributes:
        queries: ids, in the order of the lists.
        ends: (queries,) where each list ends in ``positions`` and ``scores``.
        positions: (hits,) in the corpus, the best of a list first.
        scores: (hits,)
    """

    queries: tuple[str, ...]
    ends: NDArray[np.int64]
    positions: NDArray[np.int64]
    scores: NDArray[np.float32]

    @classmethod
    def of(cls, queries: Iterable[str], lists: Sequence[Hits]) -> Ranking:
        """The lists of ``queries``, which are their ids."""
        return cls(
            tuple(queries),
            np.cumsum([len(hits.positions) for hits in lists], dtype=np.int64),
            np.concatenate([hits.positions for hits in lists] or [np.zeros(0, np.int64)]),
            np.concatenate([hits.scores for hits in lists] or [np.zeros(0, np.float32)]),
        )

    @property
    def nbytes(self) -> int:
        """Of the arrays."""
        return self.ends.nbytes + self.positions.nbytes + self.scores.nbytes

    def lists(self) -> list[Hits]:
        """The list of each query."""
        starts = (self.ends - self.sizes()).tolist()
        return [
            Hits(self.positions[start:end], self.scores[start:end])
            for start, end in zip(starts, self.ends.tolist(), strict=True)
        ]

    def sizes(self) -> NDArray[np.int64]:
        """Passages in each list, (queries,)."""
        return np.diff(self.ends, prepend=0)

    def first(self, depth: int) -> NDArray[np.int64]:
        """The first positions of each list, (queries, depth); -1 beyond its end."""
        ranks, sizes = np.arange(depth), self.sizes()
        inside = ranks < sizes[:, None]
        found = np.full(inside.shape, -1, dtype=np.int64)
        found[inside] = self.positions[((self.ends - sizes)[:, None] + ranks)[inside]]
        return found

    def without(self, own: Collection[str], ids: Sequence[str], depth: int) -> Ranking:
        """The first ``depth`` of each list; those of the queries ``own`` are without the passage of the same id.

        So BEIR does, where queries are passages themselves.
        """
        wanted = set(own)
        position = {id: number for number, id in enumerate(ids) if id in wanted}
        lists = []
        for query, hits in zip(self.queries, self.lists(), strict=True):
            others = hits.positions != position.get(query, -1)
            lists.append(Hits(hits.positions[others][:depth], hits.scores[others][:depth]))
        return Ranking.of(self.queries, lists)


def descending(ids: Iterable[str]) -> NDArray[np.int64]:
    """Positions of the passages in the order of their ids, largest first: where an id is found by bisection.

    >>> descending(["a", "c", "b"]).tolist()
    [1, 2, 0]
    """
    import pyarrow as pa
    import pyarrow.compute

    strings = pa.array(ids, pa.large_string())  # compared as trec_eval does, by the bytes of UTF-8
    order = pa.compute.sort_indices(strings, sort_keys=[("", "descending")])
    found: NDArray[np.int64] = order.to_numpy().astype(np.int64)
    return found


def inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of each position in ``order``.

    >>> inverse(np.array([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def write_run(path: Path, ranking: Ranking, ids: Sequence[str], tag: str) -> None:
    """Write a TREC run file: ``query Q0 passage rank score tag``; ``ids`` are those of all passages."""
    import pyarrow as pa
    import pyarrow.compute as pc

    queries, passages, sizes = pa.array(ranking.queries, pa.string()), pa.array(ids, pa.string()), ranking.sizes()
    rows = np.repeat(np.arange(len(sizes)), sizes)
    ranks = np.arange(len(rows)) - np.repeat(ranking.ends - sizes, sizes) + 1
    with atomic(path, "wb") as file:
        for start in range(0, len(rows), LINES_AT_ONCE):
            part = slice(start, start + LINES_AT_ONCE)
            lines = pc.binary_join_element_wise(
                queries.take(pa.array(rows[part])),
                "Q0",
                passages.take(pa.array(ranking.positions[part])),
                pa.array(ranks[part]).cast(pa.string()),
                written(ranking.scores[part]),
                f"{tag}\n",
                " ",
            )
            _, ends, characters = lines.buffers()
            file.write(memoryview(characters)[: np.frombuffer(ends, np.int32)[len(lines)]])


def written(scores: NDArray[np.float32]) -> Any:
    """The shortest figures that are read back as the same float32, an Arrow array of strings."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = np.abs(scores)
    plain = (size >= PLAIN[0]) & (size < PLAIN[1]) & (scores != np.rint(scores))
    others = pa.array([str(score) for score in scores[~plain]], pa.string())
    return pc.replace_with_mask(pa.array(scores).cast(pa.string()), pa.array(~plain), others)


def read_run(path: Path, ids: Sequence[str]) -> Ranking:
    """Read a TREC run file; ``ids`` are those of all passages.

    Raises:
        TokirError: a line does not belong in such a file, or the lists are of another corpus; it names the line.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    if not path.stat().st_size:
        return Ranking.of([], [])
    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=_COLUMNS),
            csv.ParseOptions(delimiter=" ", quote_char=False),
            csv.ConvertOptions(
                column_types={"query": pa.string(), "passage": pa.string(), "score": pa.float32()},
                include_columns=["query", "passage", "score"],
                null_values=[],
            ),
        ).combine_chunks()
    except pa.ArrowInvalid as error:
        raise _unreadable(path, str(error)) from None
    if not pc.all(pc.is_finite(table["score"])).as_py():
        raise _unreadable(path, "a score is not a number")
    positions = pc.index_in(table["passage"], pa.array(ids, pa.string()))
    if positions.null_count:
        line = pc.index(positions.is_null(), True).as_py()
        raise TokirError(f"{path}:{line + 1}: no passage {table['passage'][line].as_py()!r} is in the corpus")
    [runs] = pc.run_end_encode(table["query"]).chunks
    queries = tuple(runs.values.to_pylist())
    if len(set(queries)) < len(queries):
        raise TokirError(f"{path}: lines of one query stand apart: it was not written by tokir")
    return Ranking(
        queries,
        runs.run_ends.to_numpy().astype(np.int64),
        positions.to_numpy().astype(np.int64),
        table["score"].to_numpy(),
    )


def _unreadable(path: Path, reason: str) -> TokirError:
    """Names the first line that is no line of a run file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            try:
                _, _, _, _, score, _ = line.split(" ")
                if not math.isfinite(float(score)):
                    raise ValueError
            except ValueError:
                return TokirError(f"{path}:{number}: not a line of a TREC run file")
    return TokirError(f"{path}: not a TREC run file: {reason}")


def write_qrels(path: Path, qrels: dict[str, dict[str, int]]) -> None:
    """Write TREC judgements: ``query 0 passage grade``."""
    with atomic(path) as file:
        for query, judged in qrels.items():
            for passage, grade in judged.items():
                file.write(f"{query} 0 {passage} {grade}\n")
