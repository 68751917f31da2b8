"""A spread of the crash points that ``benchmarks/crash_points.py`` enumerates, on the same tiny study."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "crash_points.py"
EVERY = 67  # steps; a prime, so that all kinds are met


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_whatever_stops_a_study_the_same_command_gives_the_same_files():
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--every", str(EVERY)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    steps, cases = map(int, re.search(r"(\d+) steps, (\d+) cases", done.stdout).groups())
    assert steps > 400 and cases >= 3 * (steps // EVERY)
