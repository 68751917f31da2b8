"""Memory that a program gives back and soon asks for again.

GNU's allocator returns large blocks to the system at once, and the system hands out zeroed pages one by one as they are
first written to. The activations and gradients of a training step are such blocks, the same ones in every step: a
convolution spends almost half of its time on their pages, an LSTM that is trained to retrieve a fifth. Kept, they cost
some memory, and change no result.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt(3), and what they are by default once a program has used large blocks.
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
USUAL = {MMAP_MAX: 1 << 16, MMAP_THRESHOLD: 1 << 25, TRIM_THRESHOLD: 1 << 26}
KEPT = {MMAP_MAX: 0, TRIM_THRESHOLD: (1 << 31) - 1}


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let freed memory stay with this process for a while; only GNU's allocator, that of Linux, is told so."""
    if sys.platform != "linux" or not hasattr(library := ctypes.CDLL(None), "mallopt"):  # musl has none
        yield
        return
    for parameter, value in KEPT.items():
        library.mallopt(parameter, value)
    try:
        yield
    finally:
        for parameter, value in USUAL.items():
            library.mallopt(parameter, value)
        library.malloc_trim(0)
