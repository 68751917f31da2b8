"""Every benchmark that compares tokir with a named peer, in one table of ratios and one JSON file: `make bench`.

    python benchmarks/all.py [--best runs/best-wiki] [--quickstart runs/quickstart-wiki] [--json bench.json]

Each benchmark is a program of its own beside this one, and a process of its own here. One that fails, or lacks a
library or a finished run, is named below the table and left out. Above the table stands what the machine can do,
measured in the same run. A ratio above 1 says that tokir is faster.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from machine import bandwidth, facts, matrix_rate
from ratios import Ratio, show

HERE = Path(__file__).parent
# Each with the finished runs that it reads, in the order of its arguments.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "training.py": (),
    "at_once.py": (),
    "encoding.py": ("quickstart",),
    "exact_search.py": (),
    "late_interaction.py": ("best",),
    "evaluation.py": (),
    "latency.py": ("best",),
    "opened_run.py": ("best",),
    "serving.py": ("best",),
}


def main() -> None:
    """Print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--best", type=Path, default=Path("runs/best-wiki"), help="a finished run of preset best")
    parser.add_argument("--quickstart", type=Path, default=Path("runs/quickstart-wiki"), help="of quickstart")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS), help="of the programs")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where all figures are written")
    asked = parser.parse_args()
    runs = {"best": asked.best, "quickstart": asked.quickstart}
    limits = {"matrix_product_gflops": matrix_rate(), "memory_gb_per_s": bandwidth()}
    records: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for program in asked.only:
        print(f"{program} ...", file=sys.stderr, flush=True)
        found = measured(program, [runs[name] for name in PROGRAMS[program]])
        if isinstance(found, str):
            left_out[program] = found
        else:
            records += [{"program": program, **record} for record in found]
    machine, now = facts(), datetime.now(UTC).isoformat(timespec="seconds")
    print(
        f"{now}, {machine['cpu']}, {machine['cores']} cores: products of matrices "
        f"{limits['matrix_product_gflops']:.0f} GFLOP/s, memory {limits['memory_gb_per_s']:.1f} GB/s"
    )
    show([Ratio(**{name: record[name] for name in record if name != "program"}) for record in records])
    for program, reason in left_out.items():
        print(f"left out: {program}: {reason}")
    whole = {"date": now, "machine": machine, "limits": limits, "records": records, "left_out": left_out}
    asked.json.write_text(json.dumps(whole, indent=2) + "\n", "utf-8")


def measured(program: str, runs: list[Path]) -> list[dict[str, Any]] | str:
    """The records of a benchmark, or why there are none."""
    for run in runs:
        if not (run / "systems.json").exists():
            return f"there is no finished run {run}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.json"
        words = [sys.executable, str(HERE / program), *map(str, runs), "--json", str(file)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode or not file.exists():
            return (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        found: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return found


if __name__ == "__main__":
    main()
