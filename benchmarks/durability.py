"""What it costs that files are whole, checked and on the disk: the writing of a finished run, done again.

    python benchmarks/durability.py runs/best-wiki

Every file of the run is written and recorded once more, as the study did, and so is the state of each training, every
15 seconds of it. Once as it is, once without bringing anything to the disk and without hashes; rounds alternate. The
difference is the cost, and is held against the time from the run's first file to its last; choose a run that was made
without a break.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tokir.artifacts import RunFolder, atomic, durable, manifest
from tokir.artifacts.durable import Step
from tokir.training.loop import SECONDS_BETWEEN_SAVES

ROUNDS = 5


def main() -> None:
    """Print the cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run")
    run = RunFolder.open(parser.parse_args().run)
    lines = (run.path / "manifest.jsonl").read_text().splitlines()
    entries = [manifest.from_line(line) for line in lines]
    took = (run.path / "results.json").stat().st_mtime - (run.path / "study.yaml").stat().st_mtime
    saves = {
        entry.path: int(entry.seconds / SECONDS_BETWEEN_SAVES)
        for entry in entries
        if entry.path.endswith("best.safetensors")
    }
    contents = {entry.path: (run.path / entry.path).read_bytes() for entry in entries}
    times: dict[str, list[float]] = {"durable": [], "bare": []}
    steps: Counter[str] = Counter()

    def count(step: Step) -> Any:
        steps[step.kind] += 1
        return step.do()

    for _ in range(ROUNDS):
        with durable.watched(count):
            times["durable"].append(written(contents, saves))
        skipping = durable.watched(lambda step: None if step.kind.startswith("sync") else step.do())
        with skipping, patch.object(manifest, "file_digest", lambda path: ""):
            times["bare"].append(written(contents, saves, hashed=False))
    whole, bare = (statistics.median(values) for values in times.values())
    print(f"{len(contents)} files, {sum(map(len, contents.values())) / 1e6:.0f} MB, {sum(saves.values())} states")
    print(", ".join(f"{count // ROUNDS} x {kind}" for kind, count in steps.most_common()))
    print(f"written in {whole:.2f} s, in {bare:.2f} s without syncs and hashes: {whole - bare:.2f} s")
    print(f"making the run took {took:.0f} s: {(whole - bare) / took:.2%}")


def written(contents: dict[str, bytes], saves: dict[str, int], hashed: bool = True) -> float:
    """Seconds that writing all files into a new folder takes, with the states of the trainings."""
    import hashlib

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        folder, start = RunFolder(Path(place) / "run"), time.perf_counter()
        for name, data in contents.items():
            for _ in range(saves.get(name, 0)):  # weights, the best ones, and Adam's two moments
                if hashed:
                    hashlib.sha256(4 * data).digest()
                write(folder.file("state"), 4 * data)
            folder.ensure([name], name, lambda name=name, data=data: write(folder.file(name), data))  # type: ignore[misc]
        return time.perf_counter() - start


def write(path: Path, data: bytes) -> None:
    """A file of these bytes."""
    with atomic(path, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
