"""Relevance judgements in BEIR's form: tab-separated query id, passage id and an integer score."""

from __future__ import annotations

from tokir.data.files import Files, lines
from tokir.errors import TokirError

HEADER = ("query-id", "corpus-id", "score")
Qrels = dict[str, dict[str, int]]


def read(files: Files, name: str) -> Qrels:
    """Read one split's judgements: query id -> passage id -> score. The header line may be missing.

    Raises:
        TokirError: a line has not three fields, a score is no integer, or two lines judge a pair differently.

    """
    qrels: Qrels = {}
    for number, line in lines(files, name):
        place = f"{files.where(name)}:{number}"
        fields = line.rstrip("\r\n").split("\t")
        if not line.strip() or (number == 1 and fields[0] in (HEADER[0], "query_id", "qid")):
            continue
        if len(fields) != len(HEADER) or not fields[0] or not fields[1]:
            raise TokirError(f"{place} is not `query-id<tab>corpus-id<tab>score`.")
        query, passage, written = fields
        try:
            score = int(written)
        except ValueError as error:
            raise TokirError(f"{place}: the score {written!r} is no integer.") from error
        if qrels.setdefault(query, {}).setdefault(passage, score) != score:
            raise TokirError(f"{place} judges query {query!r} and passage {passage!r} again, differently.")
    return qrels


def write(qrels: Qrels) -> str:
    """The file that `read` reads back; ids hold no tabs and no line ends."""
    rows = [
        HEADER,
        *((query, passage, str(s)) for query, judged in qrels.items() for passage, s in judged.items()),
    ]
    return "".join("\t".join(row) + "\n" for row in rows)


def relevant(judged: dict[str, int]) -> set[str]:
    """The passages judged relevant: a score of 1 or more."""
    return {passage for passage, score in judged.items() if score > 0}
