"""The verdict: which tokenizer to use, how sure that is, what it costs and where it breaks.

Every sentence is made from numbers in ``results.json`` and names the paths where they lie.
"""

from __future__ import annotations

from typing import Any

from tokir.evaluation.contenders import recipes
from tokir.evaluation.measures import HEADLINE
from tokir.evaluation.significance import LEVEL, told_apart

Row = dict[str, Any]
Sentence = dict[str, Any]
MANY = 100_000  # queries; more than any collection has
BYTES = 4  # of a number, in weights and in an index


def verdict(body: dict[str, Any]) -> list[Sentence]:
    """Sentences with their evidence; none where fewer than two tokenizers share a recipe.

    The recipe (all of a system but its tokenizer) is the one that retrieves best on average over its tokenizers, on the
    queries for choosing; on the scored ones where there are no others.

    Args:
        body: ``systems``, ``comparisons``, ``robustness``, ``slip_comparisons`` and ``correlations``.
    """
    several = recipes(body["systems"])
    if not several:
        return []
    apart = all(row.get("recall_on_choosing") is not None for rows in several for row in rows)
    quality = _recall_on_choosing if apart else _score
    chosen = max(several, key=lambda rows: sum(map(quality, rows)) / len(rows))
    case = _Case(body, sorted(chosen, key=_score, reverse=True), several, apart)
    sentences = [case.best(), case.ties(), case.worse(), case.cost(), case.robust(), case.others()]
    sentences += [case.foretold(), case.trainings()]
    return [sentence for sentence in sentences if sentence is not None]


