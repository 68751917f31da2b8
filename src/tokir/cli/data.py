"""``tokir data``: the data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokir.cli.options import Download, path
from tokir.cli.terminal import echo

app = typer.Typer(help="The data sets: what is here, what is in them, and building one.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the built-in data sets on this machine, and how to get the others."""
    from tokir.data import names

    for entry in names():
        echo(f"{entry.name:<10} ", bold=True, nl=False)
        echo(entry.description)
        echo(" " * 11 + ("here" if entry.available else f"not here: {entry.remedy}"))
    echo("Also: a BEIR folder or zip, a JSONL/CSV/TSV/Parquet file, ir_datasets:ID, hf:ID")


@app.command()
def show(
    source: Annotated[str, typer.Argument(help="A built-in name, a folder, a file, or an id.")] = "wiki",
    download: Download = False,
) -> None:
    """Show counts, sizes, notes, and three example queries with a relevant passage.

    Example: tokir data show wiki
    """
    from tokir.data import load
    from tokir.data.summary import summarize

    echo(summarize(load(source, unknown_documents="drop", download=download)))


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="`nq-subset`.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="The BEIR folder or zip of Natural Questions.", show_default="where `nq` is stored"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder to write.", show_default="the cache", parser=path),
    ] = None,
    passages: Annotated[int, typer.Option("--passages", min=1, help="How many passages.")] = 7247,
    queries: Annotated[int, typer.Option("--queries", min=1, help="How many queries.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The seed that draws the queries.")] = 0,
    download: Download = False,
) -> None:
    """Build `nq-subset`, a corpus of the reference set-up's size, out of BEIR's Natural Questions.

    Example: tokir data build nq-subset --from nq.zip
    """
    from tokir import data

    made = data.build(name, source, out, passages=passages, queries=queries, seed=seed, download=download)
    echo(f"Built: {made}")
