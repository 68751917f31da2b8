"""The work of a study on the nodes of a Ray cluster (Moritz et al., 2018).

The process that runs the study is the cluster's driver. It alone holds the run folder, and records what comes back; a
task has a temporary folder on its node and returns bytes. So a node that is lost costs what it was doing, and Ray has
another one do it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.artifacts import atomic
from tokir.encoders.store import BLOCK, Passages, write_blocks
from tokir.errors import TokirError, Unavailable
from tokir.study.engines.node import Listener, perform
from tokir.study.engines.orders import (
    Embedding,
    Made,
    Order,
    Question,
    Reading,
    Search,
    Training,
    needed_to_read,
    needed_to_search,
    needed_to_train,
    program,
)
from tokir.study.engines.schedule import Schedule
from tokir.threads import WAITING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokir.retrieval.index import Hits
    from tokir.retrieval.searchers import Searcher
    from tokir.study.context import Context
    from tokir.study.models import Models
    from tokir.study.plan import TrainingPlan
    from tokir.systems import ModelPoint

RETRIES = 5  # of a task whose worker or node was lost
PART = 1 << 25  # bytes of a file that travel as one object
BLOCKS_PER_SHARD = 16  # at most
SHARDS_PER_WORKER = 3  # asked for ahead, so that no worker waits
SECONDS_BETWEEN_NEWS = 0.5
LOOPBACK = (
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # "0": Ray's servers listen at loopback, as by default on these systems
)
ATTEMPTS = 3  # to join a cluster whose head has begun a process for this client, and lost it, as a busy one does
NOT_BEGUN = ("Starting Ray client server failed", "psutil.")  # Ray's words for it, and those of what it asks
SECONDS_TO_BEGIN = 180  # for each attempt; a busy machine takes some ten
INHERITED = ("PYTHONPATH", "TOKENIZERS_PARALLELISM", "MKL_NUM_THREADS", *WAITING)  # what tasks take over from here


class Cluster:
    """The engine ``ray``.

    Args:
        context: of the study.
        address: of the client server of a cluster; None for Ray's variable ``RAY_ADDRESS``, and where that is not set
            for a Ray of its own on this machine, which is stopped afterwards.
    """

    ahead = True

    def __init__(self, context: Context, address: str | None) -> None:
        self.context, self.address = context, address
        self._ray: Any = None
        self._files: dict[tuple[str, int, int], list[Any]] = {}  # what was sent, by path, size and time
        self._found: dict[Question, list[Hits]] = {}

    # -- the engine ---------------------------------------------------------------------------------------

    def train(self, models: Models, points: Sequence[ModelPoint]) -> None:
        """Every model that is missing, as soon as those are there that it starts from; see :class:`Engine`."""
        schedule = Schedule(models, points)
        under_way: dict[Any, TrainingPlan] = {}

        def begin() -> None:
            for plan in schedule.ready():
                if (task := self._training(models, plan)) is not None:
                    under_way[task] = plan

        begin()
        failed: TokirError | None = None
        for plan, made in self.finished(under_way):
            if isinstance(made, TokirError) and not isinstance(made, Unavailable):
                failed = failed or made  # said when those under way have been kept
            if isinstance(made, Made):
                for entry, content in zip(made.entries, made.contents, strict=True):
                    with atomic(self.context.folder.file(entry.path), "wb") as file:
                        file.write(content)
                self.context.folder.adopt(made.entries)
                schedule.made(plan)
            if failed is None:
                begin()
        if failed is not None:
            raise failed

    def embed(self, reading: Reading, texts: Passages, path: Path, key: str, task: str) -> None:
        """Shard by shard, some ahead; see :class:`Engine`."""
        progress, total = self.context.progress, len(texts)
        dimensions = self.context.open(reading.files).dimensions
        files = self._sent(needed_to_read(reading.files, self.context))

        def ask(number: int, size: int) -> Any:
            shard = tuple(texts.passages(number * size, min(total, (number + 1) * size)))
            return self.ask(Embedding(reading, shard, self.threads, f"{task} from {number * size:,}"), files)

        shards = _Shards(self, total, ask)
        write_blocks(
            path, total, dimensions, key, shards.rows, lambda done: progress.step(task, done, total, "texts")
        )

    def search(self, questions: Sequence[Question]) -> None:
        """A task for each question; see :class:`Engine`."""
        under_way: dict[Any, Question] = {}
        for question in questions:
            files = self.context.opener.files[question.system]
            order = Search(question, files, self.context.device.type, self.threads)
            under_way[self.ask(order, self._sent(needed_to_search(files, self.context)))] = question
        for question, hits in self.finished(under_way):
            if isinstance(hits, TokirError) and not isinstance(hits, Unavailable):
                raise hits
            if not isinstance(hits, Unavailable):
                self._found[question] = hits

    def searcher(self, system: str) -> Searcher:
        """One that knows what was found ahead."""
        return Ahead(system, self.context.on_device().searcher(system), self._found)

    def close(self) -> None:
        """Stop the tasks, and leave the cluster, or end it where it is this study's own."""
        if self._ray is not None:
            self._files.clear()
            self._ray.shutdown()
            self._ray = None

    # -- tasks --------------------------------------------------------------------------------------------

    def _training(self, models: Models, plan: TrainingPlan) -> Any:
        """The task that trains ``plan``; None where its teacher is not to be had."""
        try:
            models.ask_teacher(plan)
        except Unavailable:
            return None
        self.context.keep_passages()
        names, folder = needed_to_train(models, plan), self.context.folder
        order = Training.of(models, plan, names)
        return self.ask(order, self._sent({name: folder.file(name) for name in names}))

    @property
    def threads(self) -> int:
        """Of each task: as many as this process computes with."""
        import torch

        return torch.get_num_threads()

    def ask(self, order: Order, files: dict[str, list[Any]]) -> Any:
        """Hand in an order with the files that it needs; the reference to what it makes."""
        self.connect()
        gpus = 1 if order.device == "cuda" else 0
        task = self._task.options(num_cpus=order.threads, num_gpus=gpus, max_retries=RETRIES)
        return task.remote(order, files, self._program, self._listener)

    def finished(self, under_way: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Take tasks off ``under_way`` as they end, with what was kept for them; more may be put there meanwhile.

        What a task has made that failed is its TokirError; a fault of the program is raised.
        """
        while under_way:
            ended, _ = self._ray.wait(list(under_way), num_returns=1, timeout=SECONDS_BETWEEN_NEWS)
            if not ended:
                self._tell()
            for task in ended:
                yield under_way.pop(task), self._made(task)
                self._tell()

    def _made(self, task: Any) -> Any:
        errors = self._ray.exceptions
        try:
            made = self._ray.get(task)
        except errors.RayTaskError:
            raise  # a fault of the program
        except errors.RayError as error:
            first = str(error).strip().partition("\n")[0]
            return TokirError(
                f"a task was given up, since its workers were lost {RETRIES + 1} times, or cannot be had: {first} "
                "Finished work is kept, and the same command goes on"
            )
        return made

    def _tell(self) -> None:
        """Pass on what the tasks have said."""
        try:
            heard = self._ray.get(self._listener.heard.remote(), timeout=10 * SECONDS_BETWEEN_NEWS)
        except self._ray.exceptions.RayError:
            return  # the listener was lost with its node: another one begins, and only words are gone
        for what, *arguments in heard:
            getattr(self.context.progress, what)(*arguments)

    def _sent(self, paths: dict[str, Path]) -> dict[str, list[Any]]:
        """References to the bytes of files, each put into the cluster once."""
        return {name: self._put(path) for name, path in paths.items()}

    def _put(self, path: Path) -> list[Any]:
        about = path.stat()
        key = (str(path), about.st_size, about.st_mtime_ns)
        if key not in self._files:
            self.connect()
            with path.open("rb") as file:
                blocks = iter(lambda: file.read(PART), b"")
                self._files[key] = [self._ray.put(np.frombuffer(block, dtype=np.uint8)) for block in blocks]
        return self._files[key]

    # -- the cluster --------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Join the cluster, or begin one, unless that is done.

        Raises:
            TokirError: Ray is not installed, the cluster is not reached, or no node of it has what a task takes.
        """
        if self._ray is not None:
            return
        ray = _begun(self.address)
        self._ray = ray
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpu = self.context.device.type == "cuda"
        if gpu and not any(node.get("GPU", 0) >= 1 for node in nodes):
            raise TokirError("no node of the cluster has a GPU, which each task takes: say --device cpu")
        processors = [int(node.get("CPU", 0)) for node in nodes if not gpu or node.get("GPU", 0) >= 1]
        if max(processors, default=0) < self.threads:
            raise TokirError(
                f"no node of the cluster{' with a GPU' if gpu else ''} has {self.threads} processors, which each task "
                f"takes: say --threads "
                f"{max([1, *processors])} or fewer"
            )
        self.workers = sum(count // self.threads for count in processors)
        self._program = program()
        self._task = ray.remote(perform)
        self._listener = ray.remote(Listener).options(num_cpus=0, max_restarts=-1).remote()
        self.context.progress.say(
            f"Ray: {len(nodes)} node{'s' if len(nodes) > 1 else ''}, {self.workers} tasks of "
            f"{self.threads} thread{'s' if self.threads > 1 else ''} at once"
        )


class Ahead:
    """A system, some of whose answers were found ahead; each is given once."""

    def __init__(self, system: str, searcher: Searcher, found: dict[Question, list[Hits]]) -> None:
        self._system, self._searcher, self._found = system, searcher, found

    def search(self, queries: Sequence[str], depth: int) -> list[Hits]:
        """The ``depth`` best passages of each query."""
        hits = self._found.pop(Question(self._system, tuple(queries), depth), None)
        return self._searcher.search(queries, depth) if hits is None else hits

    def stages(self) -> dict[str, Callable[[Any], Any]]:
        """Those of the system in this process: what one query costs is measured on one machine."""
        return self._searcher.stages()


class _Shards:
    """The vectors of texts, shard by shard, some asked for ahead of those that are read."""

    def __init__(self, cluster: Cluster, total: int, ask: Callable[[int, int], Any]) -> None:
        cluster.connect()
        self.cluster, self._ask = cluster, ask
        blocks = -(-total // BLOCK)
        # As many as keep all workers at it to the end, and each of whole blocks, which decide the last bits.
        self.size = BLOCK * max(1, min(BLOCKS_PER_SHARD, blocks // (SHARDS_PER_WORKER * cluster.workers)))
        self._count = -(-total // self.size)
        self._tasks: dict[int, Any] = {}
        self._number, self._vectors = -1, np.zeros((0, 0), dtype=np.float32)

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Of the texts from ``start`` up to ``stop``, which lie in one shard; shards are read in their order."""
        number = start // self.size
        if number != self._number:
            for ahead in range(number, min(self._count, number + SHARDS_PER_WORKER * self.cluster.workers)):
                if ahead not in self._tasks:
                    self._tasks[ahead] = self._ask(ahead, self.size)
            ((_, vectors),) = self.cluster.finished({self._tasks[number]: number})
            if isinstance(vectors, TokirError):
                raise vectors
            self._tasks[number] = None
            self._number, self._vectors = number, vectors
        first = number * self.size
        return self._vectors[start - first : stop - first]


def _begun(address: str | None) -> Any:
    """Ray, connected to the cluster at ``address`` or begun on this machine."""
    alone = address is None and "RAY_ADDRESS" not in os.environ
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if alone:
        os.environ.setdefault(LOOPBACK, "0")
    try:
        import ray
    except ImportError:
        raise TokirError("--engine ray needs the package ray: pip install 'tokir[ray]'") from None
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    options: dict[str, Any] = {"include_dashboard": False} if alone else {}
    for more in reversed(range(ATTEMPTS)):
        try:
            with _at_most(SECONDS_TO_BEGIN):
                ray.init(
                    address=address or ("local" if alone else None),
                    log_to_driver=False,
                    logging_level="error",
                    runtime_env={"env_vars": {**_libraries(), **inherited}},
                    **options,
                )
            break
        except (OSError, RuntimeError, ValueError) as error:  # it finds nobody, is not let in, or cannot begin
            if more and any(words in str(error) for words in NOT_BEGUN):
                continue
            where = address or os.environ.get("RAY_ADDRESS") or "Ray on this machine"
            said = str(error).strip().splitlines()[-1]
            raise TokirError(f"--engine ray: {where} is not reached: {said}") from None
    return ray


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """TimeoutError after so many seconds, in the main thread: Ray can wait for ever for a server that has gone."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"it did not answer within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _libraries() -> dict[str, str]:
    """How many threads the library of linear algebra computes with here, as it reads it on a node."""
    from threadpoolctl import threadpool_info

    counts = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    return {"OPENBLAS_NUM_THREADS": str(max(counts))} if counts else {}
