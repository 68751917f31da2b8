"""``tokir search``: what each system of a run finds for a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokir.cli.options import Run
from tokir.cli.terminal import echo
from tokir.words import shortened

if TYPE_CHECKING:
    from tokir.run import Answer

EXCERPT = 160  # characters of a passage shown


def search(
    folder: Run,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, max=100, help="How many passages to show for each system.")
    ] = 3,
    system: Annotated[
        list[str] | None, typer.Option("--system", help="Show only this system. Repeatable.")
    ] = None,
) -> None:
    """Show what each system of a run finds for a query, and how each tokenizer cuts it.

    Nothing is written or trained. Systems that load a large library, such as MiniLM, answer last.

    Example: tokir search runs/quickstart-wiki "who painted the ceiling of the chapel"
    """
    from tokir.run import open_run

    run = open_run(folder)
    answers = run.answers(query, top, system or None)
    first = next(answers)  # what is wrong with the words is said before anything is printed
    for note in run.notes:
        echo(f"note: {note}", err=True)
    for tokenizer in run.tokenizers:
        pieces = run.tokenize(query, tokenizer)
        echo(f"{tokenizer}: ", bold=True, nl=False)
        echo("|".join(pieces) + f"  ({len(pieces)} token{'' if len(pieces) == 1 else 's'})")
    _show(first)
    for answer in answers:
        _show(answer)


def _show(answer: Answer) -> None:
    echo(f"\n{answer.system}", bold=True)
    if answer.unavailable is not None:
        echo(f"  unavailable: {answer.unavailable}")
        return
    for rank, hit in enumerate(answer.hits, start=1):
        title = shortened(hit.title, EXCERPT)
        echo(f"  {rank}. {hit.score:.4f}  {f'{title}  ' if title else ''}[{hit.id}]")
        echo(f"     {shortened(hit.text, EXCERPT)}")
    if not answer.hits:
        echo("  nothing")
