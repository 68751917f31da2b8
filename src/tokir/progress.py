"""Progress of long work: plain calls here, drawn by whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """A listener. The command line draws what it hears; a Python call hears nothing unless it asks."""

    def say(self, message: str) -> None:
        """A line worth keeping."""

    def step(self, task: str, done: float, total: float, detail: str = "") -> None:
        """``done`` of ``total`` units of ``task`` are finished; ``detail`` is for the eye."""

    def close(self) -> None:
        """The work has ended, well or not."""


class Silent:
    """Hears everything and shows nothing."""

    def say(self, message: str) -> None:
        """Ignore the line."""

    def step(self, task: str, done: float, total: float, detail: str = "") -> None:
        """Ignore the step."""

    def close(self) -> None:
        """Nothing to close."""


class Relayed(Silent):
    """Progress of work in another process, passed on to the one whose listener hears it.

    Args:
        tell: is given the name of a method of :class:`Progress`, and its arguments.
        every: seconds between two steps that are told; the last of a task always is.
    """

    def __init__(self, tell: Callable[..., object], every: float) -> None:
        self._tell, self._every, self._told = tell, every, 0.0

    def say(self, message: str) -> None:
        """Tell the line."""
        self._tell("say", message)

    def step(self, task: str, done: float, total: float, detail: str = "") -> None:
        """Tell the step, unless one has just been told."""
        if done >= total or time.monotonic() - self._told > self._every:
            self._told = time.monotonic()
            self._tell("step", task, done, total, detail)
