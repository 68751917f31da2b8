"""Processes beside a study, each of which trains a model at a time: what it starts, tells and hears.

Their number changes no bit: an order is done as the study would do it, on as many threads, in the same run folder.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from tokir.study.engines.trainer import FAILED, LEFT, MADE, WARN

if TYPE_CHECKING:
    from tokir.artifacts.manifest import Entry
    from tokir.errors import TokirError
    from tokir.study.context import Context
    from tokir.study.engines.orders import Training
    from tokir.study.plan import TrainingPlan

log = logging.getLogger("tokir")
PATIENCE = 60  # seconds that a training has to end its step and to write its state


class Workers:
    """Processes that train; as many as there is work for, and ``most`` at most.

    Args:
        context: of the study.
        most: at once.
    """

    def __init__(self, context: Context, most: int) -> None:
        self._context, self._most = context, most
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, TrainingPlan] = {}

    @property
    def busy(self) -> bool:
        """Is any of them training?"""
        return bool(self._busy)

    @property
    def full(self) -> bool:
        """Are all that there may be training?"""
        return len(self._busy) >= self._most

    def ask(self, order: Training) -> None:
        """Give an order to one that is idle, or to a new one."""
        worker = self._idle.pop() if self._idle else _Worker(self._context)
        worker.send(order)
        self._busy[worker] = order.plan

    def ended(self) -> Iterator[tuple[TrainingPlan, tuple[Entry, ...] | TokirError | None]]:
        """Wait until one of them says something; the trainings that have ended.

        With each what it has made, why it cannot be done, or nothing, where the study has to see for itself.
        """
        speaking = wait([worker.socket for worker in self._busy])
        for worker in [worker for worker in self._busy if worker.socket in speaking]:
            plan = self._busy[worker]
            try:
                what, *said = worker.socket.recv()
            except (EOFError, OSError):
                del self._busy[worker]
                log.warning("%s: its process has ended (%s); this one goes on with it", plan.id, worker.lost())
                yield plan, None
                continue
            if what in (MADE, FAILED, LEFT):
                del self._busy[worker]
                self._idle.append(worker)
                yield plan, said[0] if said else None
            elif what == WARN:
                log.warning("%s", *said)
            else:
                getattr(self._context.progress, what)(*said)

    def close(self) -> None:
        """End them all; those that train write their states first."""
        try:
            for worker in self._busy:
                worker.stop()
            for worker in self._busy:
                worker.wait()
        finally:
            for worker in (*self._busy, *self._idle):
                worker.end()
            self._busy.clear()
            self._idle.clear()


class _Worker:
    """One process."""

    def __init__(self, context: Context) -> None:
        import torch

        self.socket, other = Pipe()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tokir.study.engines.trainer", str(other.fileno())],
                stdin=subprocess.PIPE,  # which ends with this process, however that ends
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is for the study, which stops the others
            )
        self.send((context.folder.path.absolute(), torch.get_num_threads()))

    def send(self, message: Any) -> None:
        """Say something; a process that has ended is noticed when it is heard."""
        with suppress(OSError):
            self.socket.send(message)

    def stop(self) -> None:
        """Let it write the state of its training and leave."""
        self._process.terminate()

    def wait(self) -> None:
        """Until it has left, or has had time enough for it."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)

    def lost(self) -> str:
        """How it ended, which nobody asked for."""
        self.wait()
        self.end()
        code = self._process.returncode
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def end(self) -> None:
        """Make sure that it is gone."""
        self.socket.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
