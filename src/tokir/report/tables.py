"""The columns of the result tables, once for HTML, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tokir.evaluation.registry import HEADLINE, MEASURES
from tokir.results.records import System
from tokir.results.wording import count, score_interval

STAGES = ("tokenize", "encode", "search", "total")
NONE = "–"


@dataclass(frozen=True)
class Column:
    """A column of numbers: how it is headed, read, written, and which value is best."""

    group: str
    heading: str
    value: Callable[[System], float | None]
    write: Callable[[System], str]
    best: Literal["high", "low", ""] = ""


@dataclass(frozen=True)
class Cell:
    """A written value, and whether it is the best of its column."""

    text: str
    best: bool


def _number(
    group: str,
    heading: str,
    value: Callable[[System], float | None],
    form: str,
    best: Literal["high", "low", ""] = "",
) -> Column:
    def write(row: System) -> str:
        number = value(row)
        return NONE if number is None else format(number, form)

    return Column(group, heading, value, write, best)


def _score(group: str, heading: str, measure: str) -> Column:
    return _number(group, heading, lambda row: row.score(measure), ".3f", "high")


def _latency(group: str, heading: str, stage: str, percentile: Literal["p50", "p95"], mark: bool) -> Column:
    def value(row: System) -> float | None:
        times = row.latency(stage)
        return None if times is None else float(getattr(times, percentile))

    return _number(group, heading, value, ".2f", "low" if mark else "")


def _interval(row: System) -> str:
    interval = row.interval()
    return NONE if interval is None else score_interval(interval)


def letters(row: System) -> str:
    """The groups that a system belongs to, in which no two systems differ significantly; ``a`` the best.

    >>> _letter(0), _letter(27)
    ('a', 'ab')
    """
    return " ".join(_letter(group) for group in row.groups)


def _letter(number: int) -> str:
    first, last = divmod(number, 26)
    return ("" if not first else chr(96 + first)) + chr(97 + last)


def measured(systems: Sequence[System]) -> list[str]:
    """The measures that systems were scored by, in their order."""
    return list(dict.fromkeys(measure for row in systems for measure in row.scores or {}))


def retrieval(systems: Sequence[System]) -> tuple[Column, ...]:
    """A column per measure; after that of the headline its interval and the groups."""
    columns = []
    for name in measured(systems):
        before, at, after = name.partition("@")
        group, heading = before, at + after
        if name in MEASURES:  # a run may know more measures than its reader
            group, heading = MEASURES[name].group, MEASURES[name].heading
        columns.append(_score(group, heading, name))
        if name == HEADLINE:
            columns.append(Column(group, f"{heading}, 95% interval", lambda row: None, _interval))
            columns.append(Column(group, "groups", lambda row: None, lambda row: letters(row) or NONE))
    return tuple(columns)


COST = (
    Column("Size", "parameters", lambda row: row.parameters, lambda row: count(row.parameters)),
    _number("Size", "dims", lambda row: row.dimensions, ",d"),
    _number("Size", "bytes a passage", lambda row: row.bytes_per_passage, ",.0f"),
    _latency("Latency, ms", "p50", "total", "p50", True),
    _latency("Latency, ms", "p95", "total", "p95", True),
    _latency("p50 of each step, ms", "tokenize", "tokenize", "p50", False),
    _latency("p50 of each step, ms", "encode", "encode", "p50", False),
    _latency("p50 of each step, ms", "search", "search", "p50", False),
    Column("Needs", "a query", lambda row: None, lambda row: _needs(row, "query")),
    Column("Needs", "a new passage", lambda row: None, lambda row: _needs(row, "passage")),
    _number("Read in training, M", "tokens", lambda row: row.seen.tokens / 1e6 if row.seen else None, ",.1f"),
    _number(
        "Read in training, M", "characters", lambda row: row.seen.characters / 1e6 if row.seen else None, ",.1f"
    ),
    _number("Seconds", "train", lambda row: row.seconds.train, ",.0f"),
    _number("Seconds", "teacher", lambda row: row.seconds.teacher or None, ",.0f"),
    _number("Seconds", "embed", lambda row: row.seconds.embed, ",.0f"),
    _number("Language model", "perplexity", lambda row: _model(row, "perplexity"), ",.1f"),
    _number("Language model", "bits/char", lambda row: _model(row, "bits_per_character"), ".3f", "low"),
    _number("Language model", "bits/byte", lambda row: _model(row, "bits_per_byte"), ".3f", "low"),
)


def cost(systems: Sequence[System]) -> tuple[Column, ...]:
    """The columns of cost, and where an index is not exact, what it finds of what exact search does."""
    if not any(row.index_recall is not None for row in systems):
        return COST
    return (*COST, _number("Index", "recall of exact", lambda row: row.index_recall, ".3f"))


def _needs(row: System, what: Literal["query", "passage"]) -> str:
    return NONE if row.needs is None else " + ".join(getattr(row.needs, what))


def _model(row: System, name: str) -> float | None:
    return None if row.language_model is None else float(getattr(row.language_model, name))


def cells(columns: tuple[Column, ...], systems: Sequence[System]) -> dict[str, list[Cell]]:
    """Each system's cells. Values that read the same as the best are best too; where all are equal none is."""
    best: list[str | None] = []
    for column in columns:
        values = {column.write(row): column.value(row) for row in systems}
        numbers = {text: number for text, number in values.items() if number is not None}
        if not column.best or len(numbers) < 2:
            best.append(None)
        else:
            choose = max if column.best == "high" else min
            best.append(choose(numbers, key=lambda text: numbers[text]))
    return {
        row.id: [Cell(text := column.write(row), text == best[number]) for number, column in enumerate(columns)]
        for row in systems
    }


