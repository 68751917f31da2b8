"""The run folder: the names of its files, how they are written, their hashes, the manifest and the lock."""

from tokir.artifacts.durable import atomic
from tokir.artifacts.folder import RunFolder
from tokir.artifacts.formats import (
    array_header,
    digest,
    file_digest,
    json_text,
    read_array,
    read_sealed,
    read_tensors,
    text_digest,
    write_array,
    write_json,
    write_sealed,
    write_tensors,
    write_text,
)
from tokir.artifacts.names import Names

__all__ = [
    "Names",
    "RunFolder",
    "array_header",
    "atomic",
    "digest",
    "file_digest",
    "json_text",
    "read_array",
    "read_sealed",
    "read_tensors",
    "text_digest",
    "write_array",
    "write_json",
    "write_sealed",
    "write_tensors",
    "write_text",
]
