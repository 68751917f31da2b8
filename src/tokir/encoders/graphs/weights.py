"""A trained model without torch: its weights by name, and the sizes that they do not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import Names, read_tensors
from tokir.errors import TokirError
from tokir.models.registry import ARCHITECTURES, foreign_weights
from tokir.untrusted import read_json

Arrays = Mapping[str, NDArray[np.float32]]


class _Stored(dict[str, NDArray[np.float32]]):
    """Weights by name, of a file; where one is missing they are another model's."""

    def __init__(self, file: Path, weights: Arrays) -> None:
        super().__init__(weights)
        self._file = file

    def __missing__(self, name: str) -> NDArray[np.float32]:
        raise foreign_weights(self._file)


@dataclass(frozen=True)
class ModelWeights:
    """A language model or a retriever.

    Attributes:
        architecture: of its network.
        config: of its network, as JSON; empty without one.
        network: weights of its network, by the names that its modules have in torch.
        own: those that a retriever has beside its network: token vectors and weights, and ``mix``; empty for a
            language model.
    """

    architecture: str
    config: Mapping[str, Any]
    network: Arrays
    own: Arrays

    @classmethod
    def of(cls, architecture: str, config: Mapping[str, Any], weights: Arrays) -> ModelWeights:
        """Of a model with all its weights; a retriever's configuration names that of its network."""
        if "network" not in config:
            return cls(architecture, config, weights, {})
        head = "network."
        network = {name.removeprefix(head): array for name, array in weights.items() if name.startswith(head)}
        own = {name: array for name, array in weights.items() if not name.startswith(head)}
        return cls(architecture, config["network"] or {}, network, own)

    @classmethod
    def read(cls, folder: Path, checkpoint: str) -> ModelWeights:
        """The ``best`` or ``final`` weights of a finished training.

        TokirError where a file is damaged, and later where a weight is asked for that is not among them.
        """
        file = folder / Names.MODEL_CONFIG
        try:
            about = read_json(file)
            architecture, config = ARCHITECTURES.check(about["architecture"]), dict(about["model"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TokirError(f"{file}: damaged model configuration ({error}): run the training again") from None
        weights = folder / Names.weights(checkpoint)
        model = cls.of(architecture, config, read_tensors(weights, "numpy")[0])
        return replace(model, network=_Stored(weights, model.network), own=_Stored(weights, model.own))

    @property
    def dimensions(self) -> int:
        """Of a text's vector."""
        return int(self.own["embedding.weight"].shape[1] if self.own else self.config["width"])

    @property
    def token_weights(self) -> NDArray[np.float32] | None:
        """(vocabulary,) of each token in the mean over a text; None where the model has none of its own."""
        return np.exp(self.own["log_weight"]) if self.own else None
