"""What a training keeps: the state that it resumes from, and the model that it leaves."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tokir.artifacts import Names, read_tensors, write_tensors
from tokir.artifacts.durable import remove_folder
from tokir.config import Objective
from tokir.errors import TokirError
from tokir.models import rebuild
from tokir.models.registry import foreign_weights
from tokir.untrusted import read_json, within

if TYPE_CHECKING:
    from tokir.models import Model

log = logging.getLogger("tokir")
FILES = (Names.weights("best"), Names.weights("final"), Names.HISTORY, Names.MODEL_CONFIG)
"""What a finished training leaves in its model's folder."""


@dataclass
class Position:
    """How far a training has come."""

    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)  # of its validations
    best: float = math.inf  # lowest validation loss
    best_weights: dict[str, Tensor] = field(default_factory=dict)  # with that loss, on the CPU
    seconds: float = 0.0  # spent, over all sittings


class State:
    """Everything a training needs to resume, in one safetensors file that is replaced as a whole.

    Args:
        folder: of the model.
        key: hash of all that the weights depend on; a state with another key is not resumed from.
        device: whose random state is kept beside the CPU's.
    """

    def __init__(self, folder: Path, key: str, device: torch.device) -> None:
        self.path, self.key, self.device = _state_path(folder), key, device

    def save(self, model: Model, optimizer: torch.optim.Optimizer, position: Position) -> None:
        """Write weights, the best ones so far, Adam's moments, random states and the position, with a hash of all."""
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in position.best_weights.items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()})
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            tensors["random.mps"] = torch.mps.get_rng_state()
        about = {
            "key": self.key,
            "step": position.step,
            "history": position.history,
            "best": position.best if math.isfinite(position.best) else None,
            "seconds": position.seconds,
        }
        write_tensors(self.path, tensors, {"tokir": json.dumps(about), "sha256": _digest(tensors, about)})

    def load(self, model: Model, optimizer: torch.optim.Optimizer) -> Position:
        """Restore what was saved; the start, and nothing restored, where there is no state that fits."""
        if not self.path.exists():
            return Position()
        try:
            tensors, metadata = read_tensors(self.path)
            about = json.loads(metadata["tokir"])
            if metadata["sha256"] != _digest(tensors, about):
                raise ValueError("its bytes are not those that were written")
        except (TokirError, KeyError, ValueError):
            log.warning("%s: damaged; the training starts again", self.path)
            return Position()
        if about["key"] != self.key:
            log.warning("%s: of other settings or data; the training starts again", self.path)
            return Position()
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
        best = math.inf if about["best"] is None else about["best"]
        weights = {name[5:]: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        return Position(about["step"], about["history"], best, weights, about["seconds"])


def _digest(tensors: dict[str, Tensor], about: dict[str, Any]) -> str:
    """SHA-256 over all that a state holds."""
    sha = hashlib.sha256(json.dumps(about).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def forget_state(folder: Path) -> None:
    """Remove what a training into ``folder`` kept to resume from; for when its files are on record."""
    remove_folder(_state_path(folder).parent)


def _state_path(folder: Path) -> Path:
    return within(folder, Names.STATE)


def load_trained(folder: Path, checkpoint: str, device: torch.device) -> Model:
    """The model of ``folder`` with its ``best`` or ``final`` weights, ready to read; TokirError when damaged."""
    file = folder / Names.MODEL_CONFIG
    try:
        about = read_json(file)
        model = rebuild(about["model"], about["architecture"], Objective.parse(about["objective"]).retrieves)
    except (OSError, ValueError, KeyError, TypeError, TokirError) as error:
        raise TokirError(f"{file}: damaged model configuration ({error}): run the training again") from None
    weights, _ = read_tensors(folder / Names.weights(checkpoint))
    try:
        model.load_state_dict(weights)
    except RuntimeError:  # torch lists what is missing on many lines
        raise foreign_weights(folder / Names.weights(checkpoint)) from None
    return model.to(device).eval()
