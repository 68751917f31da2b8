"""One training over several processes, each with its share of every batch (Li et al., 2020, PyTorch Distributed).

All processes hold the same weights, draw the same batches and take the same steps. Each computes its share of a batch;
vectors that are scored with each other are gathered, gradients are averaged, so that a step is that of one process up
to the order of sums. The first process alone writes, and says how it goes. In a single process every function here
gives back what it was given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, distributed, nn

from tokir.errors import TokirError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokir.models import Model
    from tokir.training.texts import Texts

Item = TypeVar("Item")
PATIENCE = timedelta(days=30)  # of those that wait for the first; one that is gone is noticed at once


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Meet the other processes that torchrun has started; on CUDA each takes the device of its rank on its machine.

    Raises:
        TokirError: this machine has fewer GPUs than processes; a process is lost on the way, and has said why.
    """
    backend = "gloo"
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > gpus:
            raise TokirError(
                f"torchrun has started {here} processes on a machine with {gpus} GPU{'s' * (gpus != 1)}, and each "
                "takes one of its own: start as many as there are GPUs (--nproc-per-node), or add --device cpu"
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    except RuntimeError as error:
        if not _lost(error):
            raise
        raise TokirError(
            "another process of the training has ended, which may have said why: the same command resumes it"
        ) from None
    finally:
        distributed.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if count() > 1 else 0


def broadcast(value: Any = None) -> Any:
    """The ``value`` of the first process; the others wait for it."""
    values = [value]
    distributed.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]


def gathered(value: Item) -> list[Item]:
    """The ``value`` of each process, in all of them."""
    if count() == 1:
        return [value]
    values: list[Any] = [None] * count()
    distributed.all_gather_object(values, value)
    return values


def meet() -> None:
    """Wait until all are here."""
    gathered(None)


def greatest(value: int) -> int:
    """Of all processes."""
    return int(_reduced(value, distributed.ReduceOp.MAX)) if count() > 1 else value


def mean(value: float) -> float:
    """Over all processes."""
    return _reduced(value, distributed.ReduceOp.SUM) / count() if count() > 1 else value


def seed_step(seed: int, step: int) -> None:
    """Let dropout draw another mask in each process, and the same one again when a training is resumed."""
    if count() > 1:
        numbers = np.random.SeedSequence([seed, step, rank()]).generate_state(1, np.uint64)
        torch.manual_seed(int(numbers[0]))


def share(items: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    """The share of a batch's items that this process has, and how much the mean of a loss over it counts.

    The mean over all processes of losses so weighted is the loss of the whole batch. A process that goes short
    computes something that counts nothing, since all take part in every step.
    """
    if count() == 1:
        return items, 1.0
    own = items[rank() :: count()]
    return (own, count() * len(own) / len(items)) if len(own) else (items[:1], 0.0)


def all_rows(rows: Callable[[Texts], Tensor], texts: Texts) -> Tensor:
    """``rows`` of ``texts``, (texts, ...): each process computes its share, and all receive all, with gradient.

    The gradient that reaches a row is the sum of those that the processes have for it. Each has the loss of the whole
    batch, so the average over the processes is its gradient.
    """
    if count() == 1:
        return rows(texts)
    from torch.distributed.nn.functional import all_reduce

    places = np.arange(rank(), len(texts), count())
    own = rows(texts.take(places if len(places) else np.zeros(1, dtype=np.int64)))[: len(places)]
    whole = own.new_zeros((len(texts), *own.shape[1:])).index_copy(0, torch.from_numpy(places).to(own.device), own)
    return cast(Tensor, all_reduce(whole))  # type: ignore[no-untyped-call]


def loss_of(
    loss: Callable[[Any, NDArray[np.int64]], Tensor], model: Model
) -> Callable[[NDArray[np.int64]], Tensor]:
    """``loss`` of ``model`` as a function of a batch; its gradients are averaged over the processes."""
    if count() == 1:
        return lambda batch: loss(model, batch)
    from torch.nn.parallel import DistributedDataParallel

    # The loss is wrapped as a whole: it reads some parameters, such as the temperature, beside the model's output.
    return DistributedDataParallel(_Loss(loss, model))


class _Loss(nn.Module):
    def __init__(self, loss: Callable[[Any, NDArray[np.int64]], Tensor], model: Model) -> None:
        super().__init__()
        self.model, self._loss = model, loss

    def forward(self, batch: NDArray[np.int64]) -> Tensor:
        return self._loss(self.model, batch)


def _reduced(value: float, operation: Any) -> float:
    number = torch.tensor(value, dtype=torch.float64)
    distributed.all_reduce(number, operation)
    return number.item()


def _lost(error: RuntimeError) -> bool:
    """Is it that another process is gone?"""
    return isinstance(error, distributed.DistError) or "gloo" in str(error) or "Connection" in str(error)
