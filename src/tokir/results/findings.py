"""The study's questions held against the measured numbers.

A claim is *supported* where the difference it is about is significant, after correction for all pairs of the study,
and in its favour; *not supported* where it is significant and against it; and *cannot tell* where it is not
significant, where what the claim is about was not measured, or where a baseline could not read the corpus. For
latency, which is not a mean over queries, for chance, and for being level with larger models, the finding states its
rule.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

from tokir.config.objective import LANGUAGE_MODEL
from tokir.evaluation.registry import HEADLINE
from tokir.results.configurations import ranked
from tokir.results.facts import Facts, compared, unread
from tokir.results.paths import path
from tokir.results.records import Answer, Finding, Results, System
from tokir.results.wording import joined, recall

# Much larger models, trained on general text and not on retrieval.
GENERAL = {"canine": "CANINE", "roberta": "RoBERTa", "byt5": "ByT5"}
TABLE = "model2vec"  # pretrained, but no larger model: it looks tokens up, as a static model does
LISTED, FASTEST = 12, 5  # systems that a sentence can name; of more, so many and the pretrained ones
MARGIN = 0.02  # of recall@10 by which a model that is level may be behind
FEWEST = 6  # queries that a claim by an interval takes: of fewer no test reaches 5%, whatever they score
# Queries of which, if ``MARGIN`` of all are lost, at least one is lost in 97.5% of all samples. The interval of fewer
# that are all alike is zero wide, and says nothing of the rest.
FEWEST_LEVEL = 183


class Held(NamedTuple):
    """A claim held against the numbers."""

    claim: str
    answer: Answer
    evidence: list[str]
    text: str


def findings(results: Results) -> tuple[Finding, ...]:
    """One finding per question."""
    facts = Facts(results)
    questions: dict[str, Callable[[Facts], Held]] = {
        "Does a small language model trained from scratch retrieve?": _retrieves,
        "How good is a small model that is trained to retrieve?": _beyond_bm25,
        "How does it compare with much larger general models?": _level_with_larger,
        "LSTM or Transformer, with everything else equal?": _lstm_or_transformer,
        "How much does the training objective matter?": _objective_matters,
        "Which is fastest per query?": _fastest,
    }
    return tuple(
        Finding(
            question=question,
            claim=held.claim,
            answer=held.answer,
            evidence=tuple(held.evidence),
            text=held.text,
        )
        for question, hold in questions.items()
        for held in [hold(facts)]
    )


def _number(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _retrieves(facts: Facts) -> Held:
    claim = "A language model of this size, trained from scratch, finds relevant passages better than chance."
    models = facts.trained(objective=LANGUAGE_MODEL)
    if not models:
        return Held(claim, "cannot tell", [], "No language model was evaluated.")
    best = models[0]
    low, high = best.interval() or (0.0, 1.0)
    chosen = not facts.validated and len(models) > 1  # on the scored queries themselves
    if chosen:
        low = _widened(best.score() or 0.0, low, len(models))
    answer: Answer = "cannot tell"
    if facts.queries >= FEWEST and low > facts.chance:
        answer = "supported"
    elif facts.queries >= FEWEST and high < facts.chance:
        answer = "not supported"
    widened = (
        f", widened since it is the best of {len(models)} on the scored queries themselves," if chosen else ""
    )
    parts = [
        f"The best of them{facts.chosen}, {facts.name(best)} ({best.parameters or 0:,} parameters), has recall@10 "
        f"{recall(best)}; a random order would have {facts.chance:.2g}. Supported means that the 95% "
        f"interval{widened} lies above that.{facts.few_queries(FEWEST)}"
    ]
    evidence = [*facts.recall_paths(best), facts.path(best, "parameters"), path("chance", HEADLINE)]
    raw = facts.trained("mean", LANGUAGE_MODEL)
    white = facts.trained("mean-white", LANGUAGE_MODEL)
    if raw and white:
        one, other = ranked(raw)[0], ranked(white)[0]
        parts.append(
            f"The mean of their states reaches {recall(one)} at best as it is, and {recall(other)} whitened."
        )
        evidence += facts.recall_paths(one, other)
    if bm25 := facts.row("bm25"):
        text, paths = facts.beside(best, bm25)
        parts.append(text)
        evidence += paths
    return Held(claim, answer, evidence, " ".join(parts))


def _widened(score: float, low: float, models: int) -> float:
    """The lower end of the 95% interval of the best of several models, all of whose intervals hold at once in 95% of
    all samples (Bonferroni), as if the score were normally distributed.
    """
    normal = NormalDist()
    return score - (score - low) * normal.inv_cdf(1 - 0.025 / models) / normal.inv_cdf(0.975)


def _beyond_bm25(facts: Facts) -> Held:
    claim = "A model of this size, trained on the documents themselves, retrieves better than BM25 (recall@10)."
    models = [row for row in facts.trained() if row.objective != LANGUAGE_MODEL]
    bm25 = facts.row("bm25")
    if not models or bm25 is None:
        missing = "No model was trained to retrieve" if not models else "BM25 was not evaluated"
        return Held(claim, "cannot tell", [], f"{missing} in this study.")
    best = models[0]
    train, teacher = best.seconds.train or 0.0, best.seconds.teacher
    taught = f", and {_number(teacher)} for the vectors of its teacher" if teacher else ""
    parts = [
        f"The best of them{facts.chosen}, {facts.name(best)} ({best.parameters or 0:,} parameters, trained in "
        f"{_number(train)} seconds{taught}), has recall@10 {recall(best)}."
    ]
    parts += facts.passages_by(best)
    evidence = [*facts.recall_paths(best), facts.path(best, "parameters"), facts.path(best, "seconds")]
    evidence += [facts.path(best, "needs")] if best.needs else []
    for other in (bm25, facts.row("minilm")):
        if other is not None:
            text, paths = facts.beside(best, other)
            parts.append(text)
            evidence += paths
    fused = facts.fusions()
    if fused:
        parts.append(f"The best fusion{facts.chosen} ({fused[0].title}) has {recall(fused[0])}.")
        evidence += facts.recall_paths(fused[0])
    return Held(claim, facts.better(best, bm25), evidence, " ".join(parts))


def _level_with_larger(facts: Facts) -> Held:
    models = facts.trained()
    larger = [row for name in GENERAL if (row := facts.row(name))]
    named = ", ".join(name for id, name in GENERAL.items() if facts.row(id) or not larger)
    smallest = min(((row.parameters or 0) for row in larger), default=0)
    size = "" if larger and models and smallest < 1.5 * (models[0].parameters or 1) else " many times its size"
    claim = f"It is at least level with general models{size} ({named}; mean-pooled)."
    if not models:
        return Held(claim, "cannot tell", [], "No model was trained in this study.")
    if not larger:
        return _no_larger(facts, claim)
    best, texts, evidence, answers = models[0], [], facts.recall_paths(models[0]), []
    chosen = not facts.validated and len(models) > 1  # on the scored queries themselves
    for row in larger:
        times = (row.parameters or 0) / (best.parameters or 1)
        text, paths = facts.beside(best, row, f" ({_ratio(times)} times the parameters)" if times >= 1.5 else "")
        texts.append(text)
        evidence += paths
        answers.append(_at_least_level(facts, best, row, chosen))
    answer: Answer = "supported" if set(answers) == {"supported"} else "cannot tell"
    if "not supported" in answers:
        answer = "not supported"
    few = ""
    if facts.queries < FEWEST_LEVEL:
        few = f" Fewer than {FEWEST_LEVEL} queries support it by a significant lead alone."
    rule = (
        f"At least level means at most {MARGIN:g} of recall@10 behind: supported where the 95% interval of the "
        f"difference lies above −{MARGIN:g}, not supported where it lies below that and the difference is significant "
        f"after correction.{facts.few_queries(FEWEST) or few}"
    )
    if chosen:
        rule += (
            f" Since it is the best of {len(models)} on the scored queries themselves, supported here asks for a "
            "significant lead."
        )
    said = [f"{facts.name(best)} has recall@10 {recall(best)}.", *facts.passages_by(best), *texts, rule]
    text = " ".join(said)
    if missing := [row for row in facts.rows if row.id in GENERAL and row not in larger]:
        text += f" {joined([row.title for row in missing])} could not be evaluated on this machine."
        evidence += [facts.path(row, "status") for row in missing]
    return Held(claim, answer, evidence, text)


def _no_larger(facts: Facts, claim: str) -> Held:
    missing = [row for row in facts.rows if row.id in GENERAL]
    if missing:
        why = f"{joined([row.title for row in missing])} could not be evaluated on this machine"
    else:
        why = "none of them is part of this study"
    text = f"No such model was measured: {why}. MiniLM cannot stand in for them: it was trained for this task."
    return Held(claim, "cannot tell", [facts.path(row, "status") for row in missing], text)


def _at_least_level(facts: Facts, ours: System, other: System, chosen: bool) -> Answer:
    """Is ``ours`` at most ``MARGIN`` worse than ``other``? A test of non-inferiority by the interval.

    Of one ``chosen`` on the scored queries the interval flatters, and of a few queries it misses what is rare: there
    it has to be significantly better.
    """
    if not (ours.could_read and other.could_read) or facts.queries < FEWEST:
        return "cannot tell"
    pair = facts.compare(ours, other)
    low, high = pair.interval
    leads = pair.significant and pair.difference > 0
    has_to_lead = chosen or facts.queries < FEWEST_LEVEL
    if low > -MARGIN and (leads or not has_to_lead):
        return "supported"
    return "not supported" if pair.significant and high < -MARGIN else "cannot tell"


def _lstm_or_transformer(facts: Facts) -> Held:
    claim = "The LSTM retrieves better than the Transformer."
    found = facts.side_by_side("lstm", "transformer")
    if not found:
        return Held(claim, "cannot tell", [], "The two were not evaluated side by side.")
    parts, evidence, answers = [], [], []
    for a, b in found:
        pair = facts.compare(a, b)
        over = f" over {a.tokenizer.id}" if a.tokenizer and len(found) > 1 else ""
        parts.append(
            f"With the same pooling ({a.pooling_label or a.pooling}){over}, the LSTM has recall@10 {recall(a)} and the "
            f"Transformer {recall(b)}: a difference of {compared(pair)}."
        )
        if a.language_model and b.language_model:
            parts.append(
                f"As language models they reach {a.language_model.bits_per_character:.3f} and "
                f"{b.language_model.bits_per_character:.3f} bits per character on held-out documents, with "
                f"{a.parameters or 0:,} and {b.parameters or 0:,} parameters, trained in "
                f"{_number(a.seconds.train or 0)} and {_number(b.seconds.train or 0)} seconds."
            )
        answers.append(facts.better(a, b))
        evidence += [*facts.recall_paths(a, b), pair.path]
        for row in (a, b):
            evidence += [facts.path(row, "language_model", "bits_per_character"), facts.path(row, "parameters")]
            evidence.append(facts.path(row, "seconds", "train"))
    if not any(row.seeds for pair in found for row in pair):
        parts.append(
            "Each model was trained once, so the interval covers the spread over queries, not over trainings."
        )
    return Held(claim, _agreed(answers), evidence, " ".join(parts))


def _agreed(answers: list[Answer]) -> Answer:
    """What all pairs say; a claim that only some of them support cannot be told."""
    return answers[0] if len(set(answers)) == 1 else "cannot tell"


def _objective_matters(facts: Facts) -> Held:
    claim = (
        "One model on one set of documents retrieves better when trained for the task than as a language model."
    )
    pairs = facts.same_but_objective()
    if not pairs:
        return _objective_by_proxy(facts)
    texts, evidence, answers = [], [], []
    for model, task in pairs:
        pair = facts.compare(task, model)
        answers.append(facts.better(task, model))
        texts.append(
            f"{facts.name(model)} has recall@10 {recall(model)}; trained for "
            f"{task.objective_label or task.objective}, {recall(task)}: a difference of {compared(pair)}."
        )
        evidence += [*facts.recall_paths(model, task), pair.path]
    texts.append("The models of a pair share tokenizer, architecture and passages.")
    return Held(claim, _agreed(answers), evidence, " ".join(texts))


def _objective_by_proxy(facts: Facts) -> Held:
    """Where no model was trained both ways: a model trained for the task elsewhere."""
    claim = "A model trained for the task (MiniLM) retrieves better than general language modelling."
    models, minilm = facts.trained(objective=LANGUAGE_MODEL), facts.row("minilm")
    if not models or minilm is None:
        missing = "a language model" if not models else "MiniLM"
        return Held(claim, "cannot tell", [], f"No model was trained both ways, nor was {missing} evaluated.")
    best = models[0]
    if not minilm.could_read:
        return Held(claim, "cannot tell", [facts.path(minilm, "unknown_rate")], unread(minilm))
    pair = facts.compare(minilm, best)
    times = (minilm.parameters or 0) / (best.parameters or 1)
    text = (
        f"MiniLM has recall@10 {recall(minilm)}, the best language model{facts.chosen} {recall(best)} "
        f"({facts.name(best)}): a difference of {compared(pair)}. The two differ in more than "
        f"the objective: MiniLM has {_ratio(times)} times the parameters and was trained on a billion text pairs; "
        "the preset objectives trains one model both ways."
    )
    evidence = [*facts.recall_paths(minilm, best), pair.path]
    evidence += [facts.path(row, "parameters") for row in (minilm, best)]
    return Held(claim, facts.better(minilm, best), evidence, text)


def _fastest(facts: Facts) -> Held:
    claim = "A model trained here answers a query faster than the larger pretrained models."
    found = ((row, times) for row in facts.rows if row.whole and (times := row.latency()))
    timed = sorted(found, key=lambda pair: pair[1].p50)
    if not timed:
        return Held(claim, "cannot tell", [], "No latency was measured.")
    small = [pair for pair in timed if pair[0].kind == "trained"]
    named = timed if len(timed) <= LISTED else [*timed[:FASTEST], *small[:1]]
    told = [pair for pair in timed if pair in named or pair[0].kind == "pretrained"]
    listed = "; ".join(f"{facts.name(row)} {times.p50:.2f} ({times.p95:.2f})" for row, times in told)
    text = (
        "Median milliseconds per query on one thread, from text to ranked list, with the 95th percentile in brackets: "
        f"{listed}."
    )
    if len(told) < len(timed):
        left = len(timed) - len(told)
        text += f" The table has the {f'{left} others' if left > 1 else 'other one'}."
    evidence = [facts.path(row, "latency_ms", "total") for row, _ in told]
    pretrained = [pair for pair in timed if pair[0].kind == "pretrained" and pair[0].id.split(".")[0] != TABLE]
    blind = [row for row, _ in pretrained if not row.could_read]
    for row in blind:
        text += f" {unread(row)}"
        evidence.append(facts.path(row, "unknown_rate"))
    least = (small[0][0].parameters or 0) if small else 0
    large = [pair for pair in pretrained if pair[0].could_read and (pair[0].parameters or 0) > least]
    if not small or not large:
        other = "other " if blind else ""
        missing = f"{other}larger pretrained model" if small else "model trained here"
        return Held(claim, "cannot tell", evidence, f"{text} No {missing} was timed.")
    (_, a), (fastest_large, b) = small[0], large[0]
    answer: Answer = "cannot tell"
    if a.p95 < b.p50:
        answer = "supported"
    elif a.p50 > b.p95:
        answer = "not supported"
    text += (
        " Supported means that even the 95th percentile of one lies below the median of the other. The fastest of all "
        f"is {facts.name(timed[0][0])}. The fastest model trained here takes {_times(a.p50 / b.p50)} "
        f"{facts.name(fastest_large)}."
    )
    return Held(claim, answer, evidence, text)


def _times(ratio: float) -> str:
    return "as long as" if f"{ratio:.2g}" in ("1", "0.99") else f"{_ratio(ratio)} times as long as"


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
