"""Folders of models that others made: weights as safetensors, files of a bounded size, no pickles, no code.

Code that a configuration asks for (``auto_map``) the libraries refuse, since ``trust_remote_code`` is False.
Links are followed, since the cache of the Hugging Face hub consists of them.
"""

from __future__ import annotations

from pathlib import Path

from tokir.errors import Unavailable
from tokir.untrusted import MOST_OF_A_MODEL, require_size

NO_CODE = "and no code that comes with a model is run (trust_remote_code): name another model"
NO_PICKLES = (
    "pickled weights are not read, since they may run code: convert them to model.safetensors "
    "(save_pretrained of the library writes it), or name another model"
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_READ_WHOLE = (".json", ".txt", ".model", ".jinja", ".tiktoken")
_OTHER_BACKENDS = ("onnx", "openvino")  # folders of the same model for libraries that are not used


def require_plain(path: Path) -> None:
    """Unavailable where the files of a model are not such as are read; the sentence says what to do.

    A pickle beside safetensors is left alone: it is not read.
    """
    for pattern in _PICKLES:
        for weights in model_files(path, pattern):
            if not any(weights.parent.glob("*.safetensors")):
                raise Unavailable(f"{weights}: {NO_PICKLES}")
    if not model_files(path, "*.safetensors"):
        raise Unavailable(f"{path} holds no weights as safetensors, and {NO_PICKLES}")
    for file in model_files(path, "*"):
        if file.suffix in _READ_WHOLE:
            require_size(file, MOST_OF_A_MODEL)


def model_files(path: Path, pattern: str) -> list[Path]:
    """The files of a model, those of its modules among them, in a fixed order."""
    found = (file for file in path.rglob(pattern) if file.is_file())
    inside = ((file.relative_to(path).parts, file) for file in found)
    return sorted(
        file
        for parts, file in inside
        if parts[0] not in _OTHER_BACKENDS and not any(part.startswith(".") for part in parts)
    )
