"""Where a model is trained and embeds, and in which arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokir.config import Precision


def resolve_device(device: str) -> torch.device:
    """``auto`` is CUDA, then MPS, then the CPU; TokirError when the device asked for is not there."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if present[name]))
    if not present[device]:
        there = " and ".join(name for name, here in present.items() if here)
        raise TokirError(f"--device {device}: there is none on this machine, only {there}; leave --device out")
    return torch.device(device)


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """``auto`` is bf16 where the processor computes in it (on others it is emulated, and slower), else fp32.

    Raises:
        TokirError: bf16 was asked for, and this processor cannot even emulate it.
    """
    if precision == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise TokirError("precision is bf16, which this processor cannot compute in: set it to auto or fp32")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16" if device.type == "cpu" and native() else "fp32"
