"""Relevance judgements in BEIR's form: tab-separated query id, passage id and an integer score."""

from __future__ import annotations

import re

from tokir.data import ids
from tokir.data.files import Files, lines
from tokir.errors import TokirError

HEADER = ("query-id", "corpus-id", "score")
SCORES = ("score", "relevance", "rel", "grade", "label")
Qrels = dict[str, dict[str, int]]

# trec_eval counts the passages of every grade from 0 to the highest one, eight bytes each and for every query:
# a grade of a hundred million takes 800 MB, and one for which there is no memory makes all scores zero, without
# an error. A million takes 8 MB and is more than anyone grades by. Below zero all grades are alike to it.
LOWEST_GRADE, HIGHEST_GRADE = -(2**31), 1_000_000
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")  # what `int` takes beyond that, such as 1_000 or ١, is not a grade


def read(files: Files, name: str) -> Qrels:
    """Read one split's judgements: query id -> passage id -> score. The header line may be missing.

    Raises:
        TokirError: a line does not have three fields, or `add` refuses it.

    """
    qrels: Qrels = {}
    begun = False
    for number, line in lines(files, name):
        fields = line.removesuffix("\n").removesuffix("\r").split("\t")
        if not line.strip():
            continue
        first, begun = not begun, True
        location = f"{files.where(name)}:{number}"
        if first and _named(fields[0]) in (HEADER[0], "qid"):
            if any(_named(field) in SCORES for field in fields[1:2]):  # or whole numbers would pass for ids
                raise TokirError(
                    f"{location}: the columns are not `query-id<tab>corpus-id<tab>score`: reorder them"
                )
            continue
        if len(fields) != len(HEADER):
            raise TokirError(f"{location} is not `query-id<tab>corpus-id<tab>score`")
        add(qrels, fields[0], fields[1], fields[2], location)
    return qrels


def _named(field: str) -> str:
    """A field of the header, as its variants are all written."""
    return field.strip('"').lower().replace("_", "-")


def add(qrels: Qrels, query: str, passage: str, grade: object, location: str) -> None:
    """Put one judgement among ``qrels``.

    Args:
        qrels: where to put it.
        query: the query's id.
        passage: the passage's id.
        grade: an integer, or one written in digits.
        location: where the judgement was read, for messages.

    Raises:
        TokirError: an id is not valid, the grade is not an integer in bounds, or the pair was judged otherwise.

    """
    for id in (query, passage):
        ids.check(id, location)
    number = int(str(grade)) if _INTEGER.fullmatch(str(grade)) else None
    if number is None or not LOWEST_GRADE <= number <= HIGHEST_GRADE:
        raise TokirError(
            f"{location}: the score {grade!r} is not an integer from {LOWEST_GRADE:,} to {HIGHEST_GRADE:,}, "
            "the range that trec_eval can take"
        )
    if qrels.setdefault(query, {}).setdefault(passage, number) != number:
        raise TokirError(f"{location} judges query {query!r} and passage {passage!r} again, differently")


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
