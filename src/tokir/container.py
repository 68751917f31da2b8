"""What a container allows this process: memory, and time of processors.

Docker, Kubernetes, systemd and Slurm set both by Linux's control groups, version 1 or 2; the system still shows the
whole machine's memory and cores. Elsewhere nothing is limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_limit(groups: Path = GROUPS, own: Path = OWN) -> int | None:
    """Bytes that this process and those beside it in the container may use; None without a limit."""
    found = []
    for folder in _folders("memory", groups, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # there is no such file, or it says "max"
                found.append(int((folder / name).read_text()))
    return min(found, default=None)


def processor_limit(groups: Path = GROUPS, own: Path = OWN) -> float | None:
    """Processors whose whole time they may use, 1.5 for example; None without a limit."""
    found = []
    for folder in _folders("cpu", groups, own):
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            with suppress(OSError, ValueError):
                quota, period = " ".join((folder / name).read_text() for name in names).split()
                if int(quota) > 0:  # version 1 says -1 where there is none
                    found.append(int(quota) / int(period))
    return min(found, default=None)


def _folders(controller: str, groups: Path, own: Path) -> Iterator[Path]:
    """Those of the process's groups, each of which limits it; inside a container, its own group is the root."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                inside = PurePosixPath(path.lstrip("/"))
                for part in (inside, *inside.parents):
                    yield groups / (controller if controllers else "") / part
