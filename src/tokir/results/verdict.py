"""The verdict: which tokenizer to use, how sure that is, what it costs, and which perturbations lower it.

Every sentence is made from numbers in ``results.json`` and names the paths where they lie.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokir.evaluation.decision import LEVEL
from tokir.evaluation.registry import HEADLINE
from tokir.evaluation.significance import NO_DIFFERENCE
from tokir.results.configurations import configuration_title, configurations, retrieval, score
from tokir.results.names import brief, titles
from tokir.results.pairs import Pair, comparisons_of, perturbation_comparisons_of
from tokir.results.paths import path
from tokir.results.records import Comparison, Correlation, PerturbationScore, Results, Sentence, System
from tokir.results.retrievals import Choice, other_retrievals, tokenizer_id, written
from tokir.results.wording import could_not_read, difference, joined, passages_by, recall, signed, signed_interval
from tokir.tokenizers.measures import INTRINSIC

MANY = 100_000  # queries; more than any collection has
BYTES = 4  # of a weight


def verdict(results: Results) -> tuple[Sentence, ...]:
    """Sentences with their evidence; none where fewer than two tokenizers share a configuration.

    The configuration (all of a system but its tokenizer) is the one that retrieves best on average over its tokenizers,
    on the validation queries; on the scored ones where there are no others. Other ways to retrieve than its own (BM25,
    one vector, late interaction, fused) have a line each.
    """
    choice = Choice(configurations(results.systems))
    if not choice.configurations:
        return ()
    case = _Case(results, choice)
    if not score(case.first):
        return (case.best(),)
    found = [case.best(), case.level(), case.worse(), case.cost(), case.perturbed(), case.others()]
    found += [*other_retrievals(results, choice, case.first), case.predicted(), case.trainings()]
    return tuple(sentence for sentence in found if sentence is not None)


class _Case:
    """The tokenizers of one configuration, best first."""

    def __init__(self, results: Results, choice: Choice) -> None:
        self.results, self.choice, self.rows = results, choice, choice.best(choice.single)
        self.first, self.title = self.rows[0], configuration_title(self.rows[0])
        self.pairs, self.perturbation_pairs = comparisons_of(results), perturbation_comparisons_of(results)
        self.names = titles(results.systems)
        self._positions = {row.id: number for number, row in enumerate(results.systems)}
        self.tied = [row for row in self.rows[1:] if not self._pair(row).significant]

    def best(self) -> Sentence:
        """Which tokenizer."""
        among = f"of {len(self.rows)} tokenizers with the same configuration ({self.title})"
        if not score(self.first):
            text = f"No tokenizer can be named: {among} none finds a relevant passage among the first ten."
        else:
            highest = "no other has a higher" if score(self.rows[1]) == score(self.first) else "it has the highest"
            text = f"Use {_tokenizer(self.first)}: {among} {highest} recall@10, {recall(self.first)}."
        evidence = [self._path(self.first, "tokenizer", "vocabulary_size")]
        evidence += [self._path(self.first, "intervals", HEADLINE)]
        evidence += [self._path(row, "scores", HEADLINE) for row in self.rows]
        several = self.choice.single
        if len(several) > 1:
            text += f" (Of {len(several)} configurations, on {self.choice.where} this one has {self._lead()}.)"
            evidence += [self._path(row, *self.choice.steps) for rows in several for row in rows]
        return _sentence(text, evidence)

    def _lead(self) -> str:
        """By what the configuration was chosen."""
        several = self.choice.single
        beaten = len(self.choice.beaten(self.rows, several))
        if len({frozenset(map(tokenizer_id, rows)) for rows in several}) == 1:
            mean = "mean recall@10 over its tokenizers"
            return f"the highest {mean}" if beaten == len(several) - 1 else f"as high a {mean} as any other"
        others = "every other" if beaten == len(several) - 1 else f"{beaten} of the {len(several) - 1} others"
        lead = f"a higher mean recall@10 than {others}" if beaten else "as high a mean recall@10 as any other"
        return f"{lead}, each compared over the tokenizers they share"

    def level(self) -> Sentence:
        """What does not differ from it significantly."""
        if not self.tied:
            evidence = [self._pair(row).path for row in self.rows[1:]]
            others = "the other one" if len(evidence) == 1 else "each of the others"
            return _sentence(f"It differs significantly from {others}.", evidence)
        parts, evidence = [], []
        for row in self.tied:
            pair = self._pair(row)
            parts.append(f"{tokenizer_id(row)} ({written(pair.entry)}{self._power(row, pair)})")
            evidence.append(pair.path)
        text = f"It does not differ significantly from {joined(parts)}."
        # With few seeds one that is far behind does not differ significantly either.
        near = [row for row in self.tied if self._pair(row).interval[0] <= 0]
        sized = [row for row in (self.first, *near) if row.parameters is not None]
        smallest = min(sized, key=lambda row: row.parameters or 0, default=self.first)
        if smallest is not self.first:
            text += (
                f" Of these, {tokenizer_id(smallest)} makes the smallest model: {smallest.parameters or 0:,} "
                f"parameters against {self.first.parameters or 0:,}."
            )
            evidence += [self._path(smallest, "parameters"), self._path(self.first, "parameters")]
        return _sentence(text, evidence)

    def _power(self, row: System, pair: Pair[Comparison]) -> str:
        """Why ``row`` does not differ significantly, and what it would take."""
        needed, (low, high) = pair.entry.queries_needed, pair.interval
        several = self.first.seeds or row.seeds
        if self.results.dataset.queries < 2:
            return "; one query says nothing of others"
        if low > 0 or high < 0:
            return f"; {_p(pair.entry.p_holm)}{', more seeds might help' if several and needed is None else ''}"
        if needed is None:
            hidden = several and abs(pair.difference) >= NO_DIFFERENCE
            return "; more queries would not help, more seeds might" if hidden else ""
        if needed <= self.results.dataset.queries:
            return ""
        about = round(needed, 2 - len(str(needed)))  # two digits are more than it is known to
        queries = f"about {about:,}" if needed <= MANY else f"more than {MANY:,}"
        return f"; {queries} queries would be needed, before correction"

    def worse(self) -> Sentence | None:
        """What it is better than."""
        beaten = [row for row in self.rows[1:] if row not in self.tied]
        if not beaten or not self.tied:
            return None
        parts = [f"{tokenizer_id(row)} ({written(self._pair(row).entry)})" for row in beaten]
        text = f"It is better than {joined(parts)}, significantly so after correction for all pairs of the study."
        return _sentence(text, [self._pair(row).path for row in beaten])

    def cost(self) -> Sentence | None:
        """Time and memory."""
        row, times = self.first, self.first.latency()
        if times is None:
            return None
        text = f"A query takes {times.p50:.2f} ms on one thread (the median)"
        evidence = [self._path(row, "latency_ms", "total")]
        vectors = retrieval(row) == "dense"  # the index of late interaction holds no vector of a passage
        if row.parameters is not None and row.bytes_per_passage is not None and vectors:
            text += (
                f", the model {row.parameters * BYTES / 1e6:.1f} MB, and each passage {row.bytes_per_passage:,.0f} "
                "bytes of the index"
            )
            evidence += [self._path(row, "parameters"), self._path(row, "bytes_per_passage")]
        if said := passages_by(row, lambda name: self.names.get(name, name)):
            text += f"; {said}"
            evidence.append(self._path(row, "needs"))
        return _sentence(f"{text}.", evidence)

    def perturbed(self) -> Sentence | None:
        """What perturbed queries cost it."""
        scores, aside = self.results.robustness.get(self.first.id), self._not_applied()
        if not scores:
            return aside and _sentence(aside.text.lstrip(), list(aside.evidence))
        evidence = [path("robustness", self.first.id, name) for name in scores]
        evidence += aside.evidence if aside else ()
        costly = [name for name in scores if scores[name].lowers]
        if not costly:
            text = "No perturbation of the queries lowers its recall@10 significantly."
            return _sentence(text + (aside.text if aside else ""), evidence)
        worst = min(costly, key=lambda name: scores[name].change)
        change, interval = scores[worst].change, scores[worst].interval
        largest = (
            "largest"
            if scores[worst].change == min(one.change for one in scores.values())
            else "largest significant"
        )
        text = f"Its {largest} drop is under {worst}: recall@10 changes by {difference(change, interval)}."
        near = [name for name in costly if name != worst and scores[name].interval[0] <= interval[1]]
        if near:
            verb = "overlaps" if len(near) == 1 else "overlap"
            text += f" The interval{'s' if len(near) > 1 else ''} under {joined(near)} {verb} with that one."
        for said in (self._steadiest(worst, scores), self._loses("less", -1), self._loses("more", 1)):
            if said:
                text += said.text
                evidence += said.evidence
        return _sentence(text + (aside.text if aside else ""), evidence)

    def _not_applied(self) -> Sentence | None:
        """The perturbations that change no query, of which nothing is said."""
        found = [(n, entry.name) for n, entry in enumerate(self.results.perturbations) if not entry.changed]
        if not found:
            return None
        verb = "does not" if len(found) == 1 else "do not"
        text = f" {joined([name for _, name in found])} {verb} apply: no query is changed."
        return _sentence(text, [path("perturbations", number, "changed") for number, _ in found])

    def _steadiest(self, worst: str, scores: dict[str, PerturbationScore]) -> Sentence | None:
        """Another tokenizer that scores higher under its worst perturbation."""
        robustness = self.results.robustness
        others = [row for row in self.rows if worst in robustness.get(row.id, {})]
        steady = max(others, key=lambda row: robustness[row.id][worst].recall_at_10)
        if steady is self.first:
            return None
        pair = self.perturbation_pairs.get(steady.id, self.first.id, (worst, HEADLINE))
        how = "significant" if pair.significant else "not significant"
        text = (
            f" Under {worst} the highest recall@10 is that of {tokenizer_id(steady)}, "
            f"{robustness[steady.id][worst].recall_at_10:.3f} against {scores[worst].recall_at_10:.3f} "
            f"({written(pair.entry)}, {how})."
        )
        return _sentence(text, [path("robustness", steady.id, worst, HEADLINE), pair.path])

    def _loses(self, words: str, sign: int) -> Sentence | None:
        """The tied tokenizers than which it loses less (-1) or more (1), each with the perturbations.

        One that finds little has little to lose, so only ties are worth a word.
        """
        together: dict[str, list[str]] = {}  # perturbations, joined, to the tokenizers
        evidence = []
        for row in self.tied:
            under = []
            for name in self.results.robustness.get(self.first.id, {}):
                pair = self.perturbation_pairs.find(self.first.id, row.id, (name, "change"))
                changes = [self.results.robustness[one.id][name] for one in (self.first, row)]
                loss = min(changes, key=lambda change: change.change).lowers  # and not another's gain
                if pair and pair.significant and pair.difference * sign < 0 and loss:
                    under.append(name)
                    evidence.append(pair.path)
            if under:
                together.setdefault(joined(under), []).append(tokenizer_id(row))
        if not together:
            return None
        parts = [f"{joined(names)} under {perturbations}" for perturbations, names in together.items()]
        return _sentence(f" It loses significantly {words} than {'; than '.join(parts)}.", evidence)

    def others(self) -> Sentence | None:
        """Against systems that this study did not train; nothing is claimed against one that could not read."""
        parts, evidence, unread = [], [], []
        for row in self.results.systems:
            if not (row.ok and row.whole) or row.kind not in ("lexical", "pretrained") or row.tokenizer:
                continue
            if not row.could_read:
                unread.append(f" {could_not_read(row, brief(row))}, so nothing is claimed against it.")
                evidence.append(self._path(row, "unknown_rate"))
                continue
            pair = self._pair(row)
            how = "significant" if pair.significant else _p(pair.entry.p_holm)
            parts.append(f"{self.names[row.id]} ({score(row):.3f}; {written(pair.entry)}; {how})")
            evidence += [self._path(row, "scores", HEADLINE), pair.path]
        compared = (
            f"Its recall@10 compared with that of systems not trained here: {joined(parts)}." if parts else ""
        )
        text = (compared + "".join(unread)).strip()
        return _sentence(text, evidence) if text else None

    def predicted(self) -> Sentence | None:
        """Would the tokenizers' own measures have said so?"""
        recalls = self._correlated(HEADLINE, self.title)
        bits = self._correlated("bits_per_byte")
        found = [sentence for sentence in (recalls, bits) if sentence]
        if not found:
            return None
        text = " ".join(sentence.text for sentence in found)
        return _sentence(text, [path for sentence in found for path in sentence.evidence])

    def _correlated(self, outcome: str, configuration: str | None = None) -> Sentence | None:
        """Which measures go with ``outcome`` of a configuration, by default the first that has it."""
        known = [
            (number, entry, entry.rho, entry.p)
            for number, entry in enumerate(self.results.correlations)
            if entry.outcome == outcome and configuration in (None, entry.configuration)
            if entry.rho is not None and entry.p is not None
        ]
        mine = [found for found in known if found[1].configuration == known[0][1].configuration]
        if not mine:
            return None
        title = f"{outcome.replace('_', ' ')} of {mine[0][1].configuration}"
        telling = [found for found in mine if found[3] * len(mine) < LEVEL]
        if telling:
            parts = [f"{_measure(entry)} ({signed(rho)})" for _, entry, rho, _ in telling]
            which = "these correlate" if len(parts) > 1 else "one correlates"
            text = f"Of the intrinsic measures, {which} with {title} (Spearman): {joined(parts)}."
            return _sentence(text, [path("correlations", number) for number, *_ in telling])
        number, entry, rho, p = max(mine, key=lambda found: abs(found[2]))
        interval = f" {signed_interval(entry.interval)}" if entry.interval else ""
        text = (
            f"Over {entry.tokenizers} tokenizers no intrinsic measure predicts {title} significantly: "
            f"the strongest correlation is that of {_measure(entry)}, {signed(rho)}{interval} "
            f"(p {p:.2f} before correction for {len(mine)} of them)."
        )
        return _sentence(text, [path("correlations", number)])

    def trainings(self) -> Sentence:
        """What the intervals hold."""
        trained = [rows for rows in self.choice.configurations if rows[0].kind == "trained"]
        if not trained:
            text = "BM25 is not trained: the intervals hold the spread over queries."
            return _sentence(text, [self._path(self.first, "architecture_label")])
        often: dict[int, dict[str, None]] = {}  # how many to titles, each once and in order
        for row in (row for rows in trained for row in rows):
            often.setdefault(len(row.seeds) or 1, {})[configuration_title(row)] = None
        evidence = [self._path(row, "by_seed" if row.seeds else "seed") for rows in trained for row in rows]
        if set(often) == {1}:
            text = "One training of each model: the intervals hold the spread over queries, not over trainings."
            return _sentence(text, evidence)
        text = "Intervals hold the spread over queries and over "
        if len(often) == 1:
            text += f"{next(iter(often))} trainings of each model"
        else:
            counted = [f"{count} of {joined(list(often[count]))}" for count in sorted(often, reverse=True)]
            text += f"trainings: {'; '.join(counted)}"
        fused = any(row.kind == "fusion" and row.ok for row in self.results.systems)
        text += "; those of fusions, which join one training of each, that over queries alone." if fused else "."
        return _sentence(text, evidence)

    def _path(self, row: System, *steps: str) -> str:
        return path("systems", self._positions[row.id], *steps)

    def _pair(self, other: System) -> Pair[Comparison]:
        """The first one minus another."""
        return self.pairs.get(self.first.id, other.id)


def _sentence(text: str, evidence: Sequence[str]) -> Sentence:
    return Sentence(text=text, evidence=tuple(evidence))


def _p(value: float) -> str:
    """Why a difference is not significant: its p after correction or, where that is small, its interval."""
    if value < LEVEL:
        return "the interval includes zero"
    return f"p after correction is {value:{'.3f' if value < 0.1 else '.2f'}}"


def _tokenizer(row: System) -> str:
    assert row.tokenizer is not None
    return f"the tokenizer {row.tokenizer.id} ({row.tokenizer.vocabulary_size:,} entries)"


def _measure(entry: Correlation) -> str:
    return INTRINSIC[entry.measure][0] if entry.measure in INTRINSIC else entry.measure
