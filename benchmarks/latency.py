"""One query, from its words to the positions of the ten best passages, by each system of a finished run.

    python benchmarks/latency.py runs/best-wiki

On one thread, one query at a time. The peer is MiniLM through sentence-transformers, searched over as many
random vectors of its width, since their values do not matter to the clock. Systems take turns, each with all
queries of a round; the first round warms up. The peer, and a system that computes by a pretrained model too, is
asked a tenth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from minilm import answering, sentence_transformer
from ratios import of_times, report

from tokir import open_run
from tokir.artifacts import Names
from tokir.errors import Unavailable
from tokir.retrieval.index import Hits
from tokir.retrieval.searchers import PAGE, Searcher
from tokir.threads import computing_on

PEER = "MiniLM, sentence-transformers"


def first_page(searcher: Searcher, query: str) -> list[Hits]:
    """What a query is answered with."""
    return searcher.search([query], PAGE)


def main() -> None:
    """Print two lines for each system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    run = open_run(asked.run)
    lines = (asked.run / Names.QUERIES).read_text("utf-8").splitlines()
    queries = [line.split("\t", 1)[1] for line in lines[: asked.queries]]
    ask = {PEER: answering(run, sentence_transformer())}
    for name in run.systems:
        try:
            searcher = run._opener.searcher(name)
        except Unavailable as error:
            print(f"{name}: {error}")
            continue
        ask[name] = partial(first_page, searcher)
    times: dict[str, list[float]] = {name: [] for name in ask}
    with computing_on(1):
        for number in range(asked.rounds + 1):
            for name, answer in ask.items():
                heavy = name == PEER or run.weight(name) == 2
                taken = [milliseconds(answer, query) for query in queries[:: 10 if heavy else 1]]
                times[name] += taken if number else []
    p50, p99 = ({name: float(np.percentile(taken, q)) for name, taken in times.items()} for q in (50, 99))
    report(
        [
            of_times(f"one query, {name}", PEER, found[name], found[PEER], f"ms, {which}")
            for name in list(ask)[1:]
            for which, found in (("p50", p50), ("p99", p99))
        ],
        asked.json,
    )


def milliseconds(answer: Callable[[str], Any], query: str) -> float:
    """Of one answer."""
    start = time.perf_counter_ns()
    answer(query)
    return (time.perf_counter_ns() - start) / 1e6


if __name__ == "__main__":
    main()
