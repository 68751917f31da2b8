"""The one training loop: schedule, clipping, validation, checkpoints, resume.

On a CPU with the same number of threads an interrupted and resumed training gives the same weights, bit for
bit, as one that was never interrupted: the state holds weights, Adam's moments, the step and the random state,
and the order of batches depends on seed and epoch alone.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokir.artifacts import Names, digest, write_json, write_tensors, write_text
from tokir.artifacts.durable import make_folder
from tokir.errors import STOPPING, Interrupted, Stopped, TokirError
from tokir.memory import kept_memory
from tokir.progress import Progress, Silent
from tokir.training import processes
from tokir.training.checkpoint import State
from tokir.training.device import resolve_precision

if TYPE_CHECKING:
    from tokir.config import OptimizationSettings
    from tokir.models import Model

SECONDS_BETWEEN_SAVES = 15.0
SECONDS_OF_ECHO = 1.0  # in which a signal may come twice: to all processes of a group, and from one to the other
MEASURED = 9  # steps whose median says how many fit into a number of seconds


class TrainingObjective(Protocol):
    """A training objective at work on its data; an epoch is a list of batches that any process can make again."""

    steps: int
    steps_per_epoch: int
    unit: str
    units_per_step: int

    @property
    def steps_per_validation(self) -> int:
        """Steps from one validation to the next."""

    def parameter_groups(self, model: Model) -> list[dict[str, Any]]:
        """``params`` and ``peak``, the learning rate after warm-up, of each group."""

    def batches(self, seed: int, epoch: int, skip: int = 0) -> Sequence[NDArray[np.int64]]:
        """The batches of ``epoch``, without the first ``skip``."""

    def tokens_per_step(self) -> float:
        """Tokens that a batch holds on average."""

    def loss(self, model: Any, batch: NDArray[np.int64]) -> Tensor:
        """The loss of a batch, a scalar."""

    def validate(self, model: Any) -> dict[str, float]:
        """Scores on held-out data; ``loss`` among them decides which weights are best."""

    def in_words(self, scores: dict[str, float]) -> str:
        """The scores of :meth:`validate` for a reader."""

    def step_in_words(self, loss: float) -> str:
        """The loss of a step for a reader."""


@contextmanager
def _stop_between_steps() -> Iterator[Callable[[], int]]:
    """Hold Ctrl-C and SIGTERM back until a step is whole, so that what is saved is a state the unbroken run passes
    through.

    Yields a function that gives the number of the signal that came, 0 for none. A second one stops at once, unless it
    is the first one's echo; the last regular save then stands. Signals can be held in the main thread only; elsewhere
    nothing changes.
    """
    asked, since = 0, 0.0
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def hold(number: int, _: object) -> None:
        nonlocal asked, since
        if asked and time.monotonic() - since > SECONDS_OF_ECHO:
            raise Stopped(number)
        if not asked:
            asked, since = number, time.monotonic()

    before = [signal.signal(number, hold) for number in STOPPING]
    try:
        yield lambda: asked
    finally:
        for number, handler in zip(STOPPING, before, strict=True):
            signal.signal(number, handler)
    if asked:  # after the last step was whole, when nobody asked any more
        raise Stopped(asked)


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up to ``peak`` over the share ``warmup`` of the steps, then half a cosine down to zero
    (Loshchilov and Hutter, 2017).
    """
    warm = max(1, round(warmup * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def clip_gradients(model: Model, largest: float) -> float:
    """The norm of all gradients, which are scaled down where it is above ``largest``.

    torch's own function also writes all gradients where there is nothing to scale.
    """
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    factor = largest / (norm + 1e-6)
    if factor < 1:
        for gradient in gradients:
            gradient.mul_(factor)
    return float(norm)


@kept_memory()
def seconds_per_step(
    build: Callable[[], Model],
    objective: TrainingObjective,
    settings: OptimizationSettings,
    device: torch.device,
    seed: int,
) -> float:
    """How long a step takes on this machine, validation left out; the model is thrown away."""
    torch.manual_seed(seed)
    model = build().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=device.type != "mps")
    model.train()
    precision = resolve_precision(settings.precision, device)
    times = []
    batches = chain.from_iterable(objective.batches(seed, epoch) for epoch in count())
    for batch in islice(batches, MEASURED + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = objective.loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(model, settings.gradient_clip)
        optimizer.step()
        float(next(iter(model.parameters())).detach().sum())  # waits for the device
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))  # the first one loads and prepares


