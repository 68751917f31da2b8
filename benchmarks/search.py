"""How long a search takes on a finished run: as a whole process, and in a Python that has opened the run.

    python benchmarks/search.py runs/best-wiki

Prints the median of several rounds; a line of a process is from its start until the answer is printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import tokir

ROUNDS = 5
QUERY = "Anarchism Russian Revolution"


def main() -> None:
    """Time every way to ask."""
    path = sys.argv[1]
    first = tokir.open_run(path).systems[0]
    report("process, first answer of all systems", lambda: process(path, first))
    report("process, all systems", lambda: process(path))
    report("process, first system alone", lambda: process(path, None, "--system", first))
    report("python, opened and first answer", lambda: ask(path, first))
    run = tokir.open_run(path)
    run.search(QUERY, systems=[first])
    report("python, further answers", lambda: run.search(QUERY, systems=[first]))


def report(job: str, work: Callable[[], object]) -> None:
    """The median of several rounds, after one that fills the caches of the file system."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    print(f"{job:<40} {statistics.median(times):>8.4f} s", flush=True)


def process(path: str, until: str | None = None, *options: str) -> None:
    """Run ``tokir search``, to its end or until the answer of the system ``until`` begins to be printed."""
    command = [sys.executable, "-u", "-m", "tokir", "search", path, QUERY, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.strip() == until:
                running.kill()
                return
    if running.returncode:
        raise SystemExit(f"{' '.join(command)} failed")


def ask(path: str, system: str) -> None:
    """Open the run and ask one system."""
    tokir.open_run(path).search(QUERY, systems=[system])


if __name__ == "__main__":
    main()
