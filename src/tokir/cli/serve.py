"""``tokir serve``: a run behind an address."""

from __future__ import annotations

from typing import Annotated

import typer

from tokir.cli.options import Run
from tokir.cli.terminal import echo
from tokir.errors import TokirError


def serve(
    folder: Run,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="The address to listen on; 0.0.0.0 lets other machines in, without a password."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any that is free.")
    ] = 8000,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that answer.")] = 1,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit", metavar="NAME=N", help="Change a limit on requests, such as texts=100. Repeatable."
        ),
    ] = None,
) -> None:
    """Serve a run: embeddings in the format of OpenAI's API, search, and a page to search from.

    The run is only read. Ctrl-C or SIGTERM stops the server once running requests have finished.

    Example: tokir serve runs/quickstart-wiki --port 8000
    """
    from tokir.run import open_run
    from tokir.serve.limits import read_limits
    from tokir.serve.process import is_loopback, serve
    from tokir.threads import compute_alone

    if not host.strip():
        raise TokirError("--host is empty: name an address, or leave it out for this machine alone")
    limits = read_limits(limit or [])
    compute_alone()  # before the libraries that compute are loaded
    notes = list(open_run(folder).notes)
    if not is_loopback(host):
        notes.append(f"whoever reaches {host} can read the passages: no password is asked for")

    def say(address: str) -> None:
        for note in notes:
            echo(f"note: {note}", err=True)
        echo(f"{folder} is served at {address} (Ctrl-C stops it)", err=True)

    serve(folder, host, port, workers, limits, say)
