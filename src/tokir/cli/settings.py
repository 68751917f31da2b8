"""``tokir settings``: every setting of a study."""

from __future__ import annotations

from typing import Annotated

import typer

from tokir.cli.terminal import echo
from tokir.errors import TokirError, nearest


def settings(
    prefix: Annotated[
        str, typer.Argument(metavar="[PREFIX]", help="Only those whose name begins like this: `retrieval`.")
    ] = "",
) -> None:
    """Show what can be set in a study's file or with --set: name, default and meaning.

    Presets set some of them otherwise; study.yaml in a run folder holds all values of its study.

    Example: tokir settings retrieval
    """
    from tokir.config.description import descriptions

    found = [one for one in descriptions() if one.name.startswith(prefix)]
    if not found:
        known = dict.fromkeys(one.name.partition(".")[0] for one in descriptions())
        raise TokirError(
            f"no setting begins with {prefix!r}{nearest(prefix, known)}: they begin with {', '.join(known)}"
        )
    for one in found:
        echo(one.name, bold=True, nl=False)
        echo(f"  {one.default}" if one.default else "")
        if one.meaning:
            echo(f"    {one.meaning}")
