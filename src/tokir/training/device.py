"""Where a model is trained and embeds, and in which arithmetic."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokir.config import Precision


def resolve_device(device: str) -> torch.device:
    """``auto`` is CUDA, then MPS, then the CPU; TokirError when the device asked for is not there.

    CUDA computes as the CPU does from then on: to the same bits each time, and fp32 is not rounded to TF32.
    """
    found = _find(device)
    if found.type == "cuda":
        _repeatably()
    return found


def _repeatably() -> None:
    # cuBLAS reads it when it is first used; with another workspace, cuDNN's LSTM gives other bits each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory that it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if hasattr(torch.backends.cudnn, "rnn"):  # torch 2.9
        torch.backends.cudnn.rnn.fp32_precision = "ieee"  # type: ignore[attr-defined]
    else:
        torch.backends.cudnn.allow_tf32 = False


def _find(device: str) -> torch.device:
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