@kept_memory()
def train(
    build: Callable[[], Model],
    objective: TrainingObjective,
    settings: OptimizationSettings,
    folder: Path,
    *,
    about: dict[str, Any],
    seed: int,
    device: torch.device,
    progress: Progress,
    inputs: dict[str, Any],
) -> None:
    """Train a model into ``folder``, or resume where an earlier call stopped.

    Writes ``best.safetensors`` (lowest validation loss), ``final.safetensors``, ``history.jsonl`` and
    ``config.json``; keeps ``resume/state.safetensors`` until :func:`tokir.training.checkpoint.forget_state`.

    Args:
        build: makes the model with its first weights; torch's random state is seeded before.
        objective: what it is trained for.
        settings: schedule, clipping and precision.
        folder: of the model; its name names the training.
        about: of the model, ``architecture`` and ``objective`` at least, for ``config.json``.
        seed: of weights, batches and dropout.
        device: where to train.
        progress: hears of each step; of several processes that of the first alone.
        inputs: what the weights depend on; a saved state of other inputs is not resumed from.

    Raises:
        Interrupted: on Ctrl-C or SIGTERM, after the state is saved.
    """
    training = _Training(build, objective, settings, folder, seed, device, progress, inputs)
    with _stop_between_steps() as stop_asked:
        for batch in training.batches():
            loss = training.descend(batch)
            training.report(loss)
            if training.validation_is_due():
                training.validate(loss)
            if number := processes.greatest(stop_asked()):
                training.save()
                processes.meet()
                raise Interrupted(
                    f"{folder.name}: stopped at step {training.position.step:,} of {objective.steps:,}; "
                    "the same command resumes there",
                    number,
                )
            if time.monotonic() - training.saved_at > SECONDS_BETWEEN_SAVES:
                training.save()
    training.finish(about)


