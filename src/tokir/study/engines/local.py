"""Everything in this process, when it is asked for; but trainings that take one core each, in processes beside it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.container import memory_limit
from tokir.errors import Unavailable
from tokir.study.engines.orders import Question, Reading, Training, embed
from tokir.study.engines.schedule import Schedule

if TYPE_CHECKING:
    from tokir.encoders.store import Passages
    from tokir.retrieval.searchers import Searcher
    from tokir.study.context import Context
    from tokir.study.models import Models
    from tokir.study.plan import TrainingPlan
    from tokir.systems import ModelPoint

LONG = 50_000  # texts of a training, some five seconds; a process takes three to begin
MEMORY = 3 << 30  # bytes of the machine for each process; few trainings take half of it
log = logging.getLogger("tokir")


class Local:
    """The engine of a study that names none."""

    ahead = False

    def __init__(self, context: Context) -> None:
        self.context = context

    def train(self, models: Models, points: Sequence[ModelPoint]) -> None:
        """Models that train on one thread, as many at once as there are cores; see :class:`Engine`."""
        from tokir.study.engines.workers import Workers

        schedule = Schedule(models, points)
        ready = [plan for plan in schedule.ready() if _beside(models, plan)]
        if len(ready) < 2 or (most := self._at_once()) < 2:
            return
        self.context.keep_passages()
        for plan in {str(plan.point.objective): plan for plan in ready}.values():
            _taught(models, plan)  # before any begins: it takes every core, and reads the same for all of these
        with closing(Workers(self.context, most)) as workers:
            while ready or workers.busy:
                while ready and not workers.full:
                    plan = ready.pop(0)
                    if not _taught(models, plan):
                        continue
                    order = Training.of(models, plan, ())
                    try:
                        workers.ask(order)
                    except OSError as error:
                        log.warning("no more processes can be started (%s): fewer models at once", error.strerror)
                        if not workers.busy:
                            return
                        workers.settle()
                        ready.insert(0, plan)
                for plan, made in workers.ended():
                    if made:
                        schedule.made(plan)
                        ready += [plan for plan in schedule.ready() if _beside(models, plan)]

    def _at_once(self) -> int:
        """How many processes this machine has cores and memory for."""
        import torch

        from tokir.training import processes

        alone = processes.count() == 1 and self.context.device.type == "cpu"
        if os.name != "posix" or not sys.executable or getattr(sys, "frozen", False) or not alone:
            return 1
        return min(torch.get_num_threads(), _memory() // MEMORY)

    def embed(self, reading: Reading, texts: Passages, path: Path, key: str, task: str) -> None:
        """One block of texts after the other."""
        embed(self.context.on_device(), reading, texts, path, key, task, self.context.progress)

    def search(self, questions: Sequence[Question]) -> None:
        """Nothing ahead of the study."""

    def searcher(self, system: str) -> Searcher:
        """The system, opened once."""
        return self.context.on_device().searcher(system)

    def close(self) -> None:
        """Nothing is under way."""


def _memory() -> int:
    """Bytes of the machine, or of the container."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine, memory_limit() or machine)


def _beside(models: Models, plan: TrainingPlan) -> bool:
    """Is a training worth a process of its own, and the same there?"""
    timed = plan.budget is not None and plan.budget.unit == "seconds"  # others beside it would take of its steps
    texts = plan.own.steps * plan.own.batch_size
    return plan.static and models.threads(plan) == 1 and not timed and texts >= LONG


def _taught(models: Models, plan: TrainingPlan) -> bool:
    """Has its teacher, where it has one, read all that it is to read? If it is not to be had, the study says so."""
    try:
        models.ask_teacher(plan)
    except Unavailable:
        return False
    return True
