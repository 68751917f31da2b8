"""The command line: read the words, call the library, print what came of it."""

from __future__ import annotations

import signal
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from tokir import __version__
from tokir.cli import additions, data, doctor, export, push, search, serve, settings, study, tokenizers
from tokir.cli.terminal import Signal, echo, errors_as_sentences, fail
from tokir.errors import interrupted

STOPPED = 128 + signal.SIGINT  # the code that typer has for whatever stops
UsageError: Any = typer.BadParameter.__base__  # typer has no name for it


class _Commands(TyperGroup):
    """All commands; typer would end one that is stopped without a word, and put a mistake into a box."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Do what the words say, and leave."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except UsageError as error:
            _refuse(error)
        if code == STOPPED:  # before any command had begun
            fail("stopped", 128 + Signal.number)
        raise SystemExit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Do one."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise interrupted(stop, "stopped") from None


app = typer.Typer(
    name="tokir",
    cls=_Commands,
    help="Which tokenizer, architecture and training objective should a small retrieval model use?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the ``tokir`` command."""
    with errors_as_sentences():
        app(prog_name="tokir")  # not python -m ...


def _refuse(error: Any) -> NoReturn:
    """One line for words that make no command; where there were none at all, the help has been shown."""
    message = " ".join(error.format_message().split())
    if not message:
        raise SystemExit(2)
    path = error.ctx.command_path if error.ctx else "tokir"
    fail(f"{message}{'' if message.endswith(('.', '?')) else '.'} See `{path} --help`.")


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"tokir {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for command in (study.run, study.train, study.embed, study.evaluate, search.search, serve.serve, study.report):
    app.command()(command)
app.command()(export.export)
app.command()(push.push)
app.command()(additions.add)
app.command()(additions.delete)
app.command()(settings.settings)
app.command()(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(tokenizers.app, name="tokenizers")
