"""``report.md``: the headline, the findings and the tables, for a README or an issue."""

from __future__ import annotations

import re
import unicodedata

from tokir.report import ablations, captions, perturbations, tokenizers
from tokir.report.rows import groups, in_words
from tokir.report.tables import Column, cells, cost, retrieval
from tokir.results.names import short_names
from tokir.results.paths import describe
from tokir.results.reading import as_json
from tokir.results.records import Example, Passage, Results
from tokir.results.wording import plural
from tokir.words import shortened

EXCERPT = 120  # characters of a passage shown


def to_markdown(results: Results, examples: list[Example]) -> str:
    """The report without figures; there may be no examples."""
    raw = as_json(results)
    lines = [f"# {safe(results.study)} on {safe(results.dataset.name)}", ""]
    lines += [captions.QUESTION, ""]
    if results.verdict:
        lines += ["## Verdict", "", *(f"- {safe(sentence.text)}" for sentence in results.verdict), ""]
    else:
        lines += [safe(" ".join(captions.answer(results))), ""]
    lines += [" · ".join(f"{name}: {safe(value)}" for name, value in captions.facts(results)), ""]
    lines += ["## Findings", ""]
    for finding in results.findings:
        if finding.measured:
            lines += [f"### {safe(finding.question)}", "", f"**{finding.answer}**: {safe(finding.claim)}", ""]
            lines += [safe(finding.text), ""]
            lines += [f"- `{path}`: {safe(describe(path, raw))}" for path in dict.fromkeys(finding.evidence)]
            lines.append("")
    if open_ := [finding for finding in results.findings if not finding.measured]:
        lines += ["Not measured in this study:", ""]
        lines += [f"- {safe(finding.question)} {safe(finding.text)}" for finding in open_]
        lines.append("")
    lines += ["## Results", ""]
    if results.dataset.notes:
        lines += ["Notes on the data:", "", *(f"- {safe(note)}" for note in results.dataset.notes), ""]
    lines += [*_table(retrieval(results.systems), results), "", safe(captions.retrieval_caption(results)), ""]
    lines += [*_table(cost(results.systems), results), "", safe(captions.cost_caption(results)), ""]
    lines += _ablations(results)
    lines += _tokenizers(results)
    lines += _perturbed(results)
    lines += _queries(results, examples)
    lines += ["## Systems", ""]
    for _, rows in groups(results.systems):
        for row in rows:
            words = in_words(row) if row.ok else f"unavailable: {row.reason}"
            lines.append(f"- `{row.id}`: {safe(row.title)}. {safe(words)}")
    return "\n".join(lines).rstrip() + "\n"


def _table(columns: tuple[Column, ...], results: Results) -> list[str]:
    """A pipe table of the evaluated systems; the best of a column in bold."""
    written = cells(columns, results.systems)
    headings = [_heading(column) for column in columns]
    lines = [f"| system | {' | '.join(headings)} |", f"|---|{'---:|' * len(columns)}"]
    for _, rows in groups(results.systems):
        for row in rows:
            if row.ok:
                texts = [f"**{cell.text}**" if cell.best else cell.text for cell in written[row.id]]
            else:
                texts = ["unavailable"] + [""] * (len(columns) - 1)
            lines.append(f"| `{row.id}` | {' | '.join(texts)} |")
    return lines


def _ablations(results: Results) -> list[str]:
    found = ablations.lines(results)
    if not found:
        return []
    lines = ["## Ablations", "", "| before | after | recall@10 | after | difference [95%] | verdict |"]
    lines += ["|---|---|---:|---:|---:|---|"]
    for heading, pairs in found:
        lines.append(f"| **{heading}** | | | | | |")
        for pair in pairs:
            cells = (safe(pair.before), safe(pair.after), *pair.scores, safe(pair.difference), pair.verdict)
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", ablations.CAPTION, ""]


