"""The run as it is now: opened again, beside the answers, when passages were added or deleted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from tokir.artifacts import Names

Made = TypeVar("Made")
log = logging.getLogger("tokir")


class Current(Generic[Made]):
    """What was made of an opened run, made anew for whichever of its generations counts.

    Requests that come while a new one is opened get the old one, which goes when the last of them has its answer. Where
    a run cannot be opened the old one stays.

    Args:
        run: the run folder.
        make: opens it; called here at first, later on a thread of its own.
    """

    def __init__(self, run: Path, make: Callable[[], Made]) -> None:
        self._file, self._make = run / Names.ADDITIONS, make
        self._seen = self._stamp()
        self._made = make()
        self._making = False

    def get(self) -> Made:
        """The present one; always called on the same thread."""
        if not self._making and (stamp := self._stamp()) != self._seen:
            self._seen, self._making = stamp, True
            threading.Thread(target=self._renew, daemon=True).start()
        return self._made

    def _stamp(self) -> tuple[int, int] | None:
        """What differs after each change, since the file is replaced as a whole; None without a file."""
        try:
            about = self._file.stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns

    def _renew(self) -> None:
        try:
            self._made = self._make()
        except Exception as error:
            log.error("%s: passages were changed, but it cannot be opened anew: %s", self._file.parent, error)
        finally:
            self._making = False
