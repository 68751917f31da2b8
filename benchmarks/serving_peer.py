"""The peer of `serving.py`: a static model behind sentence-transformers and FastAPI.

python benchmarks/serving_peer.py TABLE.npy TOKENIZER.json PORT
"""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

from tokenizers import Tokenizer


class Asked(BaseModel):
    """What a client sends."""

    model: str
    input: list[str]


class Vector(BaseModel):
    """One text's."""

    object: str = "embedding"
    index: int
    embedding: list[float]


class Answer(BaseModel):
    """What it gets."""

    object: str = "list"
    data: list[Vector]
    model: str


app = FastAPI()
table, tokenizer, port = sys.argv[1:]
static = StaticEmbedding(Tokenizer.from_file(tokenizer), embedding_weights=np.load(table))
model = SentenceTransformer(modules=[static, Normalize()], device="cpu")


@app.post("/v1/embeddings")
def embeddings(asked: Asked) -> Answer:
    """Embed texts."""
    vectors = model.encode(asked.input, show_progress_bar=False).tolist()
    data = [Vector(index=index, embedding=vector) for index, vector in enumerate(vectors)]
    return Answer(data=data, model=asked.model)


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", http="httptools", loop="uvloop")
