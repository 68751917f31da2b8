"""The architectures that a study can name. Light: an architecture's network is imported when it is first built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tokir.errors import TokirError
from tokir.registry import Registry, at

if TYPE_CHECKING:
    from tokir.models.network import NetworkConfig

Match = Literal["none", "total", "non-embedding"]  # parameters that models adapt their width to
STATIC = "static"  # the architecture whose token vectors a network's may start from


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a reader calls an architecture, where its network is, and its settings where a study says nothing.

    Without a network a model trained to retrieve is a weighted bag of token vectors, and never a language model; nor is
    a network that sees what comes next.
    """

    label: str
    network: str | None = None  # path of the configuration of its network, ``package.module:NetworkConfig``
    graph: str | None = None  # path of its form in ONNX; without one torch computes it
    steps: int  # batches it is trained on to retrieve: a network's cost ten and more times a static one
    batch_size: int  # pairs in each
    learning_rate: float | None = None  # peak as a language model; None for what cannot be one
    retrieval_learning_rate: float | None = None  # peak of its network when it is trained to retrieve
    objectives: tuple[str, ...] = ("lm",)

    @property
    def language_model(self) -> bool:
        """Can it be trained as a language model?"""
        return self.learning_rate is not None

    @property
    def defaults(self) -> dict[str, Any]:
        """Its own settings, ``models.<architecture>``; those that it has no use for are left out."""
        names = ("learning_rate", "retrieval_learning_rate", "steps", "batch_size")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def load(self) -> type[NetworkConfig]:
        """The class that configures its network; ValueError where it has none."""
        if self.network is None:
            raise ValueError(f"{self.label}: this architecture has no network")
        config: type[NetworkConfig] = at(self.network)
        return config


ARCHITECTURES = Registry[Architecture](
    "architecture",
    {
        "lstm": Architecture(
            label="LSTM",
            network="tokir.models.lstm:LSTMConfig",
            graph="tokir.encoders.graphs.networks:lstm",
            steps=400,
            batch_size=128,
            learning_rate=1e-2,
            retrieval_learning_rate=2e-3,
        ),
        "transformer": Architecture(
            label="Transformer",
            network="tokir.models.transformer:TransformerConfig",
            graph="tokir.encoders.graphs.networks:transformer",
            steps=200,
            batch_size=128,
            learning_rate=1e-3,
            retrieval_learning_rate=1e-3,
        ),
        "convolution": Architecture(
            label="Convolution",
            network="tokir.models.convolution:ConvolutionConfig",
            graph="tokir.encoders.graphs.networks:convolution",
            steps=600,
            batch_size=256,
            retrieval_learning_rate=3e-3,
            objectives=("contrastive+queries",),
        ),
        STATIC: Architecture(label="Static", steps=2000, batch_size=256, objectives=("contrastive+queries",)),
    },
)
"""Each with learning rates of its own: with common ones a comparison would be of learning rates."""


def foreign_weights(file: Path) -> TokirError:
    """The error of weights that do not fit what the configuration beside them describes."""
    return TokirError(
        f"{file}: not the weights of the model that config.json describes, or written by an earlier tokir: train it "
        "again in another folder"
    )
