"""Which trainings can begin: those that are missing, once all that they start from are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokir.errors import Unavailable
from tokir.study.engines.orders import earlier

if TYPE_CHECKING:
    from tokir.study.models import Models
    from tokir.study.plan import TrainingPlan
    from tokir.systems import ModelPoint


class Schedule:
    """The trainings of a study, each given out once.

    Args:
        models: of the study.
        points: what is to be trained; whatever lacks its teacher is left out.
    """

    def __init__(self, models: Models, points: Iterable[ModelPoint]) -> None:
        self._models = models
        self._waiting = {plan.id: plan for point in points for plan in _with_earlier(models, point)}
        self._there: set[str] = set()

    def ready(self) -> list[TrainingPlan]:
        """Those that can begin now and have not been given out; what turns out to be there may let others begin."""
        found: list[TrainingPlan] = []
        looking = True
        while looking:
            looking = False
            for plan in list(self._waiting.values()):
                if all(start.id in self._there for start in plan.starts_from):
                    del self._waiting[plan.id]
                    if self._models.trained(plan):
                        self._there.add(plan.id)
                        looking = True
                    else:
                        found.append(plan)
        return found

    def made(self, plan: TrainingPlan) -> None:
        """It is there now."""
        self._there.add(plan.id)


def _with_earlier(models: Models, point: ModelPoint) -> list[TrainingPlan]:
    """The plan of a point and those that it starts from; none where its teacher is not to be had."""
    try:
        plan = models.plan(point)
    except Unavailable:
        return []
    return [*earlier(plan), plan]