def _tokenizers(results: Results) -> list[str]:
    found = {row.tokenizer.id: row.tokenizer for row in results.systems if row.tokenizer}
    if not found:
        return []
    lines = ["## Tokenizers", "", f"| tokenizer | entries | {' | '.join(tokenizers.HEADINGS)} |"]
    lines.append(f"|---|---:|{'---:|' * len(tokenizers.HEADINGS)}")
    for name, tokenizer in found.items():
        lines.append(f"| `{name}` | {tokenizer.vocabulary_size:,} | {' | '.join(tokenizers.cells(tokenizer))} |")
    lines += ["", tokenizers.CAPTION, ""]
    for configuration, entries in tokenizers.correlations(results):
        lines += [
            f"**{safe(configuration)}**",
            "",
            "| measure | with | Spearman | 95% | p |",
            "|---|---|---:|---:|---:|",
        ]
        lines += [*(f"| {' | '.join(map(safe, entry))} |" for entry in entries), ""]
    return [*lines, *([tokenizers.CORRELATIONS_CAPTION, ""] if results.correlations else [])]


def _perturbed(results: Results) -> list[str]:
    if not results.perturbations:
        return []
    names = [perturbation.name for perturbation in results.perturbations]
    lines = ["## Perturbed queries", "", f"| system | unperturbed | {' | '.join(names)} |"]
    lines.append(f"|---|---:|{'---:|' * len(names)}")
    lines.append(f"| {perturbations.CHANGED} | | {_changes(perturbations.shares(results))} |")
    for name, score, changes in perturbations.lines(results):
        lines.append(f"| {safe(name)} | {score} | {_changes(changes)} |")
    lines += ["", perturbations.CAPTION, ""]
    for perturbation in results.perturbations:
        shown = [f" {_apart(before)} → {_apart(after)}" for before, after in perturbation.examples[:1]]
        changed = f"{plural(perturbation.changed, 'query')} changed" if perturbation.changed else "does not apply"
        lines.append(f"- {perturbation.name}: {perturbation.words}; {changed}.{''.join(shown)}")
    if compared := perturbations.compared(results):
        lines += ["", f"| best | minus | {' | '.join(names)} |", f"|---|---|{'---:|' * len(names)}"]
        for best, other, changes in compared:
            lines.append(f"| {safe(best)} | {safe(other)} | {_changes(changes)} |")
        lines += ["", perturbations.COMPARED]
    return [*lines, ""]


def _apart(text: str) -> str:
    """A text that turns nothing round beside it, where it is written from right to left (Annex 9 of Unicode)."""
    turns = any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
    return f"\u2068{safe(text)}\u2069" if turns else safe(text)


def _changes(cells: list[perturbations.Cell]) -> str:
    return " | ".join(f"**{cell.text}**" if cell.significant else cell.text for cell in cells)


def _queries(results: Results, examples: list[Example]) -> list[str]:
    """Each example with the first passage of every system and the rank of its first relevant one."""
    short = short_names(results.systems)
    lines = ["## Queries", ""] if examples else []
    for example in examples:
        lines += [f"### {safe(example.text)}", ""]
        lines.append(f"Relevant ({example.relevant}): {_passage(example.relevant_passage)}")
        lines += ["", "| system | first relevant at | first passage |", "|---|---:|---|"]
        for id, found in example.systems.items():
            rank = found.first_relevant_rank or f"not in {results.evaluation.depth:,}"
            first = _passage(found.passages[0]) if found.passages else "nothing"
            mark = "✓ " if found.passages and found.passages[0].relevant else ""
            lines.append(f"| {safe(short.get(id, id))} | {rank} | {mark}{first} |")
        lines.append("")
    return lines


def _passage(passage: Passage) -> str:
    title = f"**{safe(passage.title)}** " if passage.title else ""
    return title + safe(shortened(passage.text, EXCERPT))


def _heading(column: Column) -> str:
    joint = "" if column.heading.startswith("@") else " "
    return f"{column.group.split(',')[0]}{joint}{column.heading}"


def safe(text: str) -> str:
    """Text that Markdown and HTML read as text."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\*_`|\[\]#~$])", r"\\\1", text)
