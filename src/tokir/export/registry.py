"""The forms that a system leaves a run in: each is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.registry import Registry

if TYPE_CHECKING:
    from tokir.export.exporter import Exporter

EXPORTS: Registry[Exporter] = Registry(
    "export",
    {
        "sentence-transformers": "tokir.export.sentence:EXPORTER",
        "model2vec": "tokir.export.model2vec:EXPORTER",
        "onnx": "tokir.export.onnx:EXPORTER",
    },
)
