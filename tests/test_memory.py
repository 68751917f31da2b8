import sys
from pathlib import Path

import pytest
import torch

from tokir.memory import kept_memory

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="GNU's allocator alone is told")

LARGE = 1 << 26  # bytes: GNU's allocator returns such a block as soon as it is freed
MANY = 20


def write_and_free() -> None:
    for _ in range(MANY):
        torch.empty(LARGE, dtype=torch.uint8).fill_(1)


def handed_out() -> int:
    """Bytes that this process has had of the system."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt * resource.getpagesize()


def held() -> int:
    """Bytes that this process has of it now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_freed_memory_is_kept_for_a_while_and_then_returned():
    with kept_memory():
        write_and_free()  # meanwhile small blocks come to lie between the large ones
        before, most = handed_out(), held()
        write_and_free()
        assert handed_out() - before < MANY * LARGE / 2
    assert held() <= most - LARGE / 2


def test_memory_is_returned_after_a_failure():
    with pytest.raises(ValueError, match="stop"), kept_memory():
        write_and_free()
        most = held()
        raise ValueError("stop")
    assert held() <= most - LARGE / 2
