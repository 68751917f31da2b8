"""Two hundred studies, one after the other in one process: memory that does not grow, and no file left open.

    python benchmarks/soak.py --studies 200

Each study is a whole one over sixty passages: tokenizer, static model, BM25, a fusion, late interaction, rankings,
report; then its run is opened and searched, passages are added and deleted, and everything is let go.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import tempfile
import threading
import time
from pathlib import Path

from fuzzing.samples import SETTINGS, write_data

WARM = 0.25  # of the studies, before which libraries still fill their caches
EVERY = 10  # studies between two lines


def main() -> None:
    """Print memory and open files as studies go by, and what they grew by."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    count = parser.parse_args().studies
    logging.getLogger("tokir").setLevel(logging.ERROR)
    seen = []
    print(f"{'studies':>8}{'seconds':>9}{'MB':>8}{'files':>7}{'maps':>7}{'threads':>9}")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=_in_memory()) as folder:
        data = Path(folder) / "data"
        write_data(data)
        for number in range(1, count + 1):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                once(data, Path(place), number)
            gc.collect()
            seen.append(_held(folder))
            if number % EVERY == 0 or number == 1:
                print(
                    f"{number:>8}{time.perf_counter() - start:>9.0f}{seen[-1][0]:>8.0f}"
                    + "{:>7}{:>7}{:>9}".format(*seen[-1][1:])
                )
    warm = max(1, round(WARM * count))
    megabytes, files, maps, _ = (last - first for first, last in zip(seen[warm - 1], seen[-1], strict=True))
    print(f"from study {warm} to {count}: {megabytes:+.1f} MB, {files:+d} files, {maps:+d} maps")


def once(data: Path, place: Path, seed: int) -> None:
    """One study and all that is done with its run."""
    from tokir import Study, add_passages, delete_passages, load_config, open_run

    values = {"data.source": str(data / "set"), **SETTINGS, "seeds": [seed]}
    values["fusions"] = json.loads(json.dumps(values["fusions"]).replace(".s0", f".s{seed}"))
    Study(
        load_config("quickstart", [f"{key}={json.dumps(value)}" for key, value in values.items()]), place / "run"
    ).run()
    add_passages(place / "run", data / "more/corpus.jsonl")
    run = open_run(place / "run")
    run.search("history of philosophy", top=3)
    delete_passages(place / "run", [run.passages.record(len(run.passages) - 1).id])


def _held(folder: str) -> tuple[float, int, int, int]:
    """Resident MB, open files, mapped files of the studies, and threads."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    maps = Path("/proc/self/maps").read_text().count(folder)
    return (
        int(status["VmRSS"].split()[0]) / 1024,
        len(list(Path("/proc/self/fd").iterdir())),
        maps,
        threading.active_count(),
    )


def _in_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    main()
