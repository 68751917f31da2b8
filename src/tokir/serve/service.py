"""The systems of an opened run, each opened once: what is cheap at the start, the rest when it is first asked.

What is short is computed at once, on the thread of the event loop; everything else on one other thread, so that a
request that takes long does not keep others from being answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from tokir.artifacts import Names
from tokir.errors import LONGEST, TokirError, Unavailable, nearest
from tokir.run import Hit, Run
from tokir.serve.errors import Refusal
from tokir.serve.limits import Limits
from tokir.words import shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("tokir")
Value = TypeVar("Value")
AT_ONCE = 4_096  # characters that a table embeds on the thread of the event loop, about a millisecond


class State(NamedTuple):
    """Whether a system answers; one that loads a library is opened when it is first asked."""

    status: Literal["ready", "not loaded yet", "unavailable"]
    reason: str | None = None


class About(NamedTuple):
    """What readers are told of a system."""

    title: str
    recall: float | None  # recall@10 of the study


class Service:
    """Answers from a run; its heavy systems on one thread of their own.

    Args:
        run: opened.
        limits: of requests.

    Raises:
        TokirError: a file of a system is missing or damaged.
    """

    def __init__(self, run: Run, limits: Limits) -> None:
        self.run, self.limits = run, limits
        self.about = _about(run)
        self.created = int((run.path / Names.SYSTEMS).stat().st_mtime)
        self.dimensions: dict[str, int] = {}  # of the systems that have been opened
        self.embedders = run.embedders
        self._weights = {name: run.weight(name) for name in run.systems}
        self._states: dict[str, State] = {}
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "compute")
        for name in run.systems:
            self._states[name] = self._opened(name) if self._weights[name] == 0 else State("not loaded yet")
        light = (name for name in run.systems if self._states[name].status == "ready")
        self.default = next(light, run.systems[0])  # what is searched where no system is named

    # -- what there is -------------------------------------------------------------------------------------

    def state(self, system: str) -> State:
        """Whether it answers."""
        return self._states[system]

    def by_weight(self) -> list[str]:
        """Ids of the systems, those first that load no large library."""
        return sorted(self.run.systems, key=self._weights.__getitem__)

    def known(self, system: str, param: str, among: Sequence[str]) -> str:
        """The id of a system; Refusal where it is none of ``among``."""
        if system in among:
            return system
        if system in self.run.systems:
            raise Refusal(
                f"{system} has no vector for each text: name one of {', '.join(among) or 'none'}", param=param
            )
        raise Refusal(
            f"no system {shortened(system, LONGEST)!r}{nearest(system, among)}: name one of {', '.join(among)}",
            status=404,
            code="model_not_found",
            param=param,
        )

    # -- answers -------------------------------------------------------------------------------------------

    async def embed(self, texts: Sequence[str], system: str) -> tuple[NDArray[np.float32], int | None]:
        """Unit vectors, and how many tokens the texts have, where that is known."""
        if self._weights[system] == 0 and sum(map(len, texts)) <= AT_ONCE:
            return self._asked(system, lambda: self._embedded(texts, system))
        return await self._compute(system, lambda: self._embedded(texts, system))

    async def search(self, queries: Sequence[str], system: str, top: int) -> list[tuple[Hit, ...]]:
        """The best passages of each query."""
        return await self._compute(system, lambda: self.run.find(queries, system, top))

    def cuts(self, text: str) -> Iterator[tuple[str, list[str]]]:
        """How each tokenizer of the run cuts a text."""
        for name in self.run.tokenizers:
            yield name, self.run.tokenize(text, name)

    def _embedded(self, texts: Sequence[str], system: str) -> tuple[NDArray[np.float32], int | None]:
        vectors, tokens = self.run.encode_counted(texts, system)
        self.dimensions[system] = vectors.shape[1]
        return vectors, tokens

    async def _compute(self, system: str, work: Callable[[], Value]) -> Value:
        if self._waiting >= self.limits.waiting:
            raise Refusal(
                f"{self._waiting} requests are waiting already: try again in a moment",
                status=503,
                code="busy",
                headers=(("retry-after", "1"),),
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, system, work)
        finally:
            self._waiting -= 1

    def _asked(self, system: str, work: Callable[[], Value]) -> Value:
        """The answer of a system; its state is known afterwards."""
        try:
            value = work()
        except Unavailable as error:
            self._states[system] = State("unavailable", str(error))
            raise Refusal(
                f"{system} is unavailable on this machine: {error}", status=404, code="system_unavailable"
            ) from None
        self._states[system] = State("ready")
        return value

    def _opened(self, system: str) -> State:
        """The state of a system after a first answer, which loads all that it loads."""
        try:
            if system in self.embedders:
                self._embedded(["a"], system)
            self.run.find(["a"], system, 1)
        except Unavailable as error:
            return State("unavailable", str(error))
        return State("ready")


def _about(run: Run) -> dict[str, About]:
    """Titles and recalls of the systems by id; ids where nothing was measured."""
    found = {name: About(name, None) for name in run.systems}
    try:
        rows = run.results.systems
    except TokirError as error:
        if (run.path / Names.RESULTS).exists():
            log.warning("%s", error)
        return found  # a run without judged queries is served all the same
    from tokir.results.names import titles

    named = titles(rows)
    for row in rows:
        title = row.id if row.kind == "fusion" else named[row.id]  # whose title is the ids of its members
        by_run = row.by_seed or [row.score()] * len(row.runs)
        scores = {row.id: row.score(), **dict(zip(row.runs, by_run, strict=True))}
        found |= {name: About(title, score) for name, score in scores.items() if name in found}
    return found
