"""What it saves that a training keeps the memory it frees, and what it costs in memory.

    python benchmarks/memory.py [--rounds 3]

Each line is one kind of training by its default settings, as a study trains it (on one thread a static model, else on
as many as torch takes): milliseconds of a step and pages of memory that the system hands out in it, where freed memory
goes back to the system at once and where it is kept, and the most memory that each process held. Every figure is the
median of a few processes, each of which gives the median of nine steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys

from kinds import KINDS, prepared


def step(kind: str, kept: bool) -> dict[str, float]:
    """Milliseconds of a step, pages that it was handed, and MiB that the process held at most."""
    objective, build = prepared(*KINDS[kind])
    import torch  # after tokir, which says how its threads wait

    from tokir.config import OptimizationSettings
    from tokir.threads import computing_on, training_threads
    from tokir.training.loop import MEASURED, seconds_per_step

    timed = seconds_per_step if kept else seconds_per_step.__wrapped__  # type: ignore[attr-defined]
    with computing_on(training_threads(kind == "static", torch.get_num_threads())):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        each = timed(build, objective, OptimizationSettings(), torch.device("cpu"), 0)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"ms": 1000 * each, "pages": (used.ru_minflt - before) / MEASURED, "MiB": used.ru_maxrss / 1024}


def measured(kind: str, kept: bool) -> dict[str, float]:
    """Of a process of its own."""
    words = [sys.executable, __file__, "--one", kind, *(["--kept"] if kept else [])]
    found: dict[str, float] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="processes, whose median counts")
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--kept", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(step(asked.one, asked.kept)))
        return
    print(
        f"{'a step, freed memory returned and kept':40} {'ms':>15} {'ratio':>6} {'pages':>17} {'MiB at most':>13}"
    )
    for kind in KINDS:
        rounds = [(measured(kind, False), measured(kind, True)) for _ in range(asked.rounds)]
        middle = {
            what: [statistics.median(one[kept][what] for one in rounds) for kept in (0, 1)]
            for what in rounds[0][0]
        }
        ms, pages, most = (middle[what] for what in ("ms", "pages", "MiB"))
        print(
            f"{kind:40} {ms[0]:7.1f} {ms[1]:7.1f} {ms[0] / ms[1]:6.2f} {pages[0]:8,.0f} {pages[1]:8,.0f} "
            f"{most[0]:6,.0f} {most[1]:6,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
