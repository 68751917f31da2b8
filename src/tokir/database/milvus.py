"""A collection of Milvus (Wang et al., 2021, Milvus: A Purpose-Built Vector Data Management System), by its own client.

One client speaks to Milvus Lite, which keeps its data in a folder and runs in this process, to a server, and to a
cluster; which of them is decided by the address alone.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tokir.errors import TokirError, Unavailable
from tokir.retrieval.hnsw import BUILT_WITH, CANDIDATES, NEIGHBOURS
from tokir.untrusted import expanded

LONGEST_ID, LONGEST_TEXT = 512, 65_535  # bytes; the latter is all that a field of Milvus can hold
LISTED_AT_ONCE = 10_000
SECONDS, SECONDS_TO_LOAD = 60, 3600  # that a request may take, and one that has a collection read into memory
EMBEDDED = ".db"  # ends the name of a folder of Milvus Lite
INDEXES = {  # kind to Milvus's name for it, how it is built and how it is asked
    "exact": ("FLAT", {}, {}),
    "hnsw": ("HNSW", {"M": NEIGHBOURS, "efConstruction": BUILT_WITH}, {"ef": CANDIDATES}),
}


class Row(NamedTuple):
    """A passage as the database keeps it."""

    id: str
    title: str
    text: str
    version: str  # hash of the model and of the passage: another one means that the row is of old
    vector: NDArray[np.float32]  # of unit length, so that the inner product is the cosine


def _others(place: Path) -> str:
    """What lies where a folder of Milvus Lite is to be, in words; nothing where it is one, or empty, or not there."""
    if place.is_file():
        return "a file"
    if place.is_dir() and not (place / "collections").is_dir() and any(place.iterdir()):
        return "a folder with other files"
    return ""


class Collection:
    """A named collection of rows.

    Args:
        address: a folder whose name ends in ``.db``, or ``http://host:19530``, ``https://...``.
        name: of the collection.
        token: ``user:password`` or a key, where the server asks for one.

    Raises:
        Unavailable: pymilvus, or for a folder milvus-lite, is not installed.
        TokirError: the database does not answer, or another process has opened the folder.
    """

    def __init__(self, address: str, name: str, token: str = "") -> None:
        place = address.rstrip("/")  # which a shell puts behind the name of a folder
        self.address = str(expanded(place)) if place.endswith(EMBEDDED) else address
        self.name = name
        try:
            import grpc
            import pymilvus

            if self.embedded:
                import milvus_lite  # noqa: F401  (else the client's error speaks of a server)
        except ImportError:
            raise Unavailable("a Milvus database needs its client: pip install 'tokir[milvus]'") from None
        for library in ("pymilvus", "milvus_lite"):  # what goes wrong is said once, as an error
            logging.getLogger(library).setLevel(logging.CRITICAL)
        self._milvus, self._grpc, self._loaded = pymilvus, grpc, False
        if self.embedded and (inside := _others(Path(self.address))):
            raise TokirError(f"{self.address}: {inside}, not a folder of Milvus Lite: choose another name")
        if self.embedded and not os.access(folder := Path(self.address).absolute().parent, os.W_OK):
            raise TokirError(
                f"{self.address}: {folder} is not there, or not to be written to: name another folder"
            )
        try:
            with self._errors():
                self._client = pymilvus.MilvusClient(self.address, token=token, timeout=SECONDS)
        except ValueError as error:
            raise TokirError(f"{address} is no address of a database: {error}") from None

    @property
    def embedded(self) -> bool:
        """Is it a folder of Milvus Lite?"""
        return self.address.endswith(EMBEDDED)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._milvus.MilvusException as error:
            hint = ": is it open in another process?" if error.message == "Open local milvus failed" else ""
            raise TokirError(f"{self.address}, collection {self.name}: {error.message}{hint}") from None
        except self._grpc.RpcError as error:  # which the client lets pass
            raise TokirError(f"{self.address}, collection {self.name}: {error.details()}") from None

    def close(self) -> None:
        """Let go of the connection; a folder stays with this process until it ends."""
        self._client.close()

    def exists(self) -> bool:
        """Is there a collection of this name?"""
        return bool(self._ask(self._client.has_collection))

    def create(self, dimensions: int, kind: str) -> None:
        """Make it, empty, with an index of ``INDEXES`` over vectors of so many dimensions."""
        types = self._milvus.DataType
        schema = self._milvus.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", types.VARCHAR, is_primary=True, max_length=LONGEST_ID)
        for field in ("title", "text", "version"):
            schema.add_field(field, types.VARCHAR, max_length=LONGEST_TEXT)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=dimensions)
        indexes = self._milvus.MilvusClient.prepare_index_params()
        name, params, _ = INDEXES[kind]
        indexes.add_index("vector", index_type=name, metric_type="IP", params=params)
        self._ask(self._client.create_collection, schema=schema, index_params=indexes)

    def dimensions(self) -> int | None:
        """Of its vectors; None where it is a collection of something else."""
        fields = {field["name"]: field for field in self._ask(self._client.describe_collection)["fields"]}
        wanted = {"id", "title", "text", "version", "vector"}
        return int(fields["vector"]["params"]["dim"]) if wanted <= fields.keys() else None

    def count(self) -> int:
        """Number of rows."""
        [found] = self._query("", ["count(*)"])
        return int(found["count(*)"])

    def versions(self, ids: Sequence[str]) -> dict[str, str]:
        """The version of those of ``ids`` that are there."""
        return {row["id"]: row["version"] for row in self._query(_among(ids), ["id", "version"])}

    def some_version(self) -> str | None:
        """The version of any row; None where there are none."""
        found = self._query("", ["version"], limit=1)
        return str(found[0]["version"]) if found else None

    def upsert(self, rows: Sequence[Row]) -> None:
        """Put rows in, each in place of the one with its id."""
        self._ask(self._client.upsert, data=[row._asdict() for row in rows])

    def delete(self, ids: Sequence[str]) -> None:
        """Take rows out; ids that are not there are passed over."""
        self._ask(self._client.delete, filter=_among(ids))

    def ids(self) -> Iterator[list[str]]:
        """The ids of all rows in ascending order, some at a time."""
        where = ""
        while found := self._query(where, ["id"], limit=LISTED_AT_ONCE, **_IN_ORDER):
            ids = [row["id"] for row in found]
            yield ids
            where = f"id > {_written(max(ids))}"

    def search(self, queries: NDArray[np.float32], depth: int) -> list[list[str]]:
        """The ids of the rows nearest to each of ``queries`` (n, dimensions), best first."""
        self._load()
        described = self._ask(self._client.describe_index, index_name="vector") or {}
        asked = next((ask for name, _, ask in INDEXES.values() if name == described.get("index_type")), {})
        found = self._ask(
            self._client.search,
            data=list(queries),
            limit=depth,
            anns_field="vector",
            search_params={"metric_type": "IP", "params": asked},
            consistency_level="Strong",
        )
        return [[hit["id"] for hit in hits] for hits in found]

    def _load(self) -> None:
        """Let the collection be searched, which a server has to be told once."""
        if not self._loaded:
            self._ask(self._client.load_collection, timeout=SECONDS_TO_LOAD)
            self._loaded = True

    def _query(self, where: str, fields: list[str], **more: Any) -> list[dict[str, Any]]:
        self._load()
        asked = {"filter": where, "output_fields": fields, "consistency_level": "Strong", **more}
        return list(self._ask(self._client.query, **asked))

    def _ask(self, request: Callable[..., Any], timeout: int = SECONDS, **words: Any) -> Any:
        """What the client answers to a request about this collection, within ``timeout`` seconds."""
        with self._errors():
            return request(self.name, timeout=timeout, **words)


# What the client's own iterator asks for, so that a page holds the smallest ids; that one writes ids as they are.
_IN_ORDER = {"iterator": "True", "reduce_stop_for_best": "True"}


def _among(ids: Sequence[str]) -> str:
    return f"id in {_written(list(ids))}"


def _written(value: Any) -> str:
    """As it stands in a filter: strings of Milvus are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
