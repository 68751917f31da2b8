from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tokir.data import Dataset, load

DOCUMENTS = [("d1", "Cats", "They purr."), ("d2", "", "Dogs bark."), ("d3", "Fish", "Silent, “mostly”.")]
QUERIES = {"q1": "what purrs", "q2": "what barks", "q3": "who is silent"}
QRELS = {"train": [("q1", "d1", 1)], "test": [("q2", "d2", 2), ("q2", "d1", 0), ("q3", "d3", 0)]}


def jsonl(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_folder(folder: Path, **files: str | None) -> Path:
    """A BEIR folder of three documents; ``files`` replaces a file's text by its stem, None leaves it out."""
    contents: dict[str, str | None] = {
        "corpus.jsonl": jsonl([{"_id": i, "title": t, "text": x} for i, t, x in DOCUMENTS]),
        "queries.jsonl": jsonl([{"_id": i, "text": x} for i, x in QUERIES.items()]),
    }
    for split, rows in QRELS.items():
        lines = ["query-id\tcorpus-id\tscore", *(f"{q}\t{d}\t{s}" for q, d, s in rows)]
        contents[f"qrels/{split}.tsv"] = "\n".join(lines) + "\n"
    by_stem = {Path(name).stem: name for name in contents}
    contents |= {by_stem.get(stem, f"qrels/{stem}.tsv"): text for stem, text in files.items()}
    for name, text in contents.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder


@pytest.fixture
def open_(tmp_path: Path) -> Callable[..., Dataset]:
    """`load` with a cache of the test's own."""

    def load_(source: object, **settings: object) -> Dataset:
        return load(str(source), cache=tmp_path / "cache", **settings)  # type: ignore[arg-type]

    return load_
