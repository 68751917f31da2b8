"""What a passage costs as a corpus grows: seconds and memory from reading to search, at several sizes.

    python benchmarks/scale.py 10000 100000 --folder /tmp/scale          # measure; a process for each size
    python benchmarks/scale.py 10000 --write /tmp/corpus                 # only write a corpus, in BEIR's layout
    python benchmarks/scale.py --sizing --folder /tmp/scale              # tables of what was measured, and would be

Passages are those of `wiki` recombined by seed, an article at a time: half of the sentences of a random article and as
many of a second one (or all that it has), in random order, are parted into passages like those of the first. So a
larger corpus has more articles, not larger ones; beyond 500,000 passages some have the titles of others. A query is a
run of words of one passage, which alone is judged relevant. The first n passages are the same whatever the size. Their
vocabulary is that of 5,627 passages, so it does not grow as it would in a real corpus, and each sentence of `wiki`
occurs in some 460 of 2.68 million passages; lengths and word frequencies are Wikipedia's.

Seconds are the processor's, which other programs change little, with the clock's beside them. Of memory, `peak` is the
largest resident set, with pages of mapped files that the system can drop at any time; `own` is the largest without.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

import tokir.data.beir as beir
from tokir.artifacts import write_json
from tokir.data import load
from tokir.data.corpus import Document
from tokir.environment import environment

QUERIES, TIMED = 500, 100
ASKED = 10_000  # of so many passages
QUERY_WORDS = 8
MACHINE = 64  # GiB of memory for an index
EQUAL = 1e-5  # cosines that differ by less
SEED = 0
SETTINGS = {
    "name": "scale",
    "tokenizers": [{"type": "bpe", "vocabulary_size": 8000, "lowercase": True, "prefix_space": True}],
    "architectures": ["static"],
    "objectives": {"static": ["contrastive"]},
    "models": {"static": {"steps": 150, "batch_size": 512}},
    "poolings": ["learned"],
    "baselines": [],
    "fusions": [],
    "evaluation": {"robustness": []},
}


# -- the corpus -----------------------------------------------------------------------------------------------


class Recombined:
    """The articles of `wiki`, taken apart."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}  # of sentences in each passage of an article, by its title
        self.sentences: dict[str, list[str]] = {}
        for passage in load("wiki").corpus.records():
            parts = re.split(r"(?<=[.!?])\s+", passage.text)
            self.counts.setdefault(passage.title, []).append(len(parts))
            self.sentences.setdefault(passage.title, []).extend(parts)
        self.titles = list(self.counts)

    def documents(self, size: int) -> Iterator[Document]:
        """``size`` passages; memory does not grow with them."""
        passages = (passage for number in count() for passage in self._article(number))
        for position, (title, text) in enumerate(islice(passages, size)):
            yield Document(f"p{position:08d}", title, text)

    def _article(self, number: int) -> Iterator[tuple[str, str]]:
        """Title and text of each passage."""
        rng = np.random.default_rng([SEED, number])
        one, other = (self.titles[i] for i in rng.integers(len(self.titles), size=2))
        size = len(self.sentences[one])
        drawn = [*self._some(one, size // 2, rng), *self._some(other, size - size // 2, rng)]
        sentences = (drawn[i] for i in rng.permutation(len(drawn)))
        for length in self.counts[one]:
            if text := " ".join(islice(sentences, length)):
                yield f"{one}, {other}", text

    def _some(self, title: str, most: int, rng: np.random.Generator) -> list[str]:
        """Random sentences of an article, each once."""
        sentences = self.sentences[title]
        return [sentences[i] for i in rng.permutation(len(sentences))[:most]]


def write_corpus(folder: Path, size: int) -> None:
    """A data set of ``size`` passages, in BEIR's layout, in constant memory."""
    rng = np.random.default_rng([SEED, 1])
    asked = set(rng.choice(min(size, ASKED), min(QUERIES, size), replace=False).tolist())
    queries: dict[str, str] = {}

    def documents() -> Iterator[Document]:
        for number, document in enumerate(Recombined().documents(size)):
            if number in asked:
                words = document.text.split()
                start = int(rng.integers(max(1, len(words) - QUERY_WORDS + 1)))
                queries[f"q-{document.id}"] = " ".join(words[start : start + QUERY_WORDS])
            yield document

    folder.mkdir(parents=True, exist_ok=True)
    beir.write_documents(folder, documents())
    beir.write_queries(folder, queries, {"test": {query: {query[2:]: 1} for query in queries}})


# -- one size, in a process of its own ------------------------------------------------------------------------


class Meter:
    """Seconds and peak memory of each step, written down when it is done; a step that is known is not measured."""

    def __init__(self, size: int, file: Path) -> None:
        self.size, self.file = size, file
        self.steps: dict[str, Any] = json.loads(file.read_text("utf-8"))["steps"] if file.exists() else {}
        self._own = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._own = max(self._own, _memory("RssAnon"))
            time.sleep(0.02)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        _forget_peak()
        self._own, cpu, clock = 0, time.process_time(), time.perf_counter()
        yield
        if name not in self.steps:
            found = {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock}
            self.note(name, {**found, "peak": _memory("VmHWM"), "own": max(self._own, _memory("RssAnon"))})

    def note(self, name: str, figures: dict[str, float]) -> None:
        """Write down what a step took, or what came of it."""
        self.steps[name] = figures
        write_json(self.file, {"passages": self.size, "machine": environment(), "steps": self.steps})
        print(f"{self.size:>9,} {name:14}", *(f"{key} {value:.4g}" for key, value in figures.items()), flush=True)


def _memory(field: str) -> int:
    """A line of this process's status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(size: int, folder: Path, kinds: list[str]) -> None:
    """Take a corpus of ``size`` passages from its file to ranked lists, and put its vectors into further indexes."""
    data, run, known = folder / f"corpus-{size}", folder / f"run-{size}", folder / f"scale-{size}.json"
    meter = Meter(size, known)
    import torch  # noqa: F401  (its memory is nobody's step)

    if "evaluate" not in meter.steps:
        make(meter, data, run)
    for kind in kinds:
        if f"index {kind}" not in meter.steps:
            with meter.step(f"index {kind}"):
                write_index(run, folder / f"{kind}-{size}", kind)
    for kind in ["exact", *kinds]:
        meter.note(f"search {kind}", ask(run, data, folder / f"{kind}-{size}", kind))


def make(meter: Meter, data: Path, run: Path) -> None:
    """From a file to a finished run."""
    from tokir.config import check_config
    from tokir.study import Machine, Study
    from tokir.systems import model_points, systems

    if not (data / "queries.jsonl").exists():
        with meter.step("write"):
            write_corpus(data, meter.size)
    os.environ["TOKIR_CACHE"] = str(run.parent / f"cache-{meter.size}")  # an empty one, so that the file is read
    with meter.step("read"):
        study = Study(check_config({**SETTINGS, "data": {"source": str(data)}}), run, Machine("cpu", 1))
    parts, [point], [system] = study.parts, model_points(study.config), systems(study.config)
    with meter.step("tokenizer"):
        parts.tokenizers.get(point.tokenizer)
    with meter.step("train"):
        study.train()
    with meter.step("embed"):
        parts.searchers.files(system)
    with meter.step("evaluate"):
        study.evaluate()


def write_index(run: Path, folder: Path, kind: str) -> None:
    """Put the vectors of a run into an index beside it."""
    from tokir.encoders.store import blocks, read_embeddings
    from tokir.retrieval.index import Vectors
    from tokir.retrieval.registry import INDEXES

    [path] = run.glob("embeddings/*/corpus.npy")
    folder.mkdir(exist_ok=True)
    count, dimensions = read_embeddings(path).shape
    INDEXES[kind].write(folder, Vectors(count, dimensions, lambda: blocks(path)))


def ask(run: Path, data: Path, folder: Path, kind: str) -> dict[str, float]:
    """Share of ten passages as near as those of exact search, time of one query, and bytes a passage.

    A passage counts if it is as near as the tenth one of exact search, as at ann-benchmarks (Aumueller et al., 2020):
    many passages of this corpus are equal.
    """
    from tokir import open_run
    from tokir.retrieval.index import normalize
    from tokir.retrieval.registry import INDEXES

    opened = open_run(run)
    searcher: Any = opened._opener.searcher(opened.systems[0])
    texts = [json.loads(line)["text"] for line in (data / "queries.jsonl").read_text("utf-8").splitlines()]
    vectors = searcher.encode(texts)
    exact = searcher.index
    index = exact if kind == "exact" else INDEXES[kind].load(folder, exact.tie_order)
    farthest = [hits.scores[-1] - EQUAL for hits in exact.search(vectors, 10)]
    asked = zip(index.search(vectors, 10), normalize(vectors), strict=True)
    found = [exact.vectors[hits.positions] @ vector for hits, vector in asked]
    times = []
    for vector in vectors[:TIMED]:
        start = time.perf_counter()
        index.search(vector[None], 10)
        times.append(1000 * (time.perf_counter() - start))
    files = folder if kind != "exact" else next(run.glob("indexes/*"))
    return {
        "recall@10": float(np.mean([(a >= b).sum() / 10 for a, b in zip(found, farthest, strict=True)])),
        "p50 ms": float(np.median(times)),
        "dimensions": exact.vectors.shape[1],
        "bytes a passage": sum(file.stat().st_size for file in files.iterdir()) / len(opened.passages),
    }


# -- tables -----------------------------------------------------------------------------------------------------


def measured(folder: Path) -> list[dict[str, Any]]:
    """What was written down of each size, the smallest first."""
    found = [json.loads(file.read_text("utf-8")) for file in folder.glob("scale-*.json")]
    return sorted(found, key=lambda one: one["passages"])


def show(folder: Path) -> None:
    """Seconds, microseconds a passage and peak memory of each step at each size."""
    sizes = measured(folder)
    steps = list(dict.fromkeys(step for one in sizes for step in one["steps"] if not step.startswith("search")))
    print("| step |", " | ".join(f"{one['passages']:,}" for one in sizes), "|")
    print("|---|" + "---:|" * len(sizes))
    for step in steps:
        cells = []
        for one in sizes:
            took, passages = one["steps"].get(step), one["passages"]
            cells.append(
                "–"
                if took is None
                else f"{took['cpu']:,.1f} s, {took['cpu'] / passages * 1e6:,.0f} µs, "
                f"{took['peak'] / 2**30:.2f} GiB ({took['own'] / 2**30:.2f})"
            )
        print(f"| {step} |", " | ".join(cells), "|")
    for one in sizes:
        for step, found in one["steps"].items():
            if step.startswith("search"):
                print(
                    f"{one['passages']:,} {step}:",
                    ", ".join(f"{name} {value:.4g}" for name, value in found.items()),
                )


def sizing(folder: Path) -> None:
    """What corpora of other sizes would take, from the largest measured one.

    Hours of one processor are those a passage times the passages. In memory is what a search reads of every index:
    vectors (4 bytes a dimension) and their codes of 8 bits, codes alone, bits, graph and vectors, or product codes with
    an 8-byte id; what is scored again may stay on disk. Machines are those with 64 GiB for the index.
    """
    sizes = measured(folder)
    steps = {name: (took, one["passages"]) for one in sizes for name, took in one["steps"].items()}

    def each(*names: str) -> float:
        """Seconds of a passage."""
        return float(sum(took["cpu"] / passages for took, passages in (steps[name] for name in names)))

    dimensions = steps["search exact"][0]["dimensions"]
    graph = steps["search hnsw"][0]["bytes a passage"] if "search hnsw" in steps else 4 * dimensions + 272
    memory = {
        "exact": 5 * dimensions + 4,
        "int8": dimensions + 4,
        "hnsw": graph,
        "ivfpq": dimensions / 4 + 8,
        "binary": dimensions / 8,
    }
    print(f"{dimensions:.0f} dimensions; read and encoded at {each('read', 'embed') * 1e6:.0f} µs a passage")
    print(
        "| passages | processor-hours: read, encode |",
        " | ".join(f"{kind}: GiB, machines" for kind in memory),
        "|",
    )
    print("|---:|---:|" + "---:|" * len(memory))
    for power in range(5, 11):
        passages = 10**power
        hours = each("read", "embed") * passages / 3600
        held = [bytes_ * passages / 2**30 for bytes_ in memory.values()]
        cells = [f"{gib:,.1f}, {math.ceil(gib / MACHINE):,}" for gib in held]
        print(f"| 10^{power} | {hours:,.2f} |", " | ".join(cells), "|")


def main() -> None:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", help="passages")
    parser.add_argument("--folder", type=Path, default=Path("runs/scale"))
    parser.add_argument(
        "--index", nargs="*", default=["int8", "binary", "ivfpq", "hnsw"], help="kinds beside exact"
    )
    parser.add_argument("--write", type=Path, help="only write the corpus, into this folder")
    parser.add_argument("--sizing", action="store_true", help="only print tables of what was measured")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["TOKIR_CACHE"] = str(options.folder / "cache")
    if options.sizing:
        show(options.folder)
        sizing(options.folder)
    elif options.write:
        write_corpus(options.write, options.sizes[0])
    elif options.here:
        measure(options.sizes[0], options.folder, options.index)
    else:
        for size in options.sizes:
            words = [__file__, str(size), "--folder", str(options.folder), "--here", "--index", *options.index]
            subprocess.run([sys.executable, *words], check=True)


if __name__ == "__main__":
    main()
