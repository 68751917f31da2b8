"""The study's questions held against the measured numbers.

A claim is *supported* when the difference it speaks of is more than chance, after correction for all pairs of the
study, and on its side; *not supported* when it is more than chance and on the other side; and *cannot tell* when it may
be chance, or when what the claim speaks of was not measured. For latency,
which is no mean over queries, the rule is stated in the finding.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from tokir.evaluation.measures import HEADLINE
from tokir.evaluation.significance import told_apart
from tokir.objectives import LANGUAGE_MODEL, in_words

Answer = Literal["supported", "not supported", "cannot tell"]
Rows = list[dict[str, Any]]
GENERAL = ("canine", "roberta", "byt5")  # much larger models, trained on general text and not on retrieval


def findings(rows: Rows, comparisons: list[dict[str, Any]], chance: float) -> list[dict[str, Any]]:
    """One entry per claim: question, claim, answer, evidence (paths into ``results.json``) and text."""
    facts = _Facts(rows, comparisons, chance)
    return [
        _retrieves(facts),
        _beyond_bm25(facts),
        _level_with_larger(facts),
        _lstm_or_transformer(facts),
        _objective_matters(facts),
        _fastest(facts),
    ]


class _Facts:
    """Look-ups over the result table that also give the path of what they found."""

    def __init__(self, rows: Rows, comparisons: list[dict[str, Any]], chance: float) -> None:
        self.rows, self.comparisons, self.chance = rows, comparisons, chance
        self.place = {row["id"]: number for number, row in enumerate(rows)}
        self._titles = Counter(row["title"] for row in rows)

    def trained(self, **wanted: Any) -> Rows:
        """Evaluated language models whose fields are as ``wanted``, best recall first."""
        found = [
            row
            for row in self.rows
            if row["kind"] == "trained" and row["status"] == "ok" and all(row[k] == v for k, v in wanted.items())
        ]
        return sorted(found, key=lambda row: -row["scores"][HEADLINE])

    def pair(self, one: str, other: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Two architectures as language models, all else equal, whitened where both are; not chosen by scores."""
        same = ("tokenizer", "objective", "pooling")
        pairs = [
            (a, b)
            for a in self.rows
            for b in self.rows
            if (a["architecture"], b["architecture"]) == (one, other)
            and a["status"] == b["status"] == "ok"
            and a["objective"] == LANGUAGE_MODEL
            and all(a[key] == b[key] for key in same)
        ]
        return min(pairs, key=lambda pair: pair[0]["pooling"] != "mean-white", default=None)

    def same_but_objective(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """For each architecture its best language model, and the best trained for the task, all else equal."""
        found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        same = ("tokenizer", "architecture")
        for model in self.trained(objective=LANGUAGE_MODEL):
            for task in self.trained():
                if task["objective"] != LANGUAGE_MODEL and all(model[key] == task[key] for key in same):
                    found.setdefault(model["architecture"], (model, task))
        return list(found.values())

    def row(self, name: str) -> dict[str, Any] | None:
        """An evaluated system by id."""
        row = self.rows[self.place[name]] if name in self.place else None
        return row if row is not None and row["status"] == "ok" else None

    def name(self, row: dict[str, Any]) -> str:
        """What a reader calls the system; with its tokenizer, or its id, where several share the title."""
        title: str = row["title"]
        if self._titles[title] == 1:
            return title
        tokenizer = row["tokenizer"] and row["tokenizer"]["id"]
        same = [other for other in self.rows if other["title"] == title and other["tokenizer"] == row["tokenizer"]]
        return f"{title}, {tokenizer}" if tokenizer and len(same) == 1 else f"{title} ({row['id']})"

    def path(self, row: dict[str, Any], *keys: str) -> str:
        parts = "".join(f".{key}" if key.isidentifier() else f'["{key}"]' for key in keys)
        return f"systems[{self.place[row['id']]}]{parts}"

    def compare(self, a: dict[str, Any], b: dict[str, Any]) -> tuple[float, float, float, str]:
        """Difference ``a - b`` in recall@10, its interval, and its path."""
        for number, entry in enumerate(self.comparisons):
            low, high = entry["interval"]
            if (entry["a"], entry["b"]) == (a["id"], b["id"]):
                return entry["difference"], low, high, f"comparisons[{number}]"
            if (entry["a"], entry["b"]) == (b["id"], a["id"]):
                return -entry["difference"], -high, -low, f"comparisons[{number}]"
        raise LookupError(f"{a['id']} and {b['id']} were not compared")

    def verdict(self, a: dict[str, Any], b: dict[str, Any]) -> Answer:
        """Is ``a`` better than ``b``, by more than chance and after correction?"""
        for entry in self.comparisons:
            if {entry["a"], entry["b"]} == {a["id"], b["id"]} and told_apart(entry):
                return "supported" if self.compare(a, b)[0] > 0 else "not supported"
        return "cannot tell"


def _finding(question: str, claim: str, answer: Answer, evidence: list[str], text: str) -> dict[str, Any]:
    return {"question": question, "claim": claim, "answer": answer, "evidence": evidence, "text": text}


def _verdict(low: float, high: float) -> Answer:
    """Is a difference above zero?"""
    return "supported" if low > 0 else "not supported" if high < 0 else "cannot tell"


def _recall(row: dict[str, Any]) -> str:
    low, high = row["intervals"][HEADLINE]
    return f"{row['scores'][HEADLINE]:.3f} [{low:.3f}, {high:.3f}]"


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")


def _retrieves(facts: _Facts) -> dict[str, Any]:
    question = "Does a small language model trained from scratch retrieve?"
    claim = "A language model of this size, trained from scratch, finds relevant passages better than chance."
    models = facts.trained(objective=LANGUAGE_MODEL)
    if not models:
        return _finding(question, claim, "cannot tell", [], "No language model was evaluated.")
    best = models[0]
    low, high = best["intervals"][HEADLINE]
    answer = _verdict(low - facts.chance, high - facts.chance)
    parts = [
        f"The best of them, {facts.name(best)} ({best['parameters']:,} parameters), has recall@10 "
        f"{_recall(best)}; a random order would have {facts.chance:.4f}."
    ]
    evidence = [
        facts.path(best, "scores", HEADLINE),
        facts.path(best, "intervals", HEADLINE),
        f'chance["{HEADLINE}"]',
    ]
    raw = facts.trained(pooling="mean", objective=LANGUAGE_MODEL)
    white = facts.trained(pooling="mean-white", objective=LANGUAGE_MODEL)
    if raw and white:
        parts.append(
            f"Whitening decides: as they come, mean-pooled states reach {_recall(raw[0])} at best, "
            f"whitened ones {_recall(white[0])}."
        )
        evidence += [facts.path(raw[0], "scores", HEADLINE), facts.path(white[0], "scores", HEADLINE)]
    if bm25 := facts.row("bm25"):
        difference = facts.compare(best, bm25)
        parts.append(
            f"BM25, which is not trained, has {_recall(bm25)}: a difference of {_signed(*difference[:3])}."
        )
        evidence += [facts.path(bm25, "scores", HEADLINE), difference[3]]
    return _finding(question, claim, answer, evidence, " ".join(parts))


def _beyond_bm25(facts: _Facts) -> dict[str, Any]:
    question = "How far does a small model get that is trained to retrieve?"
    claim = "A model of this size, trained on the documents themselves, retrieves better than BM25 (recall@10)."
    models = [row for row in facts.trained() if row["objective"] != LANGUAGE_MODEL]
    bm25 = facts.row("bm25")
    if not models or bm25 is None:
        missing = "model was trained to retrieve" if not models else "BM25 was evaluated"
        return _finding(question, claim, "cannot tell", [], f"No {missing} in this study.")
    best = models[0]
    value, low, high, path = facts.compare(best, bm25)
    seconds = best["seconds"]
    taught = f", and {seconds['teacher']:,.0f} for the vectors of its teacher" if seconds["teacher"] else ""
    text = (
        f"The best of them, {facts.name(best)} ({best['parameters']:,} parameters, trained in "
        f"{seconds['train']:,.0f} seconds{taught}), has recall@10 {_recall(best)}, BM25 {_recall(bm25)}: a "
        f"difference of {_signed(value, low, high)}."
    )
    evidence = [facts.path(best, "scores", HEADLINE), facts.path(bm25, "scores", HEADLINE), path]
    if minilm := facts.row("minilm"):
        difference = facts.compare(best, minilm)
        text += f" MiniLM has {_recall(minilm)}: a difference of {_signed(*difference[:3])}."
        evidence += [facts.path(minilm, "scores", HEADLINE), difference[3]]
    fused = [row for row in facts.rows if row["kind"] == "fusion" and row["status"] == "ok"]
    if fused:
        top = max(fused, key=lambda row: row["scores"][HEADLINE])
        text += f" Fused ({top['title']}), recall@10 is {_recall(top)}."
        evidence.append(facts.path(top, "scores", HEADLINE))
    return _finding(question, claim, facts.verdict(best, bm25), evidence, text)


def _level_with_larger(facts: _Facts) -> dict[str, Any]:
    question = "How does it compare with much larger general models?"
    claim = "It is at least level with general models many times its size (CANINE, RoBERTa, ByT5; mean-pooled)."
    models = facts.trained()
    larger = [row for name in GENERAL if (row := facts.row(name))]
    if not models or not larger:
        missing = [row["title"] for row in facts.rows if row["id"] in GENERAL and row["status"] != "ok"]
        why = (
            f"{', '.join(missing)} could not be evaluated, since their weights are not on this machine"
            if missing
            else "none of them is part of this study"
        )
        return _finding(
            question,
            claim,
            "cannot tell",
            [facts.path(row, "status") for row in facts.rows if row["id"] in GENERAL],
            f"No such model was measured: {why}. MiniLM is no stand-in: it was trained for this task.",
        )
    best, texts, evidence, verdicts = models[0], [], [], []
    for row in larger:
        value, low, high, path = facts.compare(best, row)
        verdicts.append(facts.verdict(best, row))
        texts.append(
            f"{row['title']} ({row['parameters'] / best['parameters']:.0f} times the parameters) has "
            f"{_recall(row)}: a difference of {_signed(value, low, high)}."
        )
        evidence += [facts.path(row, "scores", HEADLINE), path]
    answer: Answer = "supported" if set(verdicts) == {"supported"} else "cannot tell"
    if "not supported" in verdicts:
        answer = "not supported"
    text = f"{facts.name(best)} has recall@10 {_recall(best)}. " + " ".join(texts)
    return _finding(question, claim, answer, evidence, text)


def _lstm_or_transformer(facts: _Facts) -> dict[str, Any]:
    question = "LSTM or Transformer, under the identical set-up?"
    claim = "The LSTM retrieves better than the Transformer."
    pair = facts.pair("lstm", "transformer")
    if pair is None:
        return _finding(question, claim, "cannot tell", [], "The two were not evaluated side by side.")
    a, b = pair
    value, low, high, path = facts.compare(a, b)
    ab, bb = a["language_model"]["bits_per_character"], b["language_model"]["bits_per_character"]
    text = (
        f"With {'whitened' if a['pooling'] == 'mean-white' else 'raw'} mean pooling, the LSTM has recall@10 "
        f"{_recall(a)} and the Transformer {_recall(b)}: a difference of {_signed(value, low, high)}. "
        f"As language models they reach {ab:.3f} and {bb:.3f} bits per character on held-out documents, with "
        f"{a['parameters']:,} and {b['parameters']:,} parameters, "
        f"trained in {a['seconds']['train']:,.0f} and {b['seconds']['train']:,.0f} seconds."
    )
    if not a.get("seeds") and not b.get("seeds"):
        text += " One seed was trained: the interval holds the spread over queries, not over trainings."
    evidence = [facts.path(a, "scores", HEADLINE), facts.path(b, "scores", HEADLINE), path]
    return _finding(question, claim, facts.verdict(a, b), evidence, text)


def _objective_matters(facts: _Facts) -> dict[str, Any]:
    question = "How much does the training objective matter?"
    claim = (
        "One model on one set of documents retrieves better when trained for the task than as a language model."
    )
    pairs = facts.same_but_objective()
    if not pairs:
        return _objective_by_proxy(facts, question)
    texts, evidence, verdicts = [], [], []
    for model, task in pairs:
        value, low, high, path = facts.compare(task, model)
        verdicts.append(facts.verdict(task, model))
        texts.append(
            f"{facts.name(model)} has recall@10 {_recall(model)}; trained for {in_words(task['objective'])}, "
            f"{_recall(task)}: a difference of {_signed(value, low, high)}."
        )
        evidence += [facts.path(model, "scores", HEADLINE), facts.path(task, "scores", HEADLINE), path]
    answer: Answer = verdicts[0] if len(set(verdicts)) == 1 else "cannot tell"
    text = " ".join(texts) + " Each pair shares tokenizer, architecture and passages."
    return _finding(question, claim, answer, evidence, text)


def _objective_by_proxy(facts: _Facts, question: str) -> dict[str, Any]:
    """Where no model was trained both ways: a model trained for the task elsewhere."""
    claim = "A model trained for the task (MiniLM) retrieves better than general language modelling."
    models, minilm = facts.trained(objective=LANGUAGE_MODEL), facts.row("minilm")
    if not models or minilm is None:
        missing = "a language model" if not models else "MiniLM"
        text = f"No model was trained both ways, nor was {missing} evaluated."
        return _finding(question, claim, "cannot tell", [], text)
    best = models[0]
    value, low, high, path = facts.compare(minilm, best)
    text = (
        f"MiniLM has recall@10 {_recall(minilm)}, the best language model {_recall(best)} "
        f"({facts.name(best)}): a difference of {_signed(value, low, high)}. The two differ in more than "
        f"the objective: MiniLM has {minilm['parameters'] / best['parameters']:.0f} times the parameters "
        "and was trained on a billion text pairs; the preset objectives trains one model both ways."
    )
    evidence = [facts.path(minilm, "scores", HEADLINE), facts.path(best, "scores", HEADLINE), path]
    return _finding(question, claim, facts.verdict(minilm, best), evidence, text)


def _fastest(facts: _Facts) -> dict[str, Any]:
    question = "Which is fastest per query?"
    claim = "A small language model answers a query faster than the larger pretrained models."
    timed = sorted(
        (row for row in facts.rows if row["latency_ms"]), key=lambda row: row["latency_ms"]["total"]["p50"]
    )
    small = [row for row in timed if row["kind"] == "trained"]
    large = [row for row in timed if row["kind"] == "pretrained"]
    if not timed:
        return _finding(question, claim, "cannot tell", [], "No latency was measured.")
    listed = "; ".join(
        f"{facts.name(row)} {row['latency_ms']['total']['p50']:.2f} ({row['latency_ms']['total']['p95']:.2f})"
        for row in timed
    )
    text = f"Median milliseconds per query on one thread, tokenizing to ranked list (95th percentile): {listed}."
    evidence = [facts.path(row, "latency_ms", "total") for row in timed]
    if not small or not large:
        return _finding(
            question, claim, "cannot tell", evidence, text + " Only one of the two kinds was measured."
        )
    a, b = small[0]["latency_ms"]["total"], large[0]["latency_ms"]["total"]
    text += " Supported means that even the 95th percentile of one lies below the median of the other."
    answer: Answer = "cannot tell"
    if a["p95"] < b["p50"]:
        answer = "supported"
    elif a["p50"] > b["p95"]:
        answer = "not supported"
    text += (
        f" Fastest of all is {facts.name(timed[0])}. The fastest model trained here takes "
        f"{a['p50'] / b['p50']:.2f} times the time of {facts.name(large[0])}."
    )
    return _finding(question, claim, answer, evidence, text)
