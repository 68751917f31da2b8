"""What this machine can do at most, and what it is: printed beside every table of ratios."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

SIDE, ROUNDS = 2_048, 5
BYTES = 1 << 28


def matrix_rate() -> float:
    """Multiplications and additions of float32 a second in a product of large matrices, in 10^9; the best of a few."""
    a = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    return 2 * SIDE**3 / _best(lambda: a @ a) / 1e9


def torch_matrix_rate(device: str, precision: str) -> float:
    """Like :func:`matrix_rate`, by torch: on a device, in fp32 or bf16."""
    import torch

    side = SIDE if device == "cpu" else 4 * SIDE
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)

    def product() -> None:
        a @ a
        if device != "cpu":
            torch.cuda.synchronize()

    return 2 * side**3 / _best(product) / 1e9


def bandwidth() -> float:
    """Bytes a second that go through memory when a large array is copied, read and written, in 10^9."""
    source = np.ones(BYTES // 4, dtype=np.float32)
    target = np.empty_like(source)
    return 2 * BYTES / _best(lambda: np.copyto(target, source)) / 1e9


def facts() -> dict[str, Any]:
    """Processor, memory and versions, as results of a study record them."""
    from tokir.environment import environment

    return environment()


def _best(work: Any) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
