"""A process beside a study that trains models for it, one after the other; :mod:`.workers` starts it.

It reads the study's run folder, and writes there the files of its models and the states that they resume from. It puts
nothing on record: the study does, when it is told. It never outlives the study, which alone keeps others out of the
folder.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.artifacts import RunFolder
from tokir.errors import Interrupted
from tokir.progress import Progress, Relayed

if TYPE_CHECKING:
    from tokir.artifacts.manifest import Entry
    from tokir.study.engines.orders import Training

SECONDS_BETWEEN_STEPS = 0.2  # that are told of a training's progress
STEP, WARN = "step", "warn"  # what is told while an order is done, beside other progress
MADE, LEFT = "made", "left"  # and when it has ended


class _Guest(RunFolder):
    """The run folder of another process, which alone keeps its record."""

    def _write_manifest(self) -> None:
        """Nothing: what was made is told."""


class _Warnings(logging.Handler):
    """Warnings, told to the study."""

    def __init__(self, tell: Callable[..., object]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one."""
        self._tell(WARN, record.getMessage())


def main(descriptor: int) -> None:
    """Do orders until there are no more.

    Args:
        descriptor: of the socket to the study, which also holds the other end of the standard input.
    """
    threading.Thread(target=_end_with_the_study, daemon=True).start()
    with Connection(descriptor) as study:
        room = select.poll()
        room.register(study, select.POLLOUT)

        def tell(what: str, *said: Any) -> None:
            if what != STEP or room.poll(0):  # while the study is busy, steps wait for nobody
                study.send((what, *said))

        logger = logging.getLogger("tokir")
        logger.handlers, logger.propagate = [_Warnings(tell)], False
        progress = Relayed(tell, SECONDS_BETWEEN_STEPS)
        while True:
            try:
                place, threads, order = study.recv()
            except EOFError:
                return
            made = _made(order, place, threads, progress)
            tell(*((LEFT,) if made is None else (MADE, made)))


def _made(order: Training, place: Path, threads: int, progress: Progress) -> tuple[Entry, ...] | None:
    """What an order has made; nothing where it cannot be done: the study then meets the reason, and says it."""
    import torch

    torch.set_num_threads(threads)
    try:
        return order.train(_Guest(place), progress)
    except Interrupted:
        raise SystemExit from None
    except Exception:
        return None


def _end_with_the_study() -> None:
    """Leave at once, in the midst of a step too: whoever holds the folder next must be alone in it."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
