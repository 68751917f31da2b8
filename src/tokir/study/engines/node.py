"""What runs on a node of a Ray cluster: an order done in a temporary folder, and its progress sent to the driver."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokir.artifacts import atomic
from tokir.errors import TokirError
from tokir.progress import Relayed
from tokir.study.engines.orders import Order, refused

SECONDS_BETWEEN_STEPS = 1.0  # that a task tells of its progress


class Listener:
    """An actor that hears the tasks of all nodes; the driver asks it now and then."""

    def __init__(self) -> None:
        self._heard: list[tuple[Any, ...]] = []

    def hear(self, *event: Any) -> None:
        """A method of :class:`tokir.progress.Progress` by its name, and its arguments."""
        self._heard.append(event)

    def heard(self) -> list[tuple[Any, ...]]:
        """What was heard since the last time."""
        heard, self._heard = self._heard, []
        return heard


def perform(order: Order, files: Mapping[str, Sequence[Any]], program_there: dict[str, Any], listener: Any) -> Any:
    """Do an order; what it makes, or the TokirError that it ends with.

    Args:
        order: to do.
        files: those that it needs, by their names: references to parts of their bytes, as arrays of uint8.
        program_there: of the driver.
        listener: the actor that hears of progress.
    """
    import ray

    name = f"node {ray.get_runtime_context().get_node_id()[:8]}"
    if (problem := refused(name, program_there)) is not None:
        return TokirError(problem)
    progress = Relayed(listener.hear.remote, SECONDS_BETWEEN_STEPS)
    progress.say(f"{order.title}: on {name}")
    try:
        with tempfile.TemporaryDirectory(prefix="tokir-", ignore_cleanup_errors=True) as place:
            for file, parts in files.items():
                with atomic(Path(place) / file, "wb") as out:
                    for part in parts:
                        out.write(ray.get(part))
            return order.do(Path(place), progress)
    except TokirError as error:
        return error
    except OSError as error:
        where = error.filename or tempfile.gettempdir()
        return TokirError(f"{order.title}: {name}: {where}: {error.strerror or error}")
