"""The other processes of a training that torchrun has started over several.

The first process is the study: it holds the run folder and decides what is done. The others wait for its word, and take
part in each training that it begins. They read the same run folder, and write nothing.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.artifacts import RunFolder
from tokir.errors import TokirError
from tokir.progress import Silent
from tokir.study.engines.orders import Training, program, refused

if TYPE_CHECKING:
    from tokir.study.models import Models
    from tokir.study.plan import TrainingPlan


@dataclass(frozen=True)
class _Call:
    """The first process is ready for a training."""

    training: Training
    folder: Path  # of the run
    inputs: dict[str, Any]
    program: dict[str, str | None]


class _Reader(RunFolder):
    """The run folder of another process."""

    def ensure(self, names: Sequence[str], inputs: Any, make: Callable[[], None]) -> None:
        """TokirError where something is missing that the first process has made."""
        if not self.holds(names, inputs):
            raise TokirError(f"{self.file(names[0])} is not there as it was written: all need the same run folder")


def _called() -> int:
    """Processes that torchrun has started; one without it.

    Raises:
        TokirError: the environment says so, and torchrun did not.
    """
    said = os.environ.get("WORLD_SIZE", "1")
    if not said.isdecimal() or (int(said) > 1 and not os.environ.get("RANK", "").isdecimal()):
        raise TokirError(
            f"WORLD_SIZE is {said!r} and RANK is {os.environ.get('RANK')!r} in the environment, as torchrun does not "
            "set them: unset both, or start with torchrun"
        )
    return int(said)


def require_alone() -> None:
    """TokirError where torchrun has started several processes: only in training does each have its share."""
    if _called() > 1:
        raise TokirError(
            "torchrun is for `tokir train` alone: start this without it, and finished trainings are kept"
        )


@contextmanager
def called_together(device: str) -> Iterator[bool]:
    """Yields whether this process runs the study: it does, unless it is another one that torchrun has started.

    Any other helps until the first one has ended; what goes wrong, that one says.

    Args:
        device: asked for.

    Raises:
        TokirError: another process was lost.
    """
    if _called() == 1:
        yield True
        return
    from tokir.training import processes

    if os.environ["RANK"] == "0":
        with processes.joined(device):
            yield True
            processes.broadcast(None)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a training hears Ctrl-C by itself
    with suppress(TokirError), processes.joined(device):
        while (asked := processes.broadcast()) is not None:
            _help(asked)
    yield False


def call(models: Models, plan: TrainingPlan, inputs: dict[str, Any]) -> None:
    """Have the other processes, if there are any, take part in a training; comes back when all are ready for it.

    Raises:
        TokirError: one of them cannot.
    """
    from tokir.training import processes

    if processes.count() == 1:
        return
    context = models.context
    context.keep_passages()
    training = Training.of(models, plan, ())
    processes.broadcast(_Call(training, context.folder.path.absolute(), inputs, program()))
    _all_ready(None)


def _help(asked: _Call) -> None:
    """Take part in one training."""
    import torch

    from tokir.study.parts import Parts

    training, problem = asked.training, None
    try:
        torch.set_num_threads(training.threads)
        _require_the_same(asked)
        models = Parts.of(training.context(_Reader(asked.folder), Silent())).models
        objective, build = models.prepared(training.plan)
    except (TokirError, OSError) as error:
        problem = str(error)
    _all_ready(problem)
    models.fit(training.plan, asked.inputs, objective, build)


def _require_the_same(asked: _Call) -> None:
    """TokirError where this process has another program than the first, or does not see its folder."""
    if (problem := refused("this machine", asked.program)) is not None:
        raise TokirError(problem)
    if not asked.folder.is_dir():
        raise TokirError(f"{asked.folder} is not there: all processes need the run folder at the same path")


def _all_ready(problem: str | None) -> None:
    """TokirError in all processes where one has a problem."""
    from tokir.training import processes

    for rank, (host, other) in enumerate(processes.gathered((socket.gethostname(), problem))):
        if other is not None:
            raise TokirError(f"rank {rank}, on {host}: {other}")
