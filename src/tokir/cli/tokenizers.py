"""``tokir tokenizers``: tokenizers alone, without any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokir.cli.options import Data, Download, Out, Quiet, Sets, finish, make_study, read_config
from tokir.cli.terminal import echo, print_table
from tokir.untrusted import expanded, printable

if TYPE_CHECKING:
    from tokir.config import StudyConfig
    from tokir.results.records import TokenizerComparison

app = typer.Typer(help="Tokenizers alone, without any model.", no_args_is_help=True)
NAMED = 8  # characters of a checksum, enough to name folders by


@app.callback()
def _group() -> None:
    pass


@app.command()
def compare(
    preset: Annotated[
        str,
        typer.Argument(metavar="[PRESET or FILE.yaml]", help="The preset or file whose tokenizers are compared."),
    ] = "tokenizers",
    data: Data = None,
    out: Out = None,
    sets: Sets = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", help="Also a tokenizer of your own: tokenizer.json or .model. Repeatable."),
    ] = None,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", help="Also show how this text is cut. Repeatable."),
    ] = None,
    download: Download = False,
    quiet: Quiet = False,
) -> None:
    """Train tokenizers on a corpus and compare them alone: fertility, vocabulary use, Rényi efficiency, speed.

    Example: tokir tokenizers compare --data my-corpus/ --file bert/tokenizer.json --word "naïve Bayes"
    """
    config = _named(read_config(preset, data, sets), file or [])
    study = make_study(config, out, "cpu", None, download, quiet)
    comparison = finish(study, lambda: study.compare_tokenizers(words=word or []), quiet)
    _print(comparison)
    echo(f"Comparison: {study.folder.path / 'tokenizers.html'}")


def _named(config: StudyConfig, files: list[str]) -> StudyConfig:
    """The configuration with the tokenizers of ``files`` too, under a name of its own.

    A comparison never shares its default folder with a study of the same preset, nor with one of other files.
    """
    from tokir.artifacts import digest
    from tokir.config import check_config

    values = config.model_dump(mode="json")
    values["name"] += "-compared"
    if files:
        paths = [str(expanded(name).absolute()) for name in files]
        values["tokenizers"] += [{"type": "file", "file": path} for path in paths]
        values["name"] += f"-{digest(paths)[:NAMED]}"
    return check_config(values, "--file")


def _print(comparison: TokenizerComparison) -> None:
    from rich.table import Table
    from rich.text import Text

    from tokir.report.comparison import table

    headings, lines = table(comparison)
    printed = Table(box=None, pad_edge=False)
    for number, words in enumerate(headings):
        printed.add_column(words, justify="right" if number else "left", overflow="fold")
    for line in lines:
        printed.add_row(*(Text(printable(cell)) for cell in line))
    print_table(printed, 100, 150)
