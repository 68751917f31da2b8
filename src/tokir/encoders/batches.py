"""Batches that torch computes: how large they are, and on a processor each of them on a thread of its own.

Threads that share a batch wait for each other in every layer. Where launching an operation costs more than memory does,
batches are larger, and come one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from tokir.threads import computing_on

TOKENS = {"cpu": 2048}  # padded: the states of as many stay in the caches
MOST_TOKENS = 8192  # the same on other devices
AT_ONCE = 16  # batches, on a processor; bounds memory

Batch = TypeVar("Batch")


def tokens_per_batch(device: str) -> int:
    """Padded, on a kind of device: cpu, cuda or mps."""
    return TOKENS.get(device, MOST_TOKENS)


def computed(
    compute: Callable[[Batch], NDArray[np.float32]], batches: Sequence[Batch], device: str
) -> list[NDArray[np.float32]]:
    """What ``compute`` gives for each batch, on a kind of device, in the precision that torch is told here."""
    if device != "cpu" or len(batches) < 2:
        return list(map(compute, batches))
    half, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)

    def alone(batch: Batch) -> NDArray[np.float32]:
        with torch.autocast(device, dtype, enabled=half):  # which each thread has for itself
            return compute(batch)

    with ThreadPoolExecutor(min(torch.get_num_threads(), AT_ONCE)) as pool, computing_on(1):
        return list(pool.map(alone, batches))