class _Case:
    """The tokenizers of one recipe, best first."""

    def __init__(self, body: dict[str, Any], rows: list[Row], recipes: list[list[Row]], apart: bool) -> None:
        self.recipes, self.queries, self.apart = recipes, body["queries"], apart
        self.body, self.rows, self.first = body, rows, rows[0]
        self.place = {row["id"]: number for number, row in enumerate(body["systems"])}
        self.tied = [row for row in rows[1:] if not told_apart(self._pair(row)[0])]

    def best(self) -> Sentence:
        """Which tokenizer."""
        text = (
            f"Use {_called(self.first)}: with the recipe {self.first['title']}, its models reach the best recall@10 "
            f"of {len(self.rows)} tokenizers, {_interval(self.first)}."
        )
        evidence = [self._path(self.first, "tokenizer", "vocabulary_size")]
        evidence += [self._path(self.first, "intervals", HEADLINE)]
        evidence += [self._path(row, "scores", HEADLINE) for row in self.rows]
        if len(self.recipes) > 1:
            where = "the queries for choosing" if self.apart else "these queries"
            text += (
                f" (Of {len(self.recipes)} recipes it is the one with the best mean over tokenizers, on {where}.)"
            )
            keys = ("recall_on_choosing",) if self.apart else ("scores", HEADLINE)
            evidence += [self._path(row, *keys) for rows in self.recipes for row in rows]
        return _sentence(text, evidence)

    def ties(self) -> Sentence:
        """How sure that is."""
        if not self.tied:
            evidence = [self._pair(row)[1] for row in self.rows[1:]]
            return _sentence("It is told apart from every other one of them.", evidence)
        parts, evidence = [], []
        for row in self.tied:
            entry, path = self._pair(row)
            parts.append(f"{row['tokenizer']['id']} ({_difference(entry, self.first)}{self._power(entry)})")
            evidence.append(path)
        text = f"These queries cannot tell it from {_joined(parts)}."
        smallest = min([self.first, *self.tied], key=lambda row: row["parameters"])
        if smallest is not self.first:
            text += (
                f" Of these, {smallest['tokenizer']['id']} makes the smallest model: {smallest['parameters']:,} "
                f"parameters against {self.first['parameters']:,}."
            )
            evidence += [self._path(smallest, "parameters"), self._path(self.first, "parameters")]
        return _sentence(text, evidence)

    def _power(self, entry: dict[str, Any]) -> str:
        """What keeps two systems together, and what it would take to tell them apart."""
        needed, (low, high) = entry["queries_needed"], entry["interval"]
        if low > 0 or high < 0:
            return f"; p after correction is {entry['p_holm']:.2f}"
        if needed is None:
            return "; no number of queries would tell, more trainings may" if entry["difference"] else ""
        return "" if needed <= self.queries else f"; {_queries(needed)} would tell, before correction"

    def worse(self) -> Sentence | None:
        """What it is better than."""
        beaten = [row for row in self.rows[1:] if row not in self.tied]
        if not beaten or not self.tied:
            return None
        parts = [f"{row['tokenizer']['id']} ({_difference(self._pair(row)[0], self.first)})" for row in beaten]
        text = f"It is better than {_joined(parts)}, after correction for all pairs of the study."
        return _sentence(text, [self._pair(row)[1] for row in beaten])

    def cost(self) -> Sentence:
        """Time and memory."""
        row = self.first
        milliseconds = row["latency_ms"]["total"]["p50"]
        model = row["parameters"] * BYTES / 1e6
        text = (
            f"A query takes {milliseconds:.2f} ms in the median on one thread, the model {model:.1f} MB, and each "
            f"passage {row['dimensions'] * BYTES:,} bytes of the index."
        )
        evidence = [self._path(row, "latency_ms", "total"), self._path(row, "parameters")]
        return _sentence(text, [*evidence, self._path(row, "dimensions")])

    def robust(self) -> Sentence | None:
        """Where it breaks."""
        slips = self.body["robustness"].get(self.first["id"])
        if not slips:
            return None
        evidence = [f'robustness["{self.first["id"]}"]["{name}"]' for name in slips]
        costly = [name for name in slips if slips[name]["interval"][1] < 0]
        if not costly:
            return _sentence("None of the slips costs it more recall@10 than may be chance.", evidence)
        worst = min(costly, key=lambda name: slips[name]["change"])
        low, high = slips[worst]["interval"]
        text = (
            f"It breaks most on the slip {worst}: recall@10 changes by {_signed(slips[worst]['change'])} "
            f"[{_signed(low)}, {_signed(high)}]."
        )
        near = [name for name in costly if name != worst and slips[name]["interval"][0] <= high]
        if near:
            text += f" The intervals of {_joined(near)} reach into that one."
        others = [row for row in self.rows if worst in self.body["robustness"].get(row["id"], {})]
        steady = max(others, key=lambda row: self._slip(row, worst)[HEADLINE])
        if steady is not self.first:
            entry, path = self._slip_pair(steady, worst)
            how = "more than chance" if told_apart(entry) else "which may be chance"
            text += (
                f" With that slip the highest score is that of {steady['tokenizer']['id']}, "
                f"{self._slip(steady, worst)[HEADLINE]:.3f} against {slips[worst][HEADLINE]:.3f} "
                f"({_difference(entry, steady)}, {how})."
            )
            evidence += [f'robustness["{steady["id"]}"]["{worst}"]["{HEADLINE}"]', path]
        for words, sign in (("less", -1), ("more", 1)):
            found = self._break_apart(sign)
            if found:
                parts = [f"{name} on {_joined(breaking)}" for name, breaking in found[0].items()]
                text += f" By more than chance it loses {words} than {'; than '.join(parts)}."
                evidence += found[1]
        return _sentence(text, evidence)

    def _break_apart(self, sign: int) -> tuple[dict[str, list[str]], list[str]] | None:
        """The tied tokenizers than which the first one loses less (-1) or more (1), each with the slips; and where.

        One that finds little has little to lose, so only ties are worth a word.
        """
        names = {row["id"]: row["tokenizer"]["id"] for row in self.tied}
        found: dict[str, list[str]] = {}
        paths = []
        for number, entry in enumerate(self.body["slip_comparisons"]):
            tied = entry["a"] == self.first["id"] and entry["b"] in names and entry["outcome"] == "change"
            if tied and told_apart(entry) and entry["difference"] * sign < 0:  # of changes, which are losses
                found.setdefault(names[entry["b"]], []).append(entry["slip"])
                paths.append(f"slip_comparisons[{number}]")
        return (found, paths) if found else None

    def _slip_pair(self, other: Row, slip: str) -> tuple[dict[str, Any], str]:
        for number, entry in enumerate(self.body["slip_comparisons"]):
            pair = (entry["a"], entry["b"]) == (self.first["id"], other["id"])
            if pair and (entry["slip"], entry["outcome"]) == (slip, HEADLINE):
                return entry, f"slip_comparisons[{number}]"
        raise LookupError(f"{other['id']} was not compared with {self.first['id']} on {slip}")

    def others(self) -> Sentence | None:
        """Against systems that this study did not train."""
        parts, evidence = [], []
        for row in self.body["systems"]:
            if row["status"] == "ok" and row["kind"] in ("lexical", "pretrained"):
                entry, path = self._pair(row)
                how = "told apart" if told_apart(entry) else f"p after correction is {entry['p_holm']:.2f}"
                difference = _difference(entry, self.first)
                parts.append(f"{row['title']} ({row['scores'][HEADLINE]:.3f}; {difference}; {how})")
                evidence += [self._path(row, "scores", HEADLINE), path]
        return _sentence(f"Beside it stand {_joined(parts)}.", evidence) if parts else None

    def foretold(self) -> Sentence | None:
        """Would the tokenizers' own measures have said so?"""
        recall = self._predicted(HEADLINE, self.first["title"])
        bits = self._predicted("bits_per_byte")
        found = [sentence for sentence in (recall, bits) if sentence]
        if not found:
            return None
        return _sentence(" ".join(text for text, _ in found), [path for _, paths in found for path in paths])

    def _predicted(self, outcome: str, recipe: str | None = None) -> tuple[str, list[str]] | None:
        """Which measures go with ``outcome`` of a recipe, by default the first that has it; and the evidence."""
        known = [
            (number, entry)
            for number, entry in enumerate(self.body["correlations"])
            if entry["outcome"] == outcome and entry["rho"] is not None and recipe in (None, entry["recipe"])
        ]
        mine = [pair for pair in known if pair[1]["recipe"] == known[0][1]["recipe"]]
        if not mine:
            return None
        title = f"{outcome.replace('_', ' ')} of {mine[0][1]['recipe']}"
        telling = [(number, entry) for number, entry in mine if entry["p"] * len(mine) < LEVEL]
        if telling:
            parts = [f"{_words(entry['measure'])} ({_signed(entry['rho'])})" for _, entry in telling]
            text = f"Of the intrinsic measures these go with {title} (Spearman): {_joined(parts)}."
            return text, [f"correlations[{number}]" for number, _ in telling]
        number, entry = max(mine, key=lambda pair: abs(pair[1]["rho"]))
        low, high = entry["interval"]
        text = (
            f"Over {entry['tokenizers']} tokenizers no intrinsic measure predicts {title} by more than chance: "
            f"the strongest correlation is that of {_words(entry['measure'])}, {_signed(entry['rho'])} "
            f"[{_signed(low)}, {_signed(high)}] (p {entry['p']:.2f} before correction for {len(mine)} of them)."
        )
        return text, [f"correlations[{number}]"]

    def trainings(self) -> Sentence:
        """What the intervals hold."""
        seeds = self.first.get("seeds")
        if seeds:
            text = f"Intervals hold the spread over queries and over {len(seeds)} trainings of each model."
            return _sentence(text, [self._path(self.first, "by_seed")])
        text = "One training of each model: the intervals hold the spread over queries, not over trainings."
        return _sentence(text, [self._path(self.first, "seed")])

    def _slip(self, row: Row, variant: str) -> dict[str, Any]:
        found: dict[str, Any] = self.body["robustness"][row["id"]][variant]
        return found

    def _path(self, row: Row, *keys: str) -> str:
        parts = "".join(f".{key}" if key.isidentifier() else f'["{key}"]' for key in keys)
        return f"systems[{self.place[row['id']]}]{parts}"

    def _pair(self, other: Row) -> tuple[dict[str, Any], str]:
        wanted = {self.first["id"], other["id"]}
        for number, entry in enumerate(self.body["comparisons"]):
            if {entry["a"], entry["b"]} == wanted:
                return entry, f"comparisons[{number}]"
        raise LookupError(f"{sorted(wanted)} were not compared")


def _sentence(text: str, evidence: list[str]) -> Sentence:
    return {"text": text, "evidence": evidence}


def _score(row: Row) -> float:
    return float(row["scores"][HEADLINE])


def _recall_on_choosing(row: Row) -> float:
    return float(row["recall_on_choosing"])


def _called(row: Row) -> str:
    tokenizer = row["tokenizer"]
    return f"the tokenizer {tokenizer['id']} ({tokenizer['vocabulary_size']:,} entries)"


def _interval(row: Row) -> str:
    low, high = row["intervals"][HEADLINE]
    return f"{_score(row):.3f} [{low:.3f}, {high:.3f}]"


def _queries(needed: int) -> str:
    return f"about {needed:,} queries" if needed <= MANY else f"no fewer than {MANY:,} queries"


def _difference(entry: dict[str, Any], first: Row) -> str:
    """First less other, however the pair is stored."""
    value, (low, high) = entry["difference"], entry["interval"]
    if entry["a"] != first["id"]:
        value, low, high = -value, -high, -low
    return f"{_signed(value)} [{_signed(low)}, {_signed(high)}]"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _words(measure: str) -> str:
    return measure.replace("_", " ").replace("renyi", "Rényi")


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
