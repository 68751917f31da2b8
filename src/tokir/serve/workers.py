"""Several processes that answer for one address."""

from __future__ import annotations

from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess


class Workers(Multiprocess):
    """uvicorn's, which begins a new worker for each that dies; here the requests of a dead one no longer count as
    running.
    """

    def keep_subprocess_alive(self) -> None:
        """Called over and over."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
