"""An encoder as the files it is opened from: what a study writes down and an opened run reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from tokir.artifacts import read_array
from tokir.errors import TokirError, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tokir.encoders import Encoder, ReadyMade
    from tokir.encoders.graphs.weights import ModelWeights
    from tokir.tokenizers import Tokenizer


class Surroundings(Protocol):
    """What an encoder is opened with: the run folder and this machine."""

    device: str  # cpu, cuda or mps

    def file(self, name: str) -> Path:
        """The path of a file of the run folder."""

    def tokenizer(self, name: str) -> Tokenizer:
        """The tokenizer in a file of the run folder."""

    def pretrained(self, name: str, folder: str | None) -> ReadyMade:
        """A pretrained encoder, loaded once; Unavailable where it is not on this machine."""


class EncoderFiles(Protocol):
    """A frozen dataclass of names of files and of settings."""

    weight: ClassVar[int]  # what opening loads: 0 tables, 1 a network, 2 a library of pretrained models

    @property
    def open(self) -> Callable[[Surroundings], Encoder]:
        """Load the encoder; Unavailable where this machine lacks what it needs."""


@dataclass(frozen=True)
class StaticFiles:
    """A table of weighted token vectors."""

    weight: ClassVar[int] = 0
    table: str
    tokenizer: str

    def open(self, surroundings: Surroundings) -> Encoder:
        """Map the table; torch is not needed."""
        from tokir.encoders.static import StaticEncoder

        return StaticEncoder(read_array(surroundings.file(self.table)), surroundings.tokenizer(self.tokenizer))


@dataclass(frozen=True)
class NetworkFiles:
    """A network, or a static model whose vectors are hashed."""

    weight: ClassVar[int] = 1
    model: str  # the folder of its training
    checkpoint: str  # best or final
    tokenizer: str
    window: int  # tokens read at once
    weights: str | None  # (vocabulary,) of each token in the mean of a language model; all equal without

    def open(self, surroundings: Surroundings) -> Encoder:
        """On a processor by onnxruntime, where it is installed and knows the network; else by torch."""
        from tokir.encoders import runtime

        if surroundings.device == "cpu" and runtime.is_installed():
            model = self.read(surroundings)
            if runtime.computes(model):
                tokenizer = surroundings.tokenizer(self.tokenizer)
                return runtime.RuntimeEncoder(model, tokenizer, self.window, self.token_weights(surroundings))
        return self.open_in_torch(surroundings)

    def open_in_torch(self, surroundings: Surroundings) -> Encoder:
        """On any device, in whatever precision torch is told to."""
        from tokir.encoders.trained import encoder_of
        from tokir.training.checkpoint import load_trained
        from tokir.training.device import resolve_device

        device = resolve_device(surroundings.device)
        model = load_trained(surroundings.file(self.model), self.checkpoint, device)
        tokenizer = surroundings.tokenizer(self.tokenizer)
        return encoder_of(model, tokenizer, self.window, self.token_weights(surroundings))

    def open_in_bf16(self, surroundings: Surroundings) -> Encoder:
        """A network by torch, since onnxruntime computes in fp32 whatever is asked; a static model in fp32."""
        from tokir.encoders.trained import TrainedEncoder

        encoder = self.open_in_torch(surroundings)
        if isinstance(encoder, TrainedEncoder):
            encoder.round()
        return encoder

    def read(self, surroundings: Surroundings) -> ModelWeights:
        """Its weights, without torch; TokirError where a file is damaged."""
        from tokir.encoders.graphs.weights import ModelWeights

        return ModelWeights.read(surroundings.file(self.model), self.checkpoint)

    def token_weights(self, surroundings: Surroundings) -> NDArray[np.float32] | None:
        """(vocabulary,) of each token; None where these are the model's own, or all equal."""
        return None if self.weights is None else read_array(surroundings.file(self.weights))


@dataclass(frozen=True)
class PretrainedFiles:
    """A model that was not trained here and does not lie in the run folder."""

    weight: ClassVar[int] = 2
    name: str  # as the study names it: of PRETRAINED, or a folder or a hub id
    folder: str | None  # where the user said that it lies
    checksum: str  # of the model that embedded the passages

    def open(self, surroundings: Surroundings) -> ReadyMade:
        """Load the model, which must be the one that embedded the passages."""
        try:
            encoder = surroundings.pretrained(self.name, self.folder)
        except TokirError as error:  # a folder that is gone is no mistake in a question
            raise Unavailable(str(error)) from None
        if encoder.checksum != self.checksum:
            raise Unavailable(f"{self.name} on this machine is not the model that embedded the passages")
        return encoder


@dataclass(frozen=True)
class Model2VecFiles:
    """A model that model2vec distilled."""

    weight: ClassVar[int] = 2
    folder: str

    def open(self, surroundings: Surroundings) -> Encoder:
        """Load it with its library."""
        from tokir.encoders.model2vec import Model2VecEncoder

        return Model2VecEncoder(surroundings.file(self.folder))
