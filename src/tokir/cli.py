"""The commands: read the words, call the library, print what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from tokir import __version__
from tokir.errors import Interrupted, TokirError
from tokir.terminal import TerminalProgress, edge

if TYPE_CHECKING:
    from tokir.config import StudyConfig
    from tokir.study import Study

app = typer.Typer(
    name="tokir",
    help="Which tokenizer, architecture and training objective should a small retrieval model use?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="The data sets: what is here, what is in them, and building one.", no_args_is_help=True
)
app.add_typer(data_app, name="data")
tokenizers_app = typer.Typer(help="Tokenizers alone, without any model.", no_args_is_help=True)
app.add_typer(tokenizers_app, name="tokenizers")

Preset = Annotated[
    str, typer.Argument(metavar="[PRESET or FILE.yaml]", help="A preset (`quickstart`, `best`, ...) or a file.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quickstart-wiki.")]
Data = Annotated[
    Optional[str],  # noqa: UP045 - typer reads annotations at run time on Python 3.10
    typer.Option(
        "--data",
        help="A built-in data set, a BEIR folder or zip, a JSONL/CSV/Parquet file, hf:ID, ir_datasets:ID.",
    ),
]
Out = Annotated[Optional[Path], typer.Option("--out", help="The run folder.", show_default="runs/NAME-DATASET")]  # noqa: UP045
Sets = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting, for example training.epochs=3. Repeatable."
    ),
]
Queries = Annotated[Optional[int], typer.Option("--queries", help="Evaluate on this many queries, drawn by seed.")]  # noqa: UP045
SplitName = Annotated[Optional[str], typer.Option("--split", help="Evaluate on train, dev or test.")]  # noqa: UP045
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Threads = Annotated[Optional[int], typer.Option("--threads", min=1, help="Threads to compute with.")]  # noqa: UP045
Download = Annotated[
    bool, typer.Option("--download", help="Fetch the models and data named, where they are not here.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def main() -> None:
    """Entry point of the ``tokir`` command."""
    with edge():
        app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tokir {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass


def _config(
    preset: str, data: str | None, sets: list[str] | None, queries: int | None, split: str | None
) -> StudyConfig:
    from tokir.config import load_config

    if data is not None and Path(data).expanduser().exists():
        data = str(Path(data).expanduser().resolve())  # a run goes on from any folder
    named = {"data.source": data, "data.queries": queries, "data.split": split}
    overrides = [f"{key}={_quoted(value)}" for key, value in named.items() if value is not None]
    return load_config(preset, overrides + (sets or []))


def _quoted(value: Any) -> str:
    import json

    return json.dumps(value)  # JSON strings are YAML strings, whatever characters a path holds


def _study(
    config: StudyConfig, out: Path | None, device: str, threads: int | None, download: bool, quiet: bool
) -> Study:
    from tokir.config import DEVICES
    from tokir.errors import nearest
    from tokir.study import Machine, Study

    if device not in DEVICES:
        raise TokirError(f"--device {device}{nearest(device, DEVICES)}: allowed are {', '.join(DEVICES)}")
    return Study(config, out, Machine(device, threads, download), None if quiet else TerminalProgress())


def _finish(study: Study, step: str, quiet: bool, **arguments: Any) -> Any:
    """Do one step of a study; a stop by Ctrl-C leaves everything finished in place."""
    try:
        value = getattr(study, step)(**arguments)
    except KeyboardInterrupt:
        raise Interrupted("stopped; finished work is kept, and the same command goes on") from None
    finally:
        study.progress.close()
    if not quiet:
        typer.echo(f"{study.folder.path}: done", err=True)
    return value


@app.command()
def run(
    preset: Preset = "quickstart",
    data: Data = None,
    out: Out = None,
    sets: Sets = None,
    queries: Queries = None,
    split: SplitName = None,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Run a study from data to report, or go on with one that was stopped.

    Examples:
        tokir run

        tokir run reference --data my-corpus/ --out runs/mine

        tokir run quickstart --set training.epochs=4 --set seeds=[0,1]
    """
    study = _study(_config(preset, data, sets, queries, split), out, device, threads, download, quiet)
    results = _finish(study, "run", quiet)
    if results is None:
        typer.echo("No judged queries, so there is nothing to score; the systems are ready to be asked:")
        typer.echo(f'tokir search {study.folder.path} "your query"')
        return
    _print_table(results)
    typer.echo(f"Report: {study.folder.path / 'report.html'}")


