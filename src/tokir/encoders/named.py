"""The pretrained encoder that a name stands for: one of ``PRETRAINED``, or any that sentence-transformers reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.encoders import pretrained, sentence
from tokir.encoders.registry import PRETRAINED, is_foreign

if TYPE_CHECKING:
    import torch

    from tokir.encoders import ReadyMade


def find(name: str, folder: str | None = None, download: bool = False) -> Path:
    """The folder that holds it; raises as :func:`load` does.

    Args:
        name: a checked name.
        folder: where the user said that it lies.
        download: whether it may be fetched.
    """
    if is_foreign(name):
        return sentence.find_model(name, folder, download)
    return pretrained.find_weights(name, folder, download)


def checksum(name: str, path: Path) -> str:
    """Hash of all files in its folder ``path`` that decide a vector."""
    return sentence.checksum(path) if is_foreign(name) else pretrained.checksum(path)


def settings(name: str) -> dict[str, Any]:
    """What a vector depends on beside these files, as JSON."""
    return {} if is_foreign(name) else {"longest": PRETRAINED[name].longest}


def load(
    name: str, *, folder: str | None = None, download: bool = False, device: torch.device | str = "cpu"
) -> ReadyMade:
    """The encoder, as it reads queries.

    Raises:
        Unavailable: the model, or the library that reads it, is not on this machine, or it is not one that is read;
            says how to get it.
        TokirError: a folder was named for one of ``PRETRAINED`` and no model can be read from it, or its weights are
            not the official ones.
    """
    if is_foreign(name):
        return sentence.load_sentence_encoder(name, folder=folder, download=download, device=device)
    return pretrained.load_pretrained(name, folder=folder, download=download, device=device)
