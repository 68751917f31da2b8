"""How many threads compute, and that those that wait soon sleep.

OpenMP's threads, those of torch, spin at the end of a parallel loop in case the next one comes at once: by default for
milliseconds. On a machine where anything else wants a core, each of them then spins through the time slice of the one
it waits for, and a training becomes ten to twenty times slower. Without any spinning every loop wakes its threads, and
a second one brings nothing. Some microseconds are enough for the next loop of a network to come. The library reads its
environment once, when it is loaded, so this is done when the package is imported; processes that are started from here
inherit it.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from tokir.container import processor_limit

# What a user may have set; any of them decides alone.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

# What says how many threads compute: OpenMP's, and the libraries of linear algebra.
COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

# The number of threads as it was set here, so that nobody takes it for what a user has said.
OF_QUOTA = "TOKIR_THREADS_OF_QUOTA"

# A short spin for GNU's OpenMP, that of torch on Linux; others know the policy alone.
SHORTLY = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}


def wait_shortly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let waiting threads soon sleep, unless the user has said how they wait; of use before torch is loaded."""
    if not any(name in environment for name in WAITING):
        environment.update(SHORTLY)


def keep_to_quota(environment: MutableMapping[str, str] = os.environ, quota: float | None = None) -> None:
    """Compute on no more threads than a container has processors for, unless the user has said on how many.

    Args:
        environment: is changed; of use before torch is loaded.
        quota: processors; otherwise, those that this container allows.
    """
    if "OMP_NUM_THREADS" in environment:  # as in every process that is started from here: nothing to look up
        return
    quota = processor_limit() if quota is None else quota
    if quota is not None and quota < cores():
        environment["OMP_NUM_THREADS"] = environment[OF_QUOTA] = str(math.ceil(quota))


def compute_alone(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let the libraries that are loaded from now on compute on one thread, unless the user has said on how many."""
    if OF_QUOTA in environment and environment.get("OMP_NUM_THREADS") == environment.pop(OF_QUOTA):
        del environment["OMP_NUM_THREADS"]
    for name in COUNTS:
        environment.setdefault(name, environment.get("OMP_NUM_THREADS", "1"))


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def computing(environment: MutableMapping[str, str] = os.environ) -> int:
    """Threads to compute on: torch's where it is loaded, else what the environment says, else one for each core."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    said = environment.get("OMP_NUM_THREADS", "").partition(",")[0]
    if said.isdecimal() and int(said):
        return int(said)
    return cores()


def training_threads(static: bool, cores: int) -> int:
    """On how many threads a model is trained, unless the user has said it.

    A static model on one: its operations are so short that threads cost more in waiting for each other than they save.
    """
    return 1 if static else cores


_changed = threading.RLock()


@contextmanager
def computing_on(threads: int) -> Iterator[None]:
    """Let torch and the libraries of linear algebra compute on so many threads for a while.

    That belongs to the process: whoever else asks for it meanwhile, on another thread, waits.
    """
    import torch
    from threadpoolctl import threadpool_limits

    with _changed:
        before = torch.get_num_threads()
        with threadpool_limits(threads):
            torch.set_num_threads(threads)
            try:
                yield
            finally:
                torch.set_num_threads(before)
