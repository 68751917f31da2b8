"""What exact late interaction costs beside BM25 and beside comparing tokens anew, and what pruning its index loses.

    python benchmarks/late_interaction.py runs/best-wiki

Takes the first static model of a run. A query is timed from its words to the positions of its ten best passages, on one
thread, one query at a time, all of them once before the clock counts; `anew` compares the tokens of a query with those
of passages by their vectors, as one does without an index: of all passages, or of the 1,000 that the sum of its token
vectors proposes. The table is in docs/results/objectives.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from indexes import exact_index
from ratios import of_times, report

from tokir.artifacts import Names, read_array
from tokir.data.corpus import Corpus
from tokir.encoders.static import StaticEncoder
from tokir.encoders.trained import static_table
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import score_queries
from tokir.retrieval.best_cosines import distinct_tokens
from tokir.retrieval.bm25 import BM25Index, Postings
from tokir.retrieval.index import Hits, best_of
from tokir.retrieval.maxsim import LateIndex, MaxSimIndex, PrunedMaxSimIndex, TokenVectors
from tokir.retrieval.ranking import Ranking, inverse
from tokir.threads import computing_on
from tokir.tokenizers import load
from tokir.training.checkpoint import load_trained

KEPT = (1.0, 0.5, 0.25, 0.1, 0.05)
PAGE, PROPOSED = 10, 1000


class Anew:
    """MaxSim from the vectors of the tokens, without an index of best cosines."""

    def __init__(self, model: TokenVectors, tokens: np.ndarray, ends: np.ndarray, tie_order: np.ndarray) -> None:
        self.model, self.tokens, self.ends, self.tie_order = model, tokens, ends, tie_order

    def search(self, query: list[int], positions: np.ndarray) -> Hits:
        """The ten best of the passages at ``positions``, none of them without tokens."""
        starts = np.where(positions > 0, self.ends[positions - 1], 0)
        sizes = self.ends[positions] - starts
        firsts = np.cumsum(sizes) - sizes
        flat = self.tokens[np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes)]
        similar = self.model.table[query] @ self.model.table.T
        scores = self.model.weights[query] @ np.maximum.reduceat(similar[:, flat], firsts, axis=1)
        return best_of(positions, scores, PAGE, self.tie_order)


def milliseconds(ask: Callable[[str], Any], queries: list[str]) -> tuple[float, float]:
    """p50 and p99 of a query."""
    times = []
    with computing_on(1):
        for query in queries:
            ask(query)
        for query in queries:
            start = time.perf_counter_ns()
            ask(query)
            times.append((time.perf_counter_ns() - start) / 1e6)
    return float(np.percentile(times, 50)), float(np.percentile(times, 99))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run with a static model")
    parser.add_argument("--json", type=Path, help="write what it costs beside comparing anew there too")
    asked = parser.parse_args()
    run = asked.run
    configurations = {
        file.parent: json.loads(file.read_text("utf-8")) for file in run.glob("models/*/config.json")
    }
    trained = min(path for path, values in configurations.items() if values["architecture"] == "static")
    model: Any = load_trained(trained, "best", torch.device("cpu"))
    tokenizer = load(run / Names.tokenizer(trained.name.split(".")[0]))
    corpus = Corpus.open(run / Names.CORPUS, verify=False)
    tie_order = inverse(read_array(run / Names.ID_ORDER))
    texts = corpus.passages(0, len(corpus))
    queries = dict(line.split("\t", 1) for line in (run / Names.QUERIES).read_text("utf-8").splitlines())
    qrels: dict[str, dict[str, int]] = {}
    for judgement in (run / Names.QRELS).read_text("utf-8").splitlines():
        query, _, passage, grade = judgement.split()
        qrels.setdefault(query, {})[passage] = int(grade)
    ids = tokenizer.encode(texts)
    tokens, ends = distinct_tokens(ids)
    table, weights = (value.detach().numpy() for value in (model.embedding.weight, model.token_weights))
    vectors = TokenVectors.of(table, weights)
    words = list(queries.values())
    print(f"{trained.name}: {len(corpus):,} passages, {len(queries):,} queries, {len(table):,} entries")
    print(f"{'':24} {'built, s':>9} {'bytes a passage':>16} {'p50, ms':>8} {'p99, ms':>8} {'recall@10':>10}")

    taken: dict[str, float] = {}

    judgements = Judgements.of(qrels, corpus.ids)

    def search(index: LateIndex, query: str) -> Hits:
        return index.search(tokenizer.encode([query])[0], PAGE)

    def line(name: str, built: float, size: float, ask: Callable[[str], Hits]) -> None:
        p50, p99 = milliseconds(ask, words)
        taken[name] = p50
        recall = np.mean(score_queries(Ranking.of(queries, list(map(ask, words))), judgements)["recall@10"])
        print(f"{name:24} {built:9.1f} {size:16,.0f} {p50:8.3f} {p99:8.3f} {recall:10.4f}", flush=True)

    for kept in (None, *KEPT):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            start = time.perf_counter()
            if kept is None:
                MaxSimIndex.build(folder, vectors, tokens, ends)
            else:
                PrunedMaxSimIndex.build(folder, vectors, tokens, ends, kept)
            built = time.perf_counter() - start
            size = sum(file.stat().st_size for file in folder.iterdir()) / len(corpus)
            index: LateIndex = (MaxSimIndex if kept is None else PrunedMaxSimIndex).load(folder, tie_order)
            label = "late interaction" if kept is None else f"pruned, kept {kept:g}"
            line(label, built, size, partial(search, index))
    anew = Anew(vectors, tokens, ends, tie_order)
    held = np.flatnonzero(np.diff(ends, prepend=0))
    line(
        "anew, all passages", 0, tokens.nbytes / len(corpus), lambda q: anew.search(tokenizer.encode([q])[0], held)
    )
    encoder = StaticEncoder(static_table(model), tokenizer)
    start = time.perf_counter()
    dense = exact_index(encoder.embed(ids), tie_order)
    built = time.perf_counter() - start

    def proposed(query: str) -> Hits:
        found = encoder.tokenize([query])
        positions = dense.search(encoder.embed(found), PROPOSED)[0].positions
        return anew.search(found[0], positions[np.isin(positions, held)])

    vector = dense.vectors[0].nbytes + dense.vectors.shape[1] + 4  # and its code
    line(f"anew, {PROPOSED:,} proposed", built, tokens.nbytes / len(corpus) + vector, proposed)
    line("one vector", built, vector, lambda q: dense.search(encoder.embed(encoder.tokenize([q])), PAGE)[0])
    start = time.perf_counter()
    bm25 = BM25Index.of(Postings(texts), tie_order)
    built = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as name:
        bm25.save(Path(name))
        size = sum(file.stat().st_size for file in Path(name).iterdir()) / len(corpus)
    line("BM25", built, size, lambda q: bm25.search(bm25.tokenize([q])[0], PAGE))
    peers = ("anew, all passages", f"anew, {PROPOSED:,} proposed")
    report(
        [
            of_times("one query, late interaction", p, taken["late interaction"], taken[p], "ms, p50")
            for p in peers
        ],
        asked.json,
    )


if __name__ == "__main__":
    main()