def spans(columns: tuple[Column, ...]) -> list[tuple[str, int]]:
    """Headings over neighbouring columns, with how many each spans."""
    found: list[tuple[str, int]] = []
    for column in columns:
        if found and found[-1][0] == column.group:
            found[-1] = (column.group, found[-1][1] + 1)
        else:
            found.append((column.group, 1))
    return found


def to_csv(systems: Sequence[System]) -> str:
    """One line per system, every number in full; empty where there is none."""
    measures = measured(systems)
    rows = [_flat(row, measures) for row in systems]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]) if rows else ["id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _flat(row: System, measures: list[str]) -> dict[str, object]:
    """A system as flat columns, the same ones for every system."""
    tokenizer, model = row.tokenizer, row.language_model
    flat: dict[str, object] = {
        "id": row.id,
        "kind": row.kind,
        "title": row.title,
        "status": row.status,
        "reason": row.reason,
        "tokenizer": tokenizer and tokenizer.id,
        "vocabulary_size": tokenizer and tokenizer.vocabulary_size,
        "fertility": tokenizer and tokenizer.fertility,
        "bytes_per_token": tokenizer and tokenizer.bytes_per_token,
        "architecture": row.architecture,
        "objective": row.objective,
        "pooling": row.pooling,
        "index": row.index,
        "index_recall": row.index_recall,
        "bytes_per_passage": row.bytes_per_passage,
        "whitening_strength": row.whitening_strength,
        "seed": row.seed,
        "parameters": row.parameters,
        "dimensions": row.dimensions,
    }
    for measure in measures:
        low, high = row.interval(measure) or (None, None)
        flat |= {measure: row.score(measure), f"{measure}_low": low, f"{measure}_high": high}
    for stage in STAGES:
        times = row.latency(stage)
        for name in ("mean", "p50", "p95"):
            flat[f"{stage}_ms_{name}"] = getattr(times, name, None)
    flat |= {
        "groups": letters(row),
        "seeds": " ".join(map(str, row.seeds)),
        "tokens_read": row.seen and row.seen.tokens,
        "characters_read": row.seen and row.seen.characters,
        "perplexity": model and model.perplexity,
        "bits_per_character": model and model.bits_per_character,
        "bits_per_byte": model and model.bits_per_byte,
        "epochs": model and model.epochs,
        "seconds_train": row.seconds.train,
        "seconds_teacher": row.seconds.teacher,
        "seconds_embed": row.seconds.embed,
        "longest_tokens": row.longest_tokens,
        "truncated_passages": row.truncated_passages,
        "unknown_rate": row.unknown_rate,
        "validation_recall": row.validation_recall,
    }
    return flat
