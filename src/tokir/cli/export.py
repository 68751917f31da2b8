"""``tokir export``: the model of a system, in the folder of another library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokir.cli.options import Run, path
from tokir.cli.terminal import echo
from tokir.export.registry import EXPORTS

Form = Annotated[str, typer.Option("--to", metavar="FORM", help=f"{', '.join(EXPORTS)}.")]


def export(
    folder: Run,
    system: Annotated[
        str, typer.Argument(metavar="SYSTEM", help="The id of a system of the run, as `tokir search` prints it.")
    ],
    to: Form,
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.", parser=path)],
) -> None:
    """Write a system's model in another library's format, where it gives the same vectors.

    The folder appears whole or not at all, with a model card. An earlier export in it is replaced; a folder that holds
    other files is refused.

    Example: tokir export runs/best-wiki bpe-8k-lower-space.static.query-distillation+queries.learned.s0 --to onnx model
    """
    from tokir.run import open_run

    open_run(folder).export(system, to, out)
    echo(f"Export: {out}")
