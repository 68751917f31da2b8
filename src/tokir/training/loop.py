"""The one training loop: schedule, clipping, validation, checkpoints, resume.

On a CPU with the same number of threads an interrupted and resumed training gives the same weights, bit for
bit, as one that was never interrupted: the state holds weights, Adam's moments, the step and the random state,
and the order of batches depends on seed and epoch alone.
"""

from __future__ import annotations

import json
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokir.artifacts import digest, read_tensors, write_json, write_tensors, write_text
from tokir.config import Descent, Precision
from tokir.errors import Interrupted, TokirError
from tokir.models import rebuild
from tokir.objectives import retrieves
from tokir.progress import Progress

if TYPE_CHECKING:
    from tokir.models import Model

log = logging.getLogger("tokir")
SECONDS_BETWEEN_SAVES = 15.0
MEASURED = 9  # steps whose median says how many fit into a number of seconds
FILES = ("best.safetensors", "final.safetensors", "history.jsonl", "config.json")


class Objective(Protocol):
    """What a model is trained for; an epoch is a list of batches that any process can make again."""

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
        """A scalar to descend."""

    def validate(self, model: Any) -> dict[str, float]:
        """Scores on held-out data; ``loss`` among them decides which weights are best."""

    def in_words(self, scores: dict[str, float]) -> str:
        """The scores of :meth:`validate` for a reader."""

    def step_in_words(self, loss: float) -> str:
        """The loss of a step for a reader."""


