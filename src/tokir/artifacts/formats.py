"""Files by their format: text, JSON, arrays and tensors, written atomically and read with errors that name the file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tokir.artifacts.durable import atomic
from tokir.errors import TokirError, unreadable
from tokir.untrusted import read_json

SEAL = "sha256"  # the field of a sealed JSON file that holds the hash of all others


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically."""
    with atomic(path) as file:
        file.write(text)


def write_json(path: Path, value: Any) -> None:
    """Write :func:`json_text` atomically."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """``value`` as indented JSON; NaN and infinity are refused, as JSON has neither."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """As :func:`write_json`, with a hash of the value, for a file that stands in no manifest."""
    write_json(path, {**value, SEAL: digest(value)})


def read_sealed(path: Path) -> dict[str, Any]:
    """What :func:`write_sealed` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not what was written; the words say why.
    """
    value = read_json(path)
    if not isinstance(value, dict) or value.pop(SEAL, None) != digest(value):
        raise ValueError("its content is not what was written")
    return value


def write_tensors(path: Path, tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write torch tensors as safetensors, atomically; the same tensors give the same bytes."""
    from safetensors.torch import save

    data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if metadata:  # the library writes its fields in an order that differs from process to process
        header["__metadata__"] = metadata
    with atomic(path, "wb") as file:
        file.write(data[:8] + json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(length))
        file.write(memoryview(data)[8 + length :])


def read_tensors(path: Path, framework: str = "pt") -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors (of torch, or of ``numpy``) and metadata of a safetensors file; TokirError names one that is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error, "delete it and run the study again") from None


def write_array(path: Path, array: Any) -> None:
    """Write a numpy array in ``.npy`` format, atomically."""
    import numpy as np

    with atomic(path, "wb") as file:
        np.save(file, array, allow_pickle=False)


def array_header(dtype: Any, shape: tuple[int, ...]) -> bytes:
    """What a ``.npy`` file of an array in C order begins with; as long for any number of rows."""
    from io import BytesIO

    import numpy as np

    stream = BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


def read_array(path: Path) -> Any:
    """A numpy array, memory-mapped; TokirError names a file that is missing or damaged."""
    import numpy as np

    try:
        # Not np.load, which opens a zip and a pickle as well; rows of np.memmap come slowly.
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except FileNotFoundError:
        raise TokirError(f"{path}: missing: run the study again") from None
    except Exception as error:  # numpy raises whatever a damaged header provokes
        raise unreadable(path, error, "delete it and run the study again") from None


def digest(value: Any) -> str:
    """SHA-256 of a JSON-like value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def text_digest(text: str) -> str:
    """:func:`file_digest` of the file that :func:`write_text` makes of ``text``."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()
