"""Run folders of one model each, written by hand: random weights, whatever the tokenizer; run files read by hand."""

from __future__ import annotations

import numpy as np

from tokir import open_run
from tokir.artifacts import Names, RunFolder, write_array, write_json, write_text
from tokir.config import check_config, dump_config
from tokir.retrieval.ranking import descending

SYSTEM = "t.static.contrastive+queries.learned.s0"


def static_run(folder, corpus, tokenizer, *, index=SYSTEM, suffix=".json", **more):
    """An opened run with one static model over ``tokenizer``, whose special tokens and unknown words weigh too."""
    vectors = np.random.default_rng(3).normal(size=(tokenizer.vocabulary_size, 24)).astype(np.float32)
    write_text(folder / Names.STUDY, dump_config(check_config({})))
    corpus.copy_to(folder / Names.CORPUS)
    tokenizer.save(folder / Names.tokenizer("t", suffix))
    write_array(folder / Names.embedding(SYSTEM, "table.npy"), vectors)
    write_array(folder / Names.ID_ORDER, descending(corpus.ids))
    write_array(folder / Names.index(index) / "vectors.npy", np.ones((len(corpus), 24), dtype=np.float32))
    encoder = {
        "kind": "static",
        "table": Names.embedding(SYSTEM, "table.npy"),
        "tokenizer": Names.tokenizer("t", suffix),
    }
    files = {"kind": "dense", "encoder": encoder, "index_kind": "exact", "index": Names.index(index), **more}
    made = {"schema": 1, "tokenizers": {"t": Names.tokenizer("t", suffix)}, "systems": [SYSTEM], "unavailable": {}}
    write_json(folder / Names.SYSTEMS, {**made, "files": {SYSTEM: {"whitening": None, **files}}})
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    RunFolder(folder).ensure(names, "by hand", lambda: None)
    return open_run(folder)


def ranked_list(path, query):
    """Passage ids to scores of one query, in the order of a run file."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {passage: float(score) for asked, _, passage, _, score, _ in lines if asked == query}
