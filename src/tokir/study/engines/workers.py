"""Processes beside a study, each of which trains a model at a time: what it starts, tells and hears.

Their number changes no bit: an order is done as the study would do it, on as many threads, in the same run folder.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.study.engines.trainer import LEFT, MADE, WARN

if TYPE_CHECKING:
    from tokir.study.context import Context
    from tokir.study.engines.orders import Training
    from tokir.study.plan import TrainingPlan

log = logging.getLogger("tokir")
PATIENCE = 60.0  # seconds that trainings have to end a step and to write their states


class Workers:
    """Processes that train; as many as there is work for, and ``most`` at most. What they make is put on record.

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

    def settle(self) -> None:
        """Be content with those that train now."""
        self._most = len(self._busy)

    def ask(self, order: Training) -> None:
        """Give an order to one that is idle, or to a new one; OSError where none can be started."""
        import torch

        worker = self._idle.pop() if self._idle else _Worker()
        self._busy[worker] = order.plan
        worker.send((self._context.folder.path.absolute(), torch.get_num_threads(), order))

    def ended(self) -> Iterator[tuple[TrainingPlan, bool]]:
        """Wait until one of them says something; the trainings that have ended, and whether their models are there.

        A model that is not is for the study to train, which then meets the reason.
        """
        for worker, plan, message in self._heard(None):
            if message is None:
                log.warning("%s: its process has ended (%s); this one goes on with it", plan.id, worker.lost())
                yield plan, False
            elif message[0] in (MADE, LEFT):
                yield plan, message[0] == MADE
            elif message[0] == WARN:
                log.warning("%s", message[1])
            else:
                getattr(self._context.progress, message[0])(*message[1:])

    def close(self) -> None:
        """End them all; those that train write their states first, and what was made meanwhile is kept."""
        try:
            for worker in self._busy:
                worker.stop()
            end = time.monotonic() + PATIENCE
            while self._busy and (left := end - time.monotonic()) > 0:
                for worker, _, message in self._heard(left):
                    if message is None:
                        worker.end()
        finally:
            for worker in (*self._busy, *self._idle):
                worker.end()
            self._busy.clear()
            self._idle.clear()

    def _heard(self, seconds: float | None) -> Iterator[tuple[_Worker, TrainingPlan, tuple[Any, ...] | None]]:
        """Wait for so long; what those that train have said, or nothing of one that has ended."""
        speaking = wait([worker.socket for worker in self._busy], seconds)
        for worker in [worker for worker in self._busy if worker.socket in speaking]:
            plan, message = self._busy[worker], worker.hear()
            if message is None:
                del self._busy[worker]
            elif message[0] in (MADE, LEFT):
                self._idle.append(worker)
                del self._busy[worker]
                if message[0] == MADE:
                    self._context.folder.adopt(message[1])
            yield worker, plan, message


class _Worker:
    """One process."""

    def __init__(self) -> None:
        self.socket, other = Pipe()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        paths = [entry or str(Path.cwd()) for entry in sys.path if isinstance(entry, str)]
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tokir.study.engines.trainer", str(other.fileno())],
                stdin=subprocess.PIPE,  # which ends with this process, however that ends
                stdout=self._said,
                stderr=self._said,
                pass_fds=[other.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )

    def send(self, message: Any) -> None:
        """Say something; a process that has ended is noticed when it is heard."""
        with suppress(OSError):
            self.socket.send(message)

    def hear(self) -> tuple[Any, ...] | None:
        """What it says, or will; None where it has ended."""
        try:
            message: tuple[Any, ...] = self.socket.recv()
        except (EOFError, OSError):
            return None
        return message

    def stop(self) -> None:
        """Let it write the state of its training and leave."""
        self._process.terminate()

    def lost(self) -> str:
        """How it ended, which nobody asked for."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        code = self._process.poll()
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
        self.end()
        how = "it was stuck" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"{how}: {last}" if last else how

    def end(self) -> None:
        """Make sure that it is gone."""
        self.socket.close()
        self._said.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
