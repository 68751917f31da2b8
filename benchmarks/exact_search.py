"""Exact search in float32 and in int8, and search by signs, beside FAISS's flat index: time of a batch, and memory.

    pip install faiss-cpu
    python benchmarks/exact_search.py

Random unit vectors, the hundred nearest of a million for each of 64 queries, together and one by one; all on as many
threads, the systems take turns, and medians are compared. `gemm` is the product of matrices alone, which no exact
search that uses it can beat. Of random vectors the nearest are hardly nearer than others, so signs find few of them;
docs/results/rounded.md has those of real ones.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ratios import Ratio, of_times, report
from threadpoolctl import threadpool_info

from tokir.retrieval.binary import BinaryIndex
from tokir.retrieval.exact import ROWS, ExactIndex
from tokir.retrieval.index import Hits, Vectors, normalize

BLOCK = 65_536


def main() -> None:
    """Print one line per system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    import faiss

    rng = np.random.default_rng(0)
    ties = rng.permutation(asked.passages)
    flat: Any = faiss.IndexFlatIP(asked.dimensions)
    every = normalize(rng.standard_normal((asked.passages, asked.dimensions), dtype=np.float32))
    flat.add(every)

    def blocks() -> Iterator[np.ndarray]:
        return (every[start : start + BLOCK] for start in range(0, len(every), BLOCK))

    with tempfile.TemporaryDirectory() as name:  # the maps outlive it
        BinaryIndex.write(Path(name), Vectors(len(every), every.shape[1], blocks))
        binary = BinaryIndex.load(Path(name), ties)
    int8 = binary.rounded
    codes = int8.codes
    exact = ExactIndex(every, ties, codes._replace(error=codes.farthest(every)))
    queries = normalize(rng.standard_normal((asked.queries, asked.dimensions), dtype=np.float32))
    bits, of_codes = binary.bits, codes.numbers.nbytes + codes.inverse_lengths.nbytes
    sizes = {
        "FAISS flat": every.nbytes,
        "exact": every.nbytes + of_codes,
        "int8": of_codes,
        "binary": bits.nbytes + of_codes,
    }
    ask: dict[str, Callable[[Any], Any]] = {
        "FAISS flat": lambda some: flat.search(some, asked.top)[1],
        "exact": lambda some: exact.search(some, asked.top),
        "int8": lambda some: int8.search(some, asked.top),
        "binary": lambda some: binary.search(some, asked.top),
        "gemm": lambda some: [some @ every[start : start + ROWS].T for start in range(0, len(every), ROWS)],
    }
    threads = max(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas")
    faiss.omp_set_num_threads(threads)
    alone = {name: ask[name] for name in ("FAISS flat", "exact", "int8")}
    medians, found = _medians(ask, [queries] * asked.rounds)
    of_one, _ = _medians(alone, [query[None] for query in queries])
    print(
        f"{asked.passages:,} passages, {asked.dimensions} dimensions, the {asked.top} nearest of each of "
        f"{asked.queries} queries, {threads} threads"
    )
    lines = []
    for name in list(ask)[1:]:
        path = f"{name}, {asked.passages:,} x {asked.dimensions}, top {asked.top}, {asked.queries} queries"
        lines.append(of_times(path, "FAISS flat", medians[name], medians["FAISS flat"], "s"))
        if name in sizes:
            ours, theirs = (sizes[side] / asked.passages for side in (name, "FAISS flat"))
            lines.append(Ratio(f"{name}, memory", "FAISS flat", ours, theirs, "bytes", theirs / ours))
            share = _shared(found[name], found["FAISS flat"])
            lines.append(Ratio(f"{name}, share of the nearest", "FAISS flat", share, 1, "", share))
    for name in list(alone)[1:]:
        path = f"{name}, {asked.passages:,} x {asked.dimensions}, top {asked.top}, one query"
        lines.append(of_times(path, "FAISS flat", of_one[name], of_one["FAISS flat"], "s"))
    report(lines, asked.json)


def _medians(
    ask: dict[str, Callable[[Any], Any]], inputs: list[np.ndarray]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Of each system the median of its seconds over the inputs, and what it finds for the last of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ask}
    found: dict[str, Any] = {}
    for some in inputs:
        for name, search in ask.items():
            start = time.perf_counter()
            found[name] = search(some)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}, found


def _shared(found: list[Hits], nearest: np.ndarray) -> float:
    """The share of the nearest passages that are found."""
    shares = [
        np.isin(wanted, hits.positions).mean() for hits, wanted in zip(found, nearest, strict=True) if len(wanted)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
