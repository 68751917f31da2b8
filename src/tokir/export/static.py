"""What the libraries that know static models, and nothing else that is trained here, ask of a system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokir.export.source import Source


def require_static(source: Source, library: str) -> None:
    """TokirError where the system is not a table of token vectors whose sum is the vector of a text."""
    if source.table is None:
        raise TokirError(f"{library} has no module for the network of {source.system}: export it to onnx")
    if source.whitening is not None:
        raise TokirError(f"{library} has no module for the whitening of {source.system}: export it to onnx")
    _ = source.tokenizer  # which may have no tokenizer.json
