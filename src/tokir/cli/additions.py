"""``tokir add`` and ``tokir delete``: the passages of a finished run, changed without training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokir.cli.options import Device, Download, Quiet, Run, path
from tokir.cli.terminal import echo
from tokir.errors import interrupted

if TYPE_CHECKING:
    from tokir.additions.state import Additions
    from tokir.progress import Progress

Partial = Annotated[
    bool, typer.Option("--partial", help="Continue without systems whose index cannot be rebuilt on this machine.")
]


def add(
    folder: Run,
    documents: Annotated[
        Path | None,
        typer.Argument(help="A JSONL/CSV/TSV/Parquet file, a BEIR folder or a zip.", parser=path),
    ] = None,
    partial: Partial = False,
    device: Device = "auto",
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Add passages to a finished run; a document whose id already exists replaces that passage.

    Passages are encoded and indexed with the existing models; nothing is trained, and the study's own results stay as
    they are. Without a file, systems that lack what was added before are brought up to date.

    Example: tokir add runs/best-my-corpus new-documents.jsonl
    """
    from tokir.additions.transaction import add_passages

    with _listening(quiet) as progress:
        made = add_passages(
            folder, documents, partial=partial, device=device, download=download, progress=progress
        )
    _show(folder, made)


def delete(
    folder: Run,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of passages.")],
    partial: Partial = False,
    quiet: Quiet = False,
) -> None:
    """Delete passages from a finished run by their ids; if one id is unknown, none is deleted.

    Example: tokir delete runs/best-my-corpus d17 d18
    """
    from tokir.additions.transaction import delete_passages

    with _listening(quiet) as progress:
        made = delete_passages(folder, ids, partial=partial, progress=progress)
    _show(folder, made)


@contextmanager
def _listening(quiet: bool) -> Iterator[Progress]:
    from tokir.cli.terminal import TerminalProgress
    from tokir.progress import Silent

    progress = Silent() if quiet else TerminalProgress()
    try:
        yield progress
    except KeyboardInterrupt as stop:
        said = "stopped; the run is as it was, or as it should become, never in between"
        raise interrupted(stop, said) from None
    finally:
        progress.close()


def _show(folder: Path, made: Additions) -> None:
    for system, reason in made.unavailable.items():
        echo(f"{system}: unavailable: {reason}", err=True)
    echo(f"{folder}: {made.sentence}")
