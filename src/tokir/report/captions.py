"""Sentences generated from the numbers: the headline, and how each table was measured."""

from __future__ import annotations

from datetime import datetime

from tokir.report.rows import Headline, names, ranked, recall, training_seconds
from tokir.report.schema import BudgetFacts, Results, System

QUESTION = (
    "Which tokenizer, architecture and training objective should a small retrieval model use on these documents?"
)


def answer(results: Results) -> list[str]:
    """The headline, in sentences: best system, what is level with it, best trained here."""
    found = Headline.of(results)
    asked = f"{plural(results.dataset.queries, 'query')} over {plural(results.dataset.passages, 'passage')}"
    if found.best is None:
        if not ranked(results.systems):
            return [f"No system could be evaluated on {asked}."]
        return [f"On {asked}, no system has a relevant passage among its first ten."]
    short = names(results.systems)
    sentences = [f"On {asked}, the best recall@10 is that of {_called(found.best, short)}: {recall(found.best)}."]
    if found.level:
        level = joined([_called(row, short) for row in found.level])
        sentences.append(f"These queries cannot tell it from {level}.")
    if found.trained is None:
        sentences.append("No model trained from scratch was evaluated.")
    elif found.trained is found.best:
        sentences.append("It was trained here, from scratch.")
    else:
        behind = ""
        if found.lead is not None:
            value, low, high = found.lead
            behind = f"; paired difference {value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
        model = _called(found.trained, short)
        sentences.append(f"The best one trained from scratch here is {model}: {recall(found.trained)}{behind}.")
    return sentences


def _called(row: System, short: dict[str, str]) -> str:
    return f"the {row.title}" if row.kind == "trained" else short[row.id]


def facts(results: Results) -> list[tuple[str, str]]:
    """What was measured, on what, when and where."""
    dataset, machine = results.dataset, results.environment
    seconds = training_seconds(results.systems)
    processor = machine.gpu if machine.device == "cuda" and machine.gpu else machine.cpu
    pairs = [
        ("Passages", f"{dataset.passages:,}"),
        ("Queries", f"{dataset.queries:,} ({dataset.split})"),
        ("Relevant", f"{dataset.relevant:,}"),
        ("Date", date(results.created)),
        ("Training", "none" if seconds is None else duration(seconds)),
        ("Processor", f"{processor}, {plural(machine.threads, 'thread')}"),
    ]
    return pairs


def retrieval_caption(results: Results) -> str:
    """How the scores were measured and how choices were made."""
    dataset, evaluation = results.dataset, results.settings.evaluation
    text = (
        f"Means over the {plural(dataset.queries, 'query')} of the {dataset.split} split, scored by trec_eval on "
        f"rankings {evaluation.depth:,} deep; a judged query without a ranking scores zero. Recall is the share "
        "of a query's relevant passages found; MRR counts the first relevant passage of the first ten. Interval: "
        f"95%, percentile bootstrap over queries, {evaluation.bootstrap:,} resamples. Best of a column in bold. "
        f"{dataset.choices}"
    )
    if results.groups:
        text += (
            " Groups: systems that share a letter cannot be told apart on recall@10 (randomisation test over queries, "
            "with several seeds also a t test over both; Holm's correction over all pairs; and an interval without "
            "zero)."
        )
    if any(row.seeds for row in results.systems):
        text += " Systems of several seeds are means over them, and their intervals hold seeds and queries alike."
    once = dict.fromkeys(
        row.title for row in results.systems if row.kind == "trained" and row.status == "ok" and not row.seeds
    )
    if once:
        text += (
            f" Trained once: {joined(list(once))}; what is said of these holds the spread over queries alone, and "
            "another training may score otherwise."
        )
    if chance := results.chance.get("recall@10"):
        text += f" A random order has recall@10 {chance:.4f}."
    return text


def cost_caption(results: Results) -> str:
    """How latency and language modelling were measured."""
    timed = min(results.settings.evaluation.latency_queries, results.dataset.queries)
    words = "; ".join(truncation(row) for row in results.systems if row.truncated_passages)
    text = (
        f"Latency: one query at a time on one thread ({results.environment.device}), {plural(timed, 'query')} "
        "after warm-up, from text to ranked list: tokenizing, encoding with pooling and whitening, exact search "
        "for the ten best. Medians of the steps need not add up to that of the whole. Perplexity is per token on "
        "held-out documents and compares models of one tokenizer only; bits per character and per byte compare "
        "all of them."
    )
    if any(row.seen for row in results.systems):
        text += (
            " Read in training: tokens by the size of windows, or by a sample of batches; characters by those per "
            "token on held-out documents."
        )
    lost = dict.fromkeys(
        f"{row.tokenizer.id} {row.tokenizer.lost_bits_per_character:.3f}"
        for row in results.systems
        if row.tokenizer and row.language_model and row.tokenizer.lost_bits_per_character
    )
    if lost:
        text += (
            " They hold the bits that restore what a tokenizer loses (white space, unknown words), which its model "
            f"need not predict; per character: {joined(list(lost))}."
        )
    if results.settings.budget and len({row.tokenizer.id for row in results.systems if row.tokenizer}) > 1:
        text += f" {budget(results.settings.budget)}"
    return f"{text} {words}." if words else text


def budget(facts: BudgetFacts) -> str:
    """What was the same for all tokenizers."""
    equal = {
        "text": "Every language model reads the same text as often, every retriever the same number of pairs",
        "tokens": (
            "Every language model reads as many tokens as one with "
            f"{facts.characters_per_token:g} characters per token in the epochs asked for"
        ),
        "seconds": (
            f"Every training has as many steps as fit into {facts.seconds or 0:g} seconds, validation left out"
        ),
    }[facts.equal]
    window = {
        "tokens": "windows and crops hold as many tokens",
        "characters": (
            "windows and crops hold as many characters as those of a tokenizer with "
            f"{facts.characters_per_token:g} characters per token"
        ),
    }[facts.window]
    match = {
        "none": "models have the same width",
        "total": "widths are chosen so that all have as many parameters as with the first tokenizer",
        "non-embedding": (
            "widths are chosen so that all have as many parameters outside of their token tables as with the first "
            "tokenizer"
        ),
    }[facts.match]
    return f"{equal}; {window}; {match}."


def truncation(row: System) -> str:
    """What a pretrained model did not read."""
    return (
        f"{row.title} reads the first {row.longest_tokens or 0:,} tokens, so the end of "
        f"{plural(row.truncated_passages or 0, 'passage')} was not read"
    )


def date(created: str) -> str:
    """The day of an ISO 8601 time: ``23 November 2026``; the text itself when it is none."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y}"


def duration(seconds: float) -> str:
    """Seconds, with minutes or hours beside them when there are many.

    >>> duration(754.2)
    '754 s (13 min)'
    """
    text = f"{seconds:,.0f} s"
    if seconds >= 7200:
        return f"{text} ({seconds / 3600:.1f} h)"
    return f"{text} ({seconds / 60:.0f} min)" if seconds >= 120 else text


def plural(number: int, noun: str) -> str:
    """The number and its noun.

    >>> plural(2, "query")
    '2 queries'
    """
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun}"


def joined(words: list[str]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
