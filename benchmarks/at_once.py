"""The static models of a study, one on each core, beside the same models one after the other.

    python benchmarks/at_once.py [--models N]

Trains the static models of `quickstart` over BPE, with as many seeds as models are asked for (two for each core), in
two runs of `tokir train`: as it does by itself, and with `--threads 1`. Weights are compared byte by byte. Seconds are
those of the whole command, reading the data and training the tokenizer included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from ratios import of_times, report, seconds


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2 * torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = seconds(lambda: train(folder / "one by one", asked.models, "--threads", "1"))
        ours = seconds(lambda: train(folder / "at once", asked.models))
        if weights(folder / "one by one") != weights(folder / "at once"):
            raise SystemExit("the weights differ")
    path = f"training {asked.models} static models"
    report([of_times(path, "one after the other", ours, theirs, "s")], asked.json)


def train(run: Path, models: int, *more: str) -> None:
    """One run."""
    sets = [
        "tokenizers=[{type: bpe, vocabulary_size: 2000}]", "architectures=[static]", f"seeds={list(range(models))}"
    ]  # fmt: skip
    words = [word for value in sets for word in ("--set", value)]
    command = [sys.executable, "-m", "tokir", "train", "quickstart", "--out", str(run), "--quiet", *words, *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def weights(run: Path) -> list[bytes]:
    """Of all models."""
    return [path.read_bytes() for path in sorted(run.rglob("best.safetensors"))]


if __name__ == "__main__":
    main()
