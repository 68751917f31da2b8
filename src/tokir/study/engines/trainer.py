"""A process beside a study that trains models for it, one after the other; :mod:`.workers` starts it.

It reads the study's run folder, and writes there the files of its models and the states that they resume from. It puts
nothing on record: the study does, when it is told. It never outlives the study, which alone keeps others out of the
folder.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tokir.artifacts import RunFolder
from tokir.errors import Interrupted, TokirError
from tokir.progress import Progress, Relayed
from tokir.study.engines.orders import Training

SECONDS_BETWEEN_STEPS = 0.2  # that are told of a training's progress
WARN = "warn"  # what is told, beside progress, while an order is done
MADE, FAILED, LEFT = "made", "failed", "left"  # and when it has ended


class _Guest(RunFolder):
    """The run folder of another process, which alone keeps its record."""

    def _write_manifest(self) -> None:
        """Nothing: what was made is told."""


class _Warnings(logging.Handler):
    """Warnings, told to the study."""

    def __init__(self, study: Connection) -> None:
        super().__init__()
        self._study = study

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one."""
        self._study.send((WARN, record.getMessage()))


def main(descriptor: int) -> None:
    """Do orders until there are no more.

    Args:
        descriptor: of the socket to the study, which also holds the other end of the standard input.
    """
    threading.Thread(target=_end_with_the_study, daemon=True).start()
    import torch

    with Connection(descriptor) as study:
        place, threads = study.recv()
        torch.set_num_threads(threads)
        logger = logging.getLogger("tokir")
        logger.handlers, logger.propagate = [_Warnings(study)], False
        progress = Relayed(lambda *event: study.send(event), SECONDS_BETWEEN_STEPS)
        while True:
            try:
                order = study.recv()
            except EOFError:
                return
            ended = _done(order, place, progress)
            if ended is None:
                return
            study.send(ended)


def _done(order: Training, place: Path, progress: Progress) -> tuple[Any, ...] | None:
    """What the study is told of an order's end; nothing where it has stopped the training."""
    try:
        return MADE, order.train(_Guest(place), progress)
    except Interrupted:
        return None
    except TokirError as error:
        return FAILED, error
    except Exception:  # whatever it is, the study meets it again and says it better
        return (LEFT,)


def _end_with_the_study() -> None:
    """Leave at once, in the midst of a step too: whoever holds the folder next must be alone in it."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
