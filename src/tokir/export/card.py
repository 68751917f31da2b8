"""The model card: what an export is, how it is used, what it scores, and what it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.encoders.registry import PRETRAINED
from tokir.evaluation.registry import HEADLINE, MEASURES
from tokir.report.markdown import safe
from tokir.report.rows import in_words
from tokir.results.wording import date, plural, score_interval

if TYPE_CHECKING:
    from tokir.export.exporter import Exporter, Measured
    from tokir.export.source import Source
    from tokir.results.records import Results


def model_card(source: Source, exporter: Exporter, measured: Sequence[Measured], name: str) -> str:
    """``README.md`` of an export; its first lines are for the Hugging Face hub.

    Args:
        source: what was exported.
        exporter: to which form.
        measured: how far its vectors are from those of the run.
        name: of the folder.
    """
    tags = ["tokir", "retrieval", *(["static-embeddings"] if source.table is not None else [])]
    lines = ["---", f"library_name: {exporter.library}", f"tags: {json.dumps(tags)}", "---", ""]
    lines += [f"# {safe(name)}", "", *_what(source), "", "## Use", "", *exporter.usage(source, _written(name)), ""]
    lines += ["## Scores", "", *_scores(source), "", "## Held against the run", "", *map(_held, measured), ""]
    lines += ["## Data and licences", "", *_data(source)]
    return "\n".join(lines) + "\n"


def _written(name: str) -> str:
    """The name of the folder as it can stand in code; a placeholder where it cannot."""
    return "FOLDER" if set(name) & set('"\\`$') else name


def _what(source: Source) -> list[str]:
    words = f": {safe(in_words(source.row))}" if source.row else ""
    lines = [f"The model of `{source.system}`, a system of a study with tokir{words}."]
    if source.asymmetric:
        teacher = safe(_title(source.teacher_files.name))
        lines.append(f"It was trained to read queries; the vectors of passages are those of {teacher}.")
    return lines


def _scores(source: Source) -> list[str]:
    results, row = source.results, source.row
    if results is None or row is None or row.scores is None:
        return ["Nothing was measured, since the run has no queries with judgements."]
    data = results.dataset
    lines = [
        f"On {safe(data.name)} ({data.split}): {plural(data.queries, 'query')}, {plural(data.passages, 'passage')}, "
        f"{date(results.created)}. Measures are equal to trec_eval's, intervals are 95% bootstrap intervals.",
        "",
        "| measure | score | 95% |",
        "|---|---:|---:|",
    ]
    for measure in (measure for measure in MEASURES if measure in row.scores):
        interval = row.interval(measure)
        about = f"{MEASURES[measure].group}{MEASURES[measure].heading}"
        lines.append(f"| {about} | {row.scores[measure]:.3f} | {score_interval(interval) if interval else ''} |")
    if row.by_seed and source.system in row.runs:
        alone = row.by_seed[row.runs.index(source.system)]
        lines += ["", f"These are means over {len(row.seeds)} seeds; {HEADLINE} of this one is {alone:.3f}."]
    return lines


def _held(measured: Measured) -> str:
    """How far the vectors of one way to encode are from those that the scores belong to."""
    name = f"{measured.check.name}: " if measured.check.name else ""
    if measured.check.limit is None:
        found = f"the cosine with the vector of the run is {measured.mean_cosine:.5f} on average, "
        found += f"{measured.least_cosine:.5f} at worst"
    else:
        found = f"no number of a vector differs by more than {measured.largest:.1g}"
    return f"- {name}over {plural(len(measured.check.texts), 'text')} {found}."


def _data(source: Source) -> list[str]:
    results, row = source.results, source.row
    lines = []
    if results is not None:
        data = results.dataset
        about = data.description if data.name == data.source else "documents of its user"
        lines.append(
            f"- Trained on {safe(data.name)}, {safe(about)} (SHA-256 of the data set {data.checksum[:12]})."
        )
    if results is not None and row is not None and row.teacher_files:
        lines.append(f"- Taught by {_teacher(results)}.")
    lines.append("- What may be done with the weights follows from the licences of these; tokir itself is MIT.")
    return lines


def _teacher(results: Results) -> str:
    settings = results.settings.get("retrieval")
    name = str(settings.get("teacher")) if isinstance(settings, dict) else "a pretrained model"
    licence = PRETRAINED[name].licence if name in PRETRAINED else None
    return f"{safe(_title(name))} ({licence or 'its own card names its licence'})"


def _title(name: str) -> str:
    """What a reader calls a pretrained model; of a folder its last part."""
    if name in PRETRAINED:
        return f"{PRETRAINED[name].hub}"
    return Path(name).name if Path(name).is_absolute() else name
