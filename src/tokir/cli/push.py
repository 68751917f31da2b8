"""``tokir push``: the passages and vectors of a run, in a vector database."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tokir.cli.options import Quiet, Run
from tokir.cli.terminal import TerminalProgress, echo
from tokir.errors import TokirError, interrupted

TOKEN = "MILVUS_TOKEN"


def push(
    folder: Run,
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM", help="A system of the run with exact search over one vector per passage."
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="A folder PATH.db, or http://HOST:19530.")],
    collection: Annotated[
        str, typer.Option("--collection", help="The name of the collection; created if it does not exist.")
    ],
    index: Annotated[
        str | None,
        typer.Option(
            "--index",
            help="The index of a new collection: exact or hnsw.",
            show_default="exact in a folder, else hnsw",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a Milvus collection match the passages of a run: ids, titles, texts and vectors.

    Only what differs is sent, so the same command continues after a stop, and brings the collection up to date after
    `tokir add` and `tokir delete`. Then the run's queries are sent to the database, and the share of exact
    search's passages that it finds is printed. A key for the server is read from the environment: MILVUS_TOKEN.

    Example: tokir push runs/best-wiki minilm --to passages.db --collection wiki
    """
    from tokir.progress import Silent
    from tokir.run import open_run

    for option, value in (("to", to), ("collection", collection)):
        if not value.strip():
            raise TokirError(f"--{option} is empty: see `tokir push --help`")
    progress = Silent() if quiet else TerminalProgress()
    try:
        made = open_run(folder).push(
            system, to, collection, index=index, token=os.environ.get(TOKEN, ""), progress=progress
        )
    except KeyboardInterrupt as stop:
        raise interrupted(stop, "stopped; what was sent is kept, and the same command sends the rest") from None
    finally:
        progress.close()
    if made.shortened:
        echo(f"note: {made.shortened:,} passages are longer than a field of Milvus, and lack their end", err=True)
    echo(
        f"{to}, collection {collection}: {made.passages:,} passages ({made.sent:,} sent, {made.deleted:,} deleted); "
        f"recall@10 against exact search {made.recall:.3f} over {made.queries:,} queries"
    )
