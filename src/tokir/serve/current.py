"""The run as it is now: opened again, beside the answers, soon after passages were added or deleted, or after another
run has taken its place.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from tokir.artifacts import Names

Made = TypeVar("Made")
SECONDS, SECONDS_AFTER_A_FAULT = 1.0, 10.0  # from one look at the run folder to the next
log = logging.getLogger("tokir")


class Current(Generic[Made]):
    """What was made of an opened run, made anew for whichever of its generations counts.

    A thread looks at the folder every second. Requests that come while a new one is opened get the old one, which goes
    when the last of them has its answer. Where a run cannot be opened the old one stays, and it is tried again.

    Args:
        run: the run folder.
        make: opens it; called here at first, later on that thread.
    """

    def __init__(self, run: Path, make: Callable[[], Made]) -> None:
        self._run, self._make = run, make
        self._seen = self._stamp()
        self._made = make()
        threading.Thread(target=_watch, args=(weakref.ref(self),), daemon=True).start()

    def get(self) -> Made:
        """The present one."""
        return self._made

    def look(self) -> float:
        """Open the run anew if it has changed; seconds until the next look."""
        stamp = self._stamp()
        if stamp == self._seen:
            return SECONDS
        try:
            self._made, self._seen = self._make(), stamp
        except Exception as error:
            log.error("%s: it has changed, but it cannot be opened anew: %s", self._run, error)
            return SECONDS_AFTER_A_FAULT
        return SECONDS

    def _stamp(self) -> list[tuple[int, int] | None]:
        """What differs after each change, since files are replaced as a whole; None for one that is not there."""
        folder = _about(self._run)
        made = folder and (folder.st_dev, folder.st_ino)
        files = [_about(self._run / name) for name in (Names.SYSTEMS, Names.CORPUS_FACTS, Names.ADDITIONS)]
        return [made, *(file and (file.st_ino, file.st_mtime_ns) for file in files)]


def _about(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _watch(current: weakref.ref[Current[Any]]) -> None:
    """Look as long as anybody else holds it."""
    seconds = SECONDS
    while True:
        time.sleep(seconds)
        if (found := current()) is None:
            return
        seconds = found.look()
        del found
