"""Exact search in float32 and in int8, and search by signs, beside FAISS's flat index: time of a batch, and memory.

    pip install faiss-cpu
    python benchmarks/exact_search.py

Random unit vectors, the hundred nearest of a million for each of 64 queries; all on as many threads, the systems
take turns, and medians are compared. `gemm` is the product of matrices alone, which no exact search that uses it
can beat. Of random vectors the nearest are hardly nearer than others, so signs find few of them;
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
from tokir.retrieval.exact import ExactIndex
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
        BinaryIndex.write(Path(name), Vectors(*every.shape, blocks))
        binary = BinaryIndex.load(Path(name), ties)
    exact, int8 = ExactIndex(every, ties), binary.rounded
    queries = normalize(rng.standard_normal((asked.queries, asked.dimensions), dtype=np.float32))
    codes, bits = int8.codes, binary.bits
    sizes = {
        "FAISS flat": every.nbytes,
        "exact": every.nbytes,
        "int8": codes.nbytes + int8.inverse_lengths.nbytes,
        "binary": bits.nbytes + codes.nbytes + int8.inverse_lengths.nbytes,
    }
    ask: dict[str, Callable[[], Any]] = {
        "FAISS flat": lambda: flat.search(queries, asked.top)[1],
        "exact": lambda: exact.search(queries, asked.top),
        "int8": lambda: int8.search(queries, asked.top),
        "binary": lambda: binary.search(queries, asked.top),
        "gemm": lambda: [queries @ every[start : start + BLOCK].T for start in range(0, len(every), BLOCK)],
    }
    threads = max(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas")
    faiss.omp_set_num_threads(threads)
    seconds: dict[str, list[float]] = {name: [] for name in ask}
    found: dict[str, Any] = {}
    for _ in range(asked.rounds):
        for name, search in ask.items():
            start_time = time.perf_counter()
            found[name] = search()
            seconds[name].append(time.perf_counter() - start_time)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
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
    report(lines, asked.json)


def _shared(found: list[Hits], nearest: np.ndarray) -> float:
    """The share of the nearest passages that are found."""
    shares = [
        np.isin(wanted, hits.positions).mean() for hits, wanted in zip(found, nearest, strict=True) if len(wanted)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
