"""Numbers, intervals and lists as every sentence and table writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tokir.results.records import Interval, System


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign; what rounds to zero has none.

    >>> signed(-0.0123), signed(0.2, 1), signed(-0.0001)
    ('−0.012', '+0.2', '0.000')
    """
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def signed_interval(interval: Interval, digits: int = 3) -> str:
    """An interval of a difference.

    >>> signed_interval((-0.02, 0.0301))
    '[−0.020, +0.030]'
    """
    return f"[{signed(interval[0], digits)}, {signed(interval[1], digits)}]"


def difference(value: float, interval: Interval) -> str:
    """A difference and its interval.

    >>> difference(0.4, (0.37, 0.43))
    '+0.400 [+0.370, +0.430]'
    """
    return f"{signed(value)} {signed_interval(interval)}"


def score_interval(interval: Interval) -> str:
    """An interval of a score.

    >>> score_interval((0.913, 0.984))
    '[0.913, 0.984]'
    """
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]"


def recall(row: System) -> str:
    """Recall@10 and its interval: ``0.952 [0.913, 0.984]``; a dash where there is none."""
    score, interval = row.score(), row.interval()
    if score is None:
        return "–"
    return f"{score:.3f} {score_interval(interval)}" if interval else f"{score:.3f}"


def could_not_read(row: System, name: str) -> str:
    """Why nothing is claimed against a baseline; without a full stop.

    >>> could_not_read(System(id="minilm", kind="pretrained", title="MiniLM", unknown_rate=0.631), "MiniLM")
    'MiniLM could not read 63% of the tokens of these passages'
    """
    return f"{name} could not read {row.unknown_rate or 0.0:.0%} of the tokens of these passages"


def passages_by(row: System, called: Callable[[str], str]) -> str:
    """What encodes its passages, where it does not itself, as a clause; empty where it does.

    Args:
        row: of a system.
        called: from the id of a pretrained model to what a reader calls it.
    """
    names = row.needs.encoders_of_passages if row.needs else []
    return f"passages are encoded by {joined([called(name) for name in names])}" if names else ""


def joined(words: Sequence[str]) -> str:
    """A list in a sentence.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def plural(number: float, noun: str) -> str:
    """The number and its noun.

    >>> plural(2, "query"), plural(1, "epoch"), plural(1.5, "epoch")
    ('2 queries', '1 epoch', '1.5 epochs')
    """
    written = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{written} {noun}"


def count(number: int | None) -> str:
    """A number of parameters as one reads it.

    >>> count(2078672)
    '2.08M'
    """
    if number is None:
        return "–"
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def duration(seconds: float) -> str:
    """Seconds, with minutes or hours beside them when there are many.

    >>> duration(754.2)
    '754 s (13 min)'
    """
    text = f"{seconds:,.0f} s"
    if seconds >= 7200:
        return f"{text} ({seconds / 3600:.1f} h)"
    return f"{text} ({seconds / 60:.0f} min)" if seconds >= 120 else text


def date(created: str) -> str:
    """The day of an ISO 8601 time: ``23 November 2026``; the text itself where it is not one."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y}"
