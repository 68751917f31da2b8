"""Latency of one query at a time, on one thread, after warm-up: tokenize, encode, search the ten best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tokir.threads import computing_on

WARM_UP = 10  # queries answered before the clock counts


def measure_latency(
    queries: Sequence[str], stages: dict[str, Callable[[Any], Any]]
) -> dict[str, dict[str, float]]:
    """Milliseconds per query of each stage and of their sum, ``total``: mean, p50 and p95.

    Args:
        queries: texts; each is one measurement.
        stages: name to function, in order; the first gets the query, each further one what came before it.
    """
    times: dict[str, list[float]] = {name: [] for name in stages}
    with computing_on(1):
        for number, query in enumerate([*queries[:WARM_UP], *queries]):
            value: Any = query
            for name, stage in stages.items():
                start = time.perf_counter_ns()
                value = stage(value)
                if number >= min(WARM_UP, len(queries)):
                    times[name].append((time.perf_counter_ns() - start) / 1e6)
    times["total"] = np.sum(list(times.values()), axis=0).tolist()
    return {
        name: {
            "mean": float(np.mean(values)),
            "p50": float(np.percentile(values, 50)),
            "p95": float(np.percentile(values, 95)),
        }
        for name, values in times.items()
    }
