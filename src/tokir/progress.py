"""Progress of long work: plain calls here, drawn by whoever listens."""

from __future__ import annotations

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