class _Training:
    """One training under way: its model, its optimizer and how far it has come."""

    def __init__(
        self,
        build: Callable[[], Model],
        objective: TrainingObjective,
        settings: OptimizationSettings,
        folder: Path,
        seed: int,
        device: torch.device,
        progress: Progress,
        inputs: dict[str, Any],
    ) -> None:
        self.objective, self.settings, self.folder = objective, settings, folder
        self.seed, self.device = seed, device
        self.writes = processes.rank() == 0
        self.progress = progress if self.writes else Silent()
        self.precision = resolve_precision(settings.precision, device)
        torch.manual_seed(seed)
        self.model = build().to(device)
        groups = objective.parameter_groups(self.model)
        self.peaks = [group.pop("peak") for group in groups]
        self.optimizer = torch.optim.Adam(groups, lr=self.peaks[0], fused=device.type != "mps")
        # Steps that a budget of seconds gave on another number of threads have another schedule.
        key = digest([inputs, settings.model_dump(), objective.steps, self.precision, device.type])
        self.state = State(folder, key, device)
        self.position = self.state.load(self.model, self.optimizer)
        if len(set(processes.gathered(self.position.step))) > 1:  # none writes before all have read
            raise TokirError(
                f"{folder}: its processes do not see the same files: the run folder must be one for all"
            )
        self.loss = processes.loss_of(objective.loss, self.model)
        self.first_step, self.seconds_before = self.position.step, self.position.seconds
        make_folder(folder)  # a disk that cannot be written to is noticed before the first step
        self.started = self.saved_at = time.monotonic()
        if self.first_step:
            progress.say(f"{folder.name}: resumes at step {self.first_step:,} of {objective.steps:,}")
        self.model.train()

    @property
    def _rate(self) -> float:
        """Units per second of this sitting."""
        steps = self.position.step - self.first_step
        return steps * self.objective.units_per_step / (time.monotonic() - self.started)

    def batches(self) -> Iterator[NDArray[np.int64]]:
        """The batches from the present step to the last one."""
        while self.position.step < self.objective.steps:
            epoch, done = divmod(self.position.step, self.objective.steps_per_epoch)
            for batch in self.objective.batches(self.seed, epoch, done):
                yield batch
                if self.position.step == self.objective.steps:
                    return

    def descend(self, batch: NDArray[np.int64]) -> float:
        """One step down the gradient of a batch; its loss."""
        position = self.position
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = learning_rate(position.step, self.objective.steps, peak, self.settings.warmup)
        processes.seed_step(self.seed, position.step)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradients(self.model, self.settings.gradient_clip)
        value = processes.mean(loss.item())
        if not math.isfinite(value) or not math.isfinite(norm):
            raise TokirError(
                f"{self.folder.name}: the loss is no longer finite at step {position.step}: "
                "lower its learning rate, or use precision fp32"
            )
        self.optimizer.step()
        position.step += 1
        return value

    def report(self, loss: float) -> None:
        """Every tenth step and the last one to the listener."""
        step, steps = self.position.step, self.objective.steps
        if step % 10 and step != steps:
            return
        left = (steps - step) * (time.monotonic() - self.started) / (step - self.first_step)
        speed = f"{self._rate:,.0f} {self.objective.unit}/s"
        detail = f"{self.objective.step_in_words(loss)}  {speed}  {left:,.0f} s left"
        self.progress.step(self.folder.name, step, steps, detail)

    def validation_is_due(self) -> bool:
        """After the last step and regularly before; one that would come just before the last gives way to it."""
        step, steps, every = self.position.step, self.objective.steps, self.objective.steps_per_validation
        return step == steps or (step % every == 0 and steps - step >= every / 2)

    def validate(self, loss: float) -> None:
        """Note the scores on held-out data; keep the weights if they are the best so far."""
        if not self.writes:
            return
        position, rate = self.position, self._rate  # the time of validation is not a part of the speed
        scores = self.objective.validate(self.model)
        position.seconds = self.seconds_before + time.monotonic() - self.started
        position.history.append(
            {
                "step": position.step,
                "epoch": position.step / self.objective.steps_per_epoch,
                "training_loss": loss,
                **scores,
                "learning_rate": self.optimizer.param_groups[0]["lr"],
                f"{self.objective.unit}_per_second": round(rate, 1),
                "seconds": round(position.seconds, 1),
            }
        )
        if scores["loss"] < position.best:
            position.best = scores["loss"]
            weights = self.model.state_dict().items()
            position.best_weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in weights}

    def save(self) -> None:
        """Write the state to resume from."""
        if not self.writes:
            return
        self.position.seconds = self.seconds_before + time.monotonic() - self.started
        self.state.save(self.model, self.optimizer, self.position)
        self.saved_at = time.monotonic()

    def finish(self, about: dict[str, Any]) -> None:
        """Write the last weights, the history and what the model is."""
        if not self.writes:
            return
        history, steps = self.position.history, self.objective.steps
        words = f"{self.objective.in_words(history[-1])} after {steps:,} step{'s' if steps > 1 else ''}"
        self.progress.say(f"{self.folder.name}: {words}")
        write_tensors(self.folder / Names.weights("best"), self.position.best_weights or self.model.state_dict())
        write_tensors(self.folder / Names.weights("final"), self.model.state_dict())
        write_text(self.folder / Names.HISTORY, "".join(json.dumps(line) + "\n" for line in history))
        write_json(
            self.folder / Names.MODEL_CONFIG,
            {
                **about,
                "model": asdict(self.model.config),
                "parameters": self.model.num_parameters(),
                "precision": self.precision,
                "device": self.device.type,
                "threads": torch.get_num_threads(),
                **({"processes": processes.count()} if processes.count() > 1 else {}),
                "torch": torch.__version__,
                "seed": self.seed,
                "steps": steps,
            },
        )
