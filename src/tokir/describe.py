"""What a row of the result table is, told by the artefacts in the run folder."""

from __future__ import annotations

import json
from typing import Any

from tokir.artifacts import RunFolder
from tokir.config import StudyConfig
from tokir.systems import OBJECTIVE, BaselineSystem, System, TrainedSystem

ARCHITECTURES = {"lstm": "LSTM", "transformer": "Transformer"}
POOLINGS = {"mean": "raw mean", "mean-white": "whitened mean"}


def describe(system: System, folder: RunFolder, config: StudyConfig) -> dict[str, Any]:
    """A row of ``results.json`` without scores and latency; every row has the same keys first."""
    row: dict[str, Any] = {
        "id": system.id,
        "kind": "trained",
        "title": "",
        "tokenizer": None,
        "architecture": None,
        "objective": None,
        "pooling": None,
        "seed": None,
        "parameters": None,
        "dimensions": None,
        "language_model": None,
        "scores": None,
        "intervals": None,
        "latency_ms": None,
        "status": "ok",
        "reason": None,
    }
    if isinstance(system, TrainedSystem):
        return row | _trained(system, folder, config)
    if system.id == "bm25":
        from tokir.retrieval.bm25 import K1, B

        return row | {"kind": "lexical", "title": f"BM25, k1 {K1}, b {B}", "architecture": "bm25"}
    return row | _pretrained(system, folder)


def unavailable(reason: str) -> dict[str, str]:
    """What to add to the row of a baseline that is not on this machine; nothing stands in for it."""
    return {"status": "unavailable", "reason": reason}


def _trained(system: TrainedSystem, folder: RunFolder, config: StudyConfig) -> dict[str, Any]:
    place = folder.path / "models" / system.model.id
    model = json.loads((place / "config.json").read_text("utf-8"))
    history = [json.loads(line) for line in (place / "history.jsonl").read_text("utf-8").splitlines()]
    used = history[-1] if config.training.checkpoint == "final" else min(history, key=lambda line: line["loss"])
    tokenizer = folder.path / "tokenizers" / system.model.tokenizer.id / "training.json"
    vectors = f"embeddings/{TrainedSystem(system.model, 'mean').id}/corpus.npy"
    architecture = ARCHITECTURES[system.model.architecture]
    row: dict[str, Any] = {
        "title": f"{architecture} language model, {POOLINGS[system.pooling]}",
        "tokenizer": json.loads(tokenizer.read_text("utf-8")),
        "architecture": system.model.architecture,
        "objective": OBJECTIVE,
        "pooling": system.pooling,
        "seed": system.model.seed,
        "parameters": model["parameters"],
        "dimensions": model["model"]["width"],
        "language_model": {
            "perplexity": used["perplexity"],
            "bits_per_character": used["bits_per_character"],
            "bits_per_byte": used["bits_per_byte"],
            "epochs": config.training.epochs,
            "tokens_per_second": history[-1]["tokens_per_second"],
            "precision": model["precision"],
            "history": history,
        },
        "seconds": {
            "train": history[-1]["seconds"],  # over all sittings
            "embed": folder.entry(vectors)["seconds"],
        },
    }
    if system.pooling == "mean-white":
        from tokir.models.whitening import Whitening

        whitening = Whitening.load(folder.path / f"embeddings/{system.id}/whitening.safetensors")
        row["whitening_strength"] = whitening.strength
    return row


def _pretrained(system: BaselineSystem, folder: RunFolder) -> dict[str, Any]:
    from tokir.encoders.pretrained import BASELINES

    assert system.id != "bm25"
    baseline = BASELINES[system.id]
    row: dict[str, Any] = {
        "kind": "pretrained",
        "title": baseline.title,
        "architecture": system.id,
        "objective": baseline.training,
        "pooling": "mean",
    }
    about = folder.path / f"embeddings/{system.id}/encoder.json"
    if about.exists():
        encoder = json.loads(about.read_text("utf-8"))
        row |= {
            "parameters": encoder["parameters"],
            "dimensions": encoder["dimensions"],
            "longest_tokens": encoder["longest"],
            "truncated_passages": encoder["truncated"],
            "seconds": {"embed": folder.entry(f"embeddings/{system.id}/corpus.npy")["seconds"]},
        }
    return row