@app.command()
def train(
    preset: Preset = "quickstart",
    data: Data = None,
    out: Out = None,
    sets: Sets = None,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Train the tokenizers and models of a study; documents without queries are enough.

    Example: tokir train reference --data documents.jsonl --set architectures=[lstm]
    """
    study = _study(_config(preset, data, sets, None, None), out, device, threads, download, quiet)
    _finish(study, "train", quiet)
    typer.echo(f"Models: {study.folder.path / 'models'}")


@app.command()
def embed(
    folder: Run,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Embed the corpus of a run with every system in it, training what is missing.

    Example: tokir embed runs/quickstart-wiki
    """
    study = _reopen(folder, device, threads, download, quiet)
    _finish(study, "embed", quiet)
    typer.echo(f"Embeddings: {study.folder.path / 'embeddings'}")


@app.command()
def evaluate(
    folder: Run,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Rank, score and time every system of a run, making what is missing; latency is measured anew.

    Example: tokir evaluate runs/quickstart-wiki --threads 1
    """
    study = _reopen(folder, device, threads, download, quiet)
    _print_table(_finish(study, "evaluate", quiet, again=True))
    report(folder)


def _reopen(folder: Path, device: str, threads: int | None, download: bool, quiet: bool) -> Study:
    from tokir.artifacts import RunFolder

    return _study(RunFolder.open(folder).config(), folder, device, threads, download, quiet)


@app.command()
def report(folder: Run) -> None:
    """Write report.html, report.md and results.csv again from the results of a run.

    Example: tokir report runs/quickstart-wiki
    """
    from tokir.artifacts import RunFolder
    from tokir.report import write_report

    typer.echo(f"Report: {write_report(RunFolder.open(folder))}")


@app.command()
def search(
    folder: Run,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    top: Annotated[int, typer.Option("--top", "-k", min=1, max=100, help="Passages of each system.")] = 3,
    system: Annotated[Optional[list[str]], typer.Option("--system", help="Only this one. Repeatable.")] = None,  # noqa: UP045
) -> None:
    """Show what each system of a run finds for a query, and how each tokenizer cuts it.

    Example: tokir search runs/quickstart-wiki "who painted the ceiling of the chapel"
    """
    from tokir.search import search_run

    answer = search_run(folder, query, top, system or [])
    for tokenizer, pieces in answer.pieces.items():
        typer.secho(f"{tokenizer}: ", bold=True, nl=False)
        typer.echo("|".join(pieces) + f"  ({len(pieces)} tokens)")
    for name, hits in answer.hits.items():
        typer.secho(f"\n{name}", bold=True)
        if isinstance(hits, str):
            typer.echo(f"  unavailable: {hits}")
            continue
        for rank, hit in enumerate(hits, start=1):
            typer.echo(f"  {rank}. {hit.score:.4f}  {hit.title or hit.id}")
            typer.echo(f"     {_shorten(hit.text, 160)}")
        if not hits:
            typer.echo("  nothing")


def _shorten(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + "…"


@data_app.command("list")
def data_list() -> None:
    """Which built-in data sets are on this machine, and how to get the others."""
    from tokir.data import names

    for entry in names():
        typer.secho(f"{entry.name:<10} ", bold=True, nl=False)
        typer.echo(entry.description)
        typer.echo(" " * 11 + ("here" if entry.available else f"not here: {entry.remedy}"))
    typer.echo("Also: a BEIR folder or zip, a JSONL/CSV/TSV/Parquet file, ir_datasets:ID, hf:ID")


@data_app.command("show")
def data_show(
    source: Annotated[str, typer.Argument(help="A built-in name, a folder, a file, or an id.")] = "wiki",
    download: Download = False,
) -> None:
    """Counts, sizes, and three example queries with a relevant passage.

    Example: tokir data show wiki
    """
    from tokir.data import load
    from tokir.data.summary import summarize

    typer.echo(summarize(load(source, download=download)))


@data_app.command("build")
def data_build(
    name: Annotated[str, typer.Argument(help="`nq-subset`.")],
    source: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--from", help="The BEIR folder or zip of Natural Questions.", show_default="where `nq` lies"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write.", show_default="the cache")
    ] = None,
    passages: Annotated[int, typer.Option("--passages", min=1)] = 7247,
    queries: Annotated[int, typer.Option("--queries", min=1)] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the queries.")] = 0,
    download: Download = False,
) -> None:
    """Build the reference corpus out of BEIR's Natural Questions.

    Example: tokir data build nq-subset --from nq.zip
    """
    from tokir.data import build

    made = build(name, source, out, passages=passages, queries=queries, seed=seed, download=download)
    typer.echo(f"Built: {made}")


@tokenizers_app.command("compare")
def tokenizers_compare(
    preset: Annotated[
        str, typer.Argument(metavar="[PRESET or FILE.yaml]", help="Whose tokenizers: a preset or a file.")
    ] = "tokenizers",
    data: Data = None,
    out: Out = None,
    sets: Sets = None,
    file: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--file", help="Also a tokenizer of your own: tokenizer.json or .model. Repeatable."),
    ] = None,
    word: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--word", help="Also show how this text is cut. Repeatable."),
    ] = None,
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Train tokenizers on a corpus and compare them alone: fertility, vocabulary use, Rényi efficiency, speed.

    Example: tokir tokenizers compare --data my-corpus/ --file bert/tokenizer.json --word "naïve Bayes"
    """
    config = _config(preset, data, sets, None, None)
    if file:
        from tokir.config import check_config

        values = config.model_dump(mode="json")
        values["tokenizers"] += [{"type": "file", "file": str(Path(name).expanduser().resolve())} for name in file]
        config = check_config(values, "--file")
    study = _study(config, out, "cpu", None, download, quiet)
    comparison = _finish(study, "compare_tokenizers", quiet, words=word or [])
    _print_tokenizers(comparison)
    typer.echo(f"Comparison: {study.folder.path / 'tokenizers.html'}")


@app.command()
def doctor() -> None:
    """What is on this machine, what is missing and how to get it."""
    from tokir.doctor import examine

    for check in examine():
        typer.secho("ok   " if check.ok else "miss ", fg="green" if check.ok else "yellow", nl=False)
        typer.echo(f"{check.name:<12} {check.detail}")


def _print_tokenizers(comparison: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from tokir.report.comparison import table

    headings, lines = table(comparison)
    printed = Table(box=None, pad_edge=False)
    for place, words in enumerate(headings):
        printed.add_column(words, justify="right" if place else "left", overflow="fold")
    for line in lines:
        printed.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 150).print(printed)


def _print_table(results: dict[str, Any]) -> None:
    from rich.console import Console

    from tokir.report import terminal_table

    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(terminal_table(results))


if __name__ == "__main__":
    main()
