"""The kinds of index for passages' vectors, and of systems that answer: each is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tokir.registry import Registry

if TYPE_CHECKING:
    from tokir.retrieval.files import SystemFiles
    from tokir.retrieval.index import Index

Method = Literal["weighted", "rrf"]
"""How a fusion puts lists together."""

INDEXES: Registry[type[Index]] = Registry(
    "index",
    {
        "exact": "tokir.retrieval.exact:ExactIndex",
        "int8": "tokir.retrieval.int8:Int8Index",
        "binary": "tokir.retrieval.binary:BinaryIndex",
        "hnsw": "tokir.retrieval.hnsw:HnswIndex",
        "ivfpq": "tokir.retrieval.ivfpq:IvfPqIndex",
    },
)

SEARCHERS: Registry[type[SystemFiles]] = Registry(
    "kind of system",
    {
        "dense": "tokir.retrieval.files:DenseFiles",
        "late": "tokir.retrieval.files:LateFiles",
        "lexical": "tokir.retrieval.files:LexicalFiles",
        "fusion": "tokir.retrieval.files:FusionFiles",
    },
)
