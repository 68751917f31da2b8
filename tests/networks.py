"""Small networks of every kind with random weights, and a tokenizer that cuts nothing."""

from __future__ import annotations

from dataclasses import asdict

import torch

from tokir.config import RetrievalSettings, TrainingSettings
from tokir.encoders.graphs.weights import ModelWeights
from tokir.models import build_language_model, build_retriever

SIZE, WINDOW = 90, 16  # entries; tokens read at once


def _language_model(name):
    return build_language_model(name, SIZE, TrainingSettings(sequence_length=WINDOW), 32)


def _retriever(name):
    return build_retriever(name, SIZE, RetrievalSettings(dimensions=24), WINDOW, width=32)


_BUILT = {
    "lstm": lambda: _language_model("lstm"),
    "transformer": lambda: _language_model("transformer"),
    "retrieving lstm": lambda: _retriever("lstm"),
    "retrieving transformer": lambda: _retriever("transformer"),
    "convolution": lambda: _retriever("convolution"),
}
NETWORKS = tuple(_BUILT)


def network(name):
    """A model in torch, and the same weights without it."""
    torch.manual_seed(4)
    model = _BUILT[name]()
    for parameter in model.parameters():  # far from the zeros that some of them start with
        parameter.data += torch.randn_like(parameter) * 0.05
    arrays = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    return model, ModelWeights.of(name.split()[-1], asdict(model.config), arrays)


class Ids:
    """Texts are their ids already."""

    vocabulary_size = SIZE

    def encode(self, texts):
        return texts
