"""What it costs that waiting threads sleep, alone and beside another process that keeps a core busy.

    python benchmarks/waiting.py

Each line is one kind of training, in seconds a step, under each way in which the threads of OpenMP may wait: as the
library does by itself (they spin for a while), after a short spin (what `import tokir` asks for), and without any
(``OMP_WAIT_POLICY=PASSIVE``). Every figure is the best of a few processes; the last columns are ratios to the library's
own way, alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

WAYS = {"as the library": {}, "short spin": {"GOMP_SPINCOUNT": "1000"}, "passive": {"OMP_WAIT_POLICY": "PASSIVE"}}
# By the names of kinds.py, how many steps are timed.
STEPS = {"static": 60, "LSTM language model": 12, "Transformer language model": 8}
TIMED = """
import sys, time
sys.path.insert(0, sys.argv[3])
from kinds import KINDS, prepared

kind, steps = sys.argv[1], int(sys.argv[2])
objective, build = prepared(*KINDS[kind])
import torch

torch.manual_seed(0)
model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
model.train()
for number, batch in enumerate([*objective.batches(0, 0), *objective.batches(0, 1)] * 4):
    if number == 3:
        start = time.perf_counter()
    if number == steps + 3:
        break
    optimizer.zero_grad(set_to_none=True)
    objective.loss(model, batch).backward()
    optimizer.step()
print((time.perf_counter() - start) / steps)
"""
BUSY = "while True: pass"


def seconds(kind: str, way: dict[str, str]) -> float:
    """Of a step, in a process of its own."""
    clean = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    # Without a setting `import tokir` would make one; this value is the library's own default.
    environment = {**clean, **(way or {"OMP_WAIT_POLICY": ""})}
    words = [sys.executable, "-c", TIMED, kind, str(STEPS[kind]), str(Path(__file__).parent)]
    return float(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="processes, of which the best counts")
    rounds = parser.parse_args().rounds
    print(f"{'training':26} {'threads wait':16} {'alone':>9} {'busy':>9} {'alone':>7} {'busy':>7}")
    for kind in STEPS:
        base = 0.0
        for name, way in WAYS.items():
            alone = min(seconds(kind, way) for _ in range(rounds))
            other = subprocess.Popen([sys.executable, "-c", BUSY])
            try:
                busy = min(seconds(kind, way) for _ in range(1 if not way else rounds))
            finally:
                other.kill()
            base = base or alone
            print(
                f"{kind:26} {name:16} {alone:9.4f} {busy:9.4f} {alone / base:7.2f} {busy / base:7.2f}", flush=True
            )


if __name__ == "__main__":
    main()