@contextmanager
def _stop_between_steps() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until a step is whole, so that what is saved is a state the unbroken run passes through.

    Yields a function that says whether Ctrl-C was pressed. A second Ctrl-C stops at once; the last regular
    save then stands. Signals can be held in the main thread only; elsewhere nothing changes.
    """
    asked = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def hold(*_: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def resolve_device(device: str) -> torch.device:
    """``auto`` is CUDA, then MPS, then the CPU; TokirError when the device asked for is not there."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if present[name]))
    if not present[device]:
        there = " and ".join(name for name, here in present.items() if here)
        raise TokirError(f"--device {device}: there is none on this machine, only {there}; leave --device out")
    return torch.device(device)


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """``auto`` is bf16 where the processor computes in it (on others it is emulated, and slower), else fp32.

    Raises:
        TokirError: bf16 was asked for, and this processor cannot even emulate it.
    """
    if precision == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise TokirError("precision is bf16, which this processor cannot compute in: set it to auto or fp32")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16" if device.type == "cpu" and native() else "fp32"


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up to ``peak`` over the share ``warmup`` of the steps, then half a cosine down to zero
    (Loshchilov and Hutter, 2017).
    """
    warm = max(1, round(warmup * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def seconds_per_step(
    build: Callable[[], Model], objective: Objective, settings: Descent, device: torch.device, seed: int
) -> float:
    """How long a step takes on this machine, validation left out; the model is thrown away."""
    torch.manual_seed(seed)
    model = build().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=device.type != "mps")
    model.train()
    precision = resolve_precision(settings.precision, device)
    times = []
    for batch in objective.batches(seed, 0)[:MEASURED]:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = objective.loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        float(next(iter(model.parameters())).detach().sum())  # waits for the device
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def train(
    build: Callable[[], Model],
    objective: Objective,
    settings: Descent,
    folder: Path,
    *,
    about: dict[str, Any],
    seed: int,
    device: torch.device,
    progress: Progress,
    inputs: dict[str, Any],
) -> None:
    """Train a model into ``folder``, or go on where an earlier call stopped.

    Writes ``best.safetensors`` (lowest validation loss), ``final.safetensors``, ``history.jsonl`` and
    ``config.json``; keeps ``resume/state.safetensors`` until :func:`forget_state`.

    Args:
        build: makes the model with its first weights; torch's random state is seeded before.
        objective: what it is trained for.
        settings: schedule, clipping and precision.
        folder: of the model; its name names the training.
        about: of the model, ``architecture`` and ``objective`` at least, for ``config.json``.
        seed: of weights, batches and dropout.
        device: where to train.
        progress: hears of each step.
        inputs: what the weights depend on; a saved state of other inputs is not gone on with.

    Raises:
        Interrupted: on Ctrl-C, after the state is saved.
    """
    torch.manual_seed(seed)
    model = build().to(device)
    groups = objective.parameter_groups(model)
    peaks = [group.pop("peak") for group in groups]
    optimizer = torch.optim.Adam(groups, lr=peaks[0], fused=device.type != "mps")
    precision = resolve_precision(settings.precision, device)
    key = digest([inputs, settings.model_dump(), precision, device.type])
    state = _State(_state_path(folder), key, device)
    step, history, best, spent = state.load(model, optimizer)
    steps, every = objective.steps, objective.steps_per_validation
    name, saved_at = folder.name, time.monotonic()
    started, first_step = time.monotonic(), step
    if step:
        progress.say(f"{name}: going on at step {step:,} of {steps:,}")
    model.train()
    with _stop_between_steps() as stop_asked:
        while step < steps:
            epoch, done = divmod(step, objective.steps_per_epoch)
            for batch in objective.batches(seed, epoch, done):
                for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                    group["lr"] = learning_rate(step, steps, peak, settings.warmup)
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                    loss = objective.loss(model, batch)
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
                if not math.isfinite(value := loss.item()) or not math.isfinite(norm.item()):
                    raise TokirError(
                        f"{name}: the loss left the finite numbers at step {step}: "
                        "lower its learning rate, or use precision fp32"
                    )
                optimizer.step()
                step += 1
                elapsed = time.monotonic() - started
                rate = (step - first_step) * objective.units_per_step / elapsed
                if step % 10 == 0 or step == steps:
                    left = (steps - step) * elapsed / (step - first_step)
                    detail = (
                        f"{objective.step_in_words(value)}  {rate:,.0f} {objective.unit}/s  {left:,.0f} s left"
                    )
                    progress.step(name, step, steps, detail)
                # The last regular validation gives way to that of the last step when it comes just before it.
                if step == steps or (step % every == 0 and steps - step >= every / 2):
                    scores = objective.validate(model)
                    history.append(
                        {
                            "step": step,
                            "epoch": step / objective.steps_per_epoch,
                            "training_loss": value,
                            **scores,
                            "learning_rate": optimizer.param_groups[0]["lr"],
                            f"{objective.unit}_per_second": round(rate, 1),
                            "seconds": round(spent + time.monotonic() - started, 1),
                        }
                    )
                    if scores["loss"] < best:
                        best = scores["loss"]
                        write_tensors(folder / "best.safetensors", model.state_dict())
                if time.monotonic() - saved_at > SECONDS_BETWEEN_SAVES:
                    state.save(model, optimizer, step, history, best, spent + time.monotonic() - started)
                    saved_at = time.monotonic()
                if stop_asked():
                    state.save(model, optimizer, step, history, best, spent + time.monotonic() - started)
                    raise Interrupted(
                        f"{name}: stopped at step {step:,} of {steps:,}; the same command goes on from there"
                    )
                if step == steps:
                    break
    progress.say(f"{name}: {objective.in_words(history[-1])} after {steps:,} steps")
    write_tensors(folder / "final.safetensors", model.state_dict())
    write_text(folder / "history.jsonl", "".join(json.dumps(line) + "\n" for line in history))
    write_json(
        folder / "config.json",
        {
            **about,
            "model": asdict(model.config),
            "parameters": model.num_parameters(),
            "precision": precision,
            "device": device.type,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "seed": seed,
            "steps": steps,
        },
    )


def forget_state(folder: Path) -> None:
    """Remove what a training into ``folder`` kept to go on with; for when its files are on record."""
    path = _state_path(folder)
    path.unlink(missing_ok=True)
    if path.parent.exists():
        path.parent.rmdir()


def _state_path(folder: Path) -> Path:
    return folder / "resume" / "state.safetensors"


class _State:
    """Everything a training needs to go on, in one safetensors file that is replaced as a whole."""

    def __init__(self, path: Path, key: str, device: torch.device) -> None:
        self.path, self.key, self.device = path, key, device

    def save(
        self,
        model: Model,
        optimizer: torch.optim.Optimizer,
        step: int,
        history: list[dict[str, Any]],
        best: float,
        seconds: float,
    ) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()})
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            tensors["random.mps"] = torch.mps.get_rng_state()
        about = {
            "key": self.key,
            "step": step,
            "history": history,
            "best": best if math.isfinite(best) else None,
            "seconds": seconds,
        }
        write_tensors(self.path, tensors, {"tokir": json.dumps(about)})

    def load(
        self, model: Model, optimizer: torch.optim.Optimizer
    ) -> tuple[int, list[dict[str, Any]], float, float]:
        """Step, history, best loss, seconds spent; a start from nothing when there is no state that fits."""
        if not self.path.exists():
            return 0, [], math.inf, 0.0
        try:
            tensors, metadata = read_tensors(self.path)
            about = json.loads(metadata["tokir"])
        except (TokirError, KeyError, ValueError):
            log.warning("%s: damaged; the training starts again", self.path)
            return 0, [], math.inf, 0.0
        if about["key"] != self.key:
            log.warning("%s: of other settings or data; the training starts again", self.path)
            return 0, [], math.inf, 0.0
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("adam."):
                _, index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        torch.set_rng_state(tensors["random.cpu"])
        if self.device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        elif self.device.type == "mps" and "random.mps" in tensors:
            torch.mps.set_rng_state(tensors["random.mps"])
        best = about["best"]
        return about["step"], about["history"], math.inf if best is None else best, about["seconds"]


def load_trained(folder: Path, checkpoint: str, device: torch.device) -> Model:
    """The model of ``folder`` with its ``best`` or ``final`` weights, ready to read; TokirError when damaged."""
    place = folder / "config.json"
    try:
        about = json.loads(place.read_text("utf-8"))
        model = rebuild(about["model"], about["architecture"], retrieves(about["objective"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TokirError(f"{place}: damaged model configuration ({error}): run the training again") from None
    weights, _ = read_tensors(folder / f"{checkpoint}.safetensors")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TokirError(f"{folder / checkpoint}.safetensors: of another model: {error}") from None
    return model.to(device).eval()
