"""Sentences generated from the numbers: the headline, and how each table was measured."""

from __future__ import annotations

from tokir.evaluation.registry import HEADLINE
from tokir.report.rows import Headline, teacher_seconds, training_seconds
from tokir.results.configurations import ALIKE, ranked, same_text
from tokir.results.names import short_names
from tokir.results.records import BudgetFacts, Results, System
from tokir.results.wording import could_not_read, date, difference, duration, joined, passages_by, plural, recall

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
    short = short_names(results.systems)
    sentences = [f"On {asked}, the best recall@10 is that of {_called(found.best, short)}: {recall(found.best)}."]
    if found.level:
        level = joined([_called(row, short) for row in found.level])
        sentences.append(f"It does not differ significantly from {level}.")
    if found.trained is None:
        sentences.append("No model trained from scratch was evaluated.")
    elif found.trained is found.best:
        sentences.append(f"It was trained here, from scratch.{_passages_by(found.best, short)}")
    else:
        behind = (
            f"; difference from the best {difference(found.lead.difference, found.lead.interval)}"
            if found.lead
            else ""
        )
        model = _called(found.trained, short)
        passages = _passages_by(found.trained, short)
        sentences.append(
            f"The best one trained from scratch here is {model}: {recall(found.trained)}{behind}.{passages}"
        )
    return sentences + unread(results)


def _passages_by(row: System, short: dict[str, str]) -> str:
    """What encodes its passages, where it does not itself."""
    said = passages_by(row, lambda name: short.get(name, name))
    return f" It encodes queries; {said}." if said else ""


def unread(results: Results) -> list[str]:
    """Of each baseline that could not read the corpus, that nothing is claimed against it."""
    short = short_names(results.systems)
    return [
        f"{could_not_read(row, short[row.id])}, so nothing is claimed against it."
        for row in results.systems
        if row.ok and not row.could_read
    ]


def _called(row: System, short: dict[str, str]) -> str:
    return f"the {row.title}" if row.kind == "trained" else short[row.id]


def facts(results: Results) -> list[tuple[str, str]]:
    """What was measured, on what, when and where."""
    dataset, machine = results.dataset, results.environment
    training, teacher = training_seconds(results.systems), teacher_seconds(results.systems)
    processor = machine.gpu if machine.device == "cuda" and machine.gpu else machine.cpu
    pairs = [
        ("Passages", f"{dataset.passages:,}"),
        ("Queries", f"{dataset.queries:,} ({dataset.split})"),
        ("Relevant", f"{dataset.relevant:,}"),
        ("Date", date(results.created)),
        ("Training", "none" if training is None else duration(training)),
        ("Processor", f"{processor}, {plural(machine.threads, 'thread')}"),
    ]
    if teacher is not None:
        pairs.insert(5, ("Vectors of the teacher", duration(teacher)))
    return pairs


def retrieval_caption(results: Results) -> str:
    """How the scores were measured and how choices were made."""
    dataset, evaluation = results.dataset, results.evaluation
    resampled = f"percentile bootstrap over queries, {evaluation.bootstrap:,} resamples"
    interval = (
        resampled if dataset.queries > 1 else "all that a score can be, since one query says nothing of others"
    )
    text = (
        f"Means over the {plural(dataset.queries, 'query')} of the {dataset.split} split, scored as trec_eval does on "
        f"rankings {evaluation.depth:,} deep; a judged query without a ranking scores zero. Recall is the share "
        "of a query's relevant passages found; MRR is the mean reciprocal rank of the first relevant passage, zero "
        f"below rank ten. Interval: 95%, {interval}. The best of each column is in bold. {dataset.choices}"
    )
    if results.groups:
        text += (
            " Groups: systems that share a letter do not differ significantly on recall@10. The test is a "
            "randomisation test over queries, with several seeds also a t test over queries and seeds, with Holm's "
            "correction over all pairs; a significant difference also has an interval without zero."
        )
    if any(row.seeds for row in results.systems):
        text += " Systems of several seeds are means over them; their intervals hold the spread over seeds and queries."
        if any(row.kind == "fusion" and row.ok for row in results.systems):
            text += (
                " A fusion joins one training of each member; its interval holds the spread over queries alone."
            )
    once = dict.fromkeys(
        row.title for row in results.systems if row.kind == "trained" and row.ok and not row.seeds
    )
    if once:
        text += (
            " Of systems trained once, the intervals hold the spread over queries alone, and another training "
            f"may score differently: {'; '.join(once)}."
        )
    if chance := results.chance.get(HEADLINE):
        text += f" A random order has recall@10 {chance:.2g}."
    return " ".join([text, *unread(results)])


def cost_caption(results: Results) -> str:
    """How latency and language modelling were measured."""
    timed = min(results.evaluation.latency_queries, results.dataset.queries)
    words = "; ".join(truncation(row) for row in results.systems if row.truncated_passages)
    text = (
        f"Latency: one query at a time on one thread ({results.environment.device}), {plural(timed, 'query')} "
        "after warm-up, from text to ranked list: tokenizing, encoding with pooling and whitening, search for the "
        "ten best. The medians of the steps need not add up to the median of the whole."
    )
    if any(row.bytes_per_passage for row in results.systems):
        text += " Bytes a passage: of the vectors and their codes, postings or best cosines that are searched, on disk."
    if any(row.index_recall is not None for row in results.systems):
        text += (
            " Recall of exact: of the ten passages that exact search over whole vectors finds first, the share that "
            "are among the first ten of this index."
        )
    if any(row.needs and row.needs.encoders_of_passages for row in results.systems):
        text += (
            " Needs: where a new passage needs a pretrained model and a query does not, the passage vectors are "
            "that model's own, and it has to read every passage that is added."
        )
    if any(row.seen for row in results.systems):
        text += (
            " Read in training: tokens are counted from the size of the windows, or from a sample of batches; "
            "characters follow from the characters per token on held-out documents."
        )
    if any(row.language_model for row in results.systems):
        text += (
            " Perplexity is per token on held-out documents and compares models of one tokenizer only; bits per "
            "character and per byte compare all of them"
        )
        text += "." if same_text(results.systems) else f" over tokenizers, {ALIKE}."
    lost = dict.fromkeys(
        f"{row.tokenizer.id} {row.tokenizer.lost_bits_per_character:.3f}"
        for row in results.systems
        if row.tokenizer and row.language_model and row.tokenizer.lost_bits_per_character
    )
    if lost:
        text += (
            " They include the bits that restore what a tokenizer loses (white space, unknown words), which its model "
            f"need not predict; per character: {joined(list(lost))}."
        )
    facts = results.budget
    if facts and len({row.tokenizer.id for row in results.systems if row.tokenizer}) > 1:
        text += f" {budget(facts)}"
    return f"{text} {words}." if words else text


def budget(facts: BudgetFacts) -> str:
    """What was the same for all tokenizers."""
    equal = {
        "text": (
            "Every language model reads the same text the same number of times, and every retriever the same number "
            "of pairs"
        ),
        "tokens": (
            "Every language model reads as many tokens as one with "
            f"{facts.characters_per_token:g} characters per token reads in the epochs that were set"
        ),
        "seconds": (
            f"Every training has as many steps as fit into {plural(facts.seconds or 0, 'second')}, validation not "
            "counted"
        ),
    }[facts.equal]
    window = {
        "tokens": "windows and crops hold the same number of tokens",
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
        f"{row.title} reads the first {plural(row.longest_tokens or 0, 'token')}, so the end of "
        f"{plural(row.truncated_passages or 0, 'passage')} was not read"
    )
