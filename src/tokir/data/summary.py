"""A data set in a page of text."""

from __future__ import annotations

import textwrap

from tokir.data.dataset import Dataset
from tokir.errors import TokirError
from tokir.words import shortened

EXAMPLES = 3


def summarize(dataset: Dataset) -> str:
    """Counts, sizes and a few example queries with a relevant passage."""
    corpus = dataset.corpus
    lines = [f"{dataset.name}: {dataset.description}", f"source    {dataset.source}"]
    lines.append(f"passages  {len(corpus):,}, {corpus.characters:,} characters of text")
    for name, judged in dataset.qrels.items():
        relevant = sum(grade > 0 for grades in judged.values() for grade in grades.values())
        lines.append(f"{name:<9} {len(dataset.split(name).queries):,} queries, {relevant:,} relevant passages")
    if not dataset.qrels:
        count = f"{len(dataset.queries):,}, none judged" if dataset.queries else "none"
        lines.append(f"queries   {count}: models can be trained and searched, retrieval cannot be evaluated")
    lines += [f"note      {note}" for note in _notes(dataset)]
    lines.append(f"sha256    {dataset.checksum}")
    if dataset.qrels:
        split = dataset.split(next(name for name in ("test", "dev", *dataset.qrels) if name in dataset.qrels))
        lines.append(f"\nExamples of {split.name}:")
        chosen = list(split.queries)[:: max(1, len(split.queries) // EXAMPLES)][:EXAMPLES]
        passages = [next(id for id, grade in split.qrels[query].items() if grade > 0) for query in chosen]
        positions = corpus.positions(set(passages))
        for query, record in zip(chosen, corpus.documents([positions[p] for p in passages]), strict=True):
            text = shortened(f"{record.title} | {record.text}" if record.title else record.text, 300)
            lines.append(f"  query    {shortened(split.queries[query], 300)}")
            lines += textwrap.wrap(text, 96, initial_indent="  passage  ", subsequent_indent=" " * 11)
    return "\n".join(lines)


def _notes(dataset: Dataset) -> tuple[str, ...]:
    """What was left out in reading, and what a study that scores the usual split would leave out."""
    try:
        return (*dataset.notes, *dataset.evaluation_splits().notes)
    except TokirError:  # a file that was not read, which the data set's own notes name
        return dataset.notes
