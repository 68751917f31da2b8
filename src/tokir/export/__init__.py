"""Systems leave the run: one model in the folder layout of another library, held against the run before it is there.

Using only: the run folder is read, nothing in it is written, nothing is trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokir.artifacts import write_text
from tokir.artifacts.own_folder import own_folder
from tokir.errors import TokirError
from tokir.export.registry import EXPORTS
from tokir.untrusted import printable

if TYPE_CHECKING:
    from tokir.retrieval.files import Opener


def export(opener: Opener, system: str, to: str, folder: Path) -> None:
    """Write the system with the id ``system`` into ``folder``, in the form ``to`` (of ``EXPORTS``).

    What was written is read again with the other library, and gives the vectors of the run, or it is thrown away.

    Raises:
        TokirError: the form is unknown; the system is not one model, or does not fit the form; ``folder`` holds
            other files; or the other library would give other vectors.
        Unavailable: a library, or the teacher of the system, is not on this machine.
    """
    from tokir import __version__
    from tokir.export.card import model_card
    from tokir.export.source import Source

    exporter = EXPORTS[to]
    source = Source(opener, system)
    exporter.check(source)
    with own_folder(folder, "export", {"tokir": __version__, "system": system, "to": to}) as fresh:
        exporter.write(source, fresh)
        measured = [check.measure() for check in exporter.checks(source, fresh)]
        for found in measured:
            if found.fault:
                raise TokirError(f"{system} cannot be exported to {to}: {found.fault}")
        write_text(fresh / "README.md", model_card(source, exporter, measured, printable(folder.resolve().name)))
