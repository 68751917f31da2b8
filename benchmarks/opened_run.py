"""How long the first answer of a finished run takes, beside a script that does the same with bare libraries.

    python benchmarks/opened_run.py runs/best-wiki

Whole processes, and an opened run in a Python that runs already; medians of alternating rounds. The peer is written for
one system and one query: numpy, pyarrow and HF `tokenizers` over the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from ratios import of_times, report

ROUNDS = 5
QUERY = "history of the moon"
OPENED = """
import sys, time
import tokir, tokir.run, numpy, pyarrow, tokenizers
start = time.perf_counter()
hits = tokir.open_run(sys.argv[1]).search(sys.argv[2], top=3, systems=[sys.argv[3]])[sys.argv[3]].hits
print(time.perf_counter() - start, *(hit.id for hit in hits))
"""
PEER = """
import sys, time
import numpy as np, pyarrow as pa, tokenizers
start = time.perf_counter()
table, vectors = (np.load(f"{sys.argv[1]}/{name}", mmap_mode="r") for name in sys.argv[4:6])
ids = tokenizers.Tokenizer.from_file(f"{sys.argv[1]}/{sys.argv[6]}").encode(sys.argv[2], add_special_tokens=False).ids
query = table[ids].sum(0)
best = np.argsort(-(vectors @ query))[:3]
passages = pa.ipc.open_file(pa.memory_map(f"{sys.argv[1]}/corpus/passages.arrow")).read_all()
print(time.perf_counter() - start, *(passages.column(0)[int(i)].as_py() for i in best))
"""


def main() -> None:
    """Print one line per way to ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run with a static system")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    run: Path = asked.run
    made = json.loads((run / "systems.json").read_text("utf-8"))
    static = next(n for n, f in made["files"].items() if f.get("encoder", {}).get("kind") == "static")
    files = made["files"][static]
    encoder = files["encoder"]
    peer = [str(run), QUERY, static, encoder["table"], f"{files['index']}/vectors.npy", encoder["tokenizer"]]
    python = sys.executable
    jobs = {
        "the run, opened in Python": [python, "-c", OPENED, str(run), QUERY, static],
        "bare libraries, in Python": [python, "-c", PEER, *peer],
        "tokir search --system STATIC": [python, "-m", "tokir", "search", str(run), QUERY, "--system", static],
        "tokir search, all systems": [python, "-m", "tokir", "search", str(run), QUERY],
    }
    whole: dict[str, list[float]] = {name: [] for name in jobs}
    inside: dict[str, list[float]] = {name: [] for name in jobs}
    first: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, words in jobs.items():
            start = time.perf_counter()
            process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ})
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                if line.startswith("  1. ") and not any(seen.startswith("  1. ") for seen in lines):
                    first[name].append(time.perf_counter() - start)
                lines.append(line)
            process.wait()
            whole[name].append(time.perf_counter() - start)
            if "in Python" in name:
                inside[name].append(float(lines[0].split()[0]))
    print(f"{'asked':32} {'process':>9} {'1st answer':>11} {'without imports':>16}")
    for name in jobs:
        cells = (
            statistics.median(values) if values else None for values in (whole[name], first[name], inside[name])
        )
        written = ["–" if value is None else f"{value:.3f} s" for value in cells]
        print(f"{name:32} {written[0]:>9} {written[1]:>11} {written[2]:>16}")
    ours, theirs = (
        statistics.median(inside[name]) for name in ("the run, opened in Python", "bare libraries, in Python")
    )
    report([of_times("first answer of an opened run", "bare libraries", ours, theirs, "s")], asked.json)


if __name__ == "__main__":
    main()
