"""What a row of the result table is, told by the artefacts in the run folder."""

from __future__ import annotations

import json
from typing import Any

from tokir.artifacts import RunFolder
from tokir.config import StudyConfig
from tokir.objectives import in_words, parts, stages
from tokir.systems import BaselineSystem, FusionSystem, ModelPoint, System, TrainedSystem

ARCHITECTURES = {"lstm": "LSTM", "transformer": "Transformer", "static": "Static"}
POOLINGS = {"mean": "mean", "sif": "SIF", "learned": ""}
POSTPROCESSING = {"white": "whitened", "top": "common components removed"}


def describe(system: System, folder: RunFolder, config: StudyConfig) -> dict[str, Any]:
    """A row of ``results.json`` without scores and latency; every row has the same keys first."""
    row: dict[str, Any] = {
        "id": system.id,
        "kind": "trained",
        "title": "",
        "tokenizer": None,
        "architecture": None,
        "objective": None,
        "variant": None,
        "pooling": None,
        "seed": None,
        "parameters": None,
        "dimensions": None,
        "seen": None,
        "language_model": None,
        "retrieval_training": None,
        "scores": None,
        "intervals": None,
        "latency_ms": None,
        "status": "ok",
        "reason": None,
    }
    if isinstance(system, TrainedSystem):
        return row | _trained(system, folder, config)
    if isinstance(system, FusionSystem):
        return row | _fusion(system, folder)
    if system.id in ("bm25", "bm25-tuned"):
        return row | _lexical(system, folder)
    return row | _pretrained(system, folder)


def unavailable(reason: str) -> dict[str, str]:
    """What to add to the row of a system that cannot be had on this machine; nothing stands in for it."""
    return {"status": "unavailable", "reason": reason}


def title(architecture: str, objective: str, pooling: str) -> str:
    """What a reader calls a trained system.

    >>> title("lstm", "lm", "mean-white")
    'LSTM language model, whitened mean'
    >>> title("static", "contrastive+queries", "learned")
    'Static, contrastive + queries'
    """
    if pooling == "maxsim":
        return f"{title(architecture, objective, 'learned')}, late interaction"
    base, _, post = pooling.partition("-")
    words = [POSTPROCESSING[post]] if post else ["raw"] if base == "mean" else []
    pooled = " ".join([*words, POOLINGS[base]]).strip()
    name = ARCHITECTURES[architecture]
    name += " language model" if objective == "lm" else f", {in_words(objective)}"
    return f"{name}, {pooled}" if pooled else name


def _trained(system: TrainedSystem, folder: RunFolder, config: StudyConfig) -> dict[str, Any]:
    point = system.model
    row: dict[str, Any] = {
        "title": title(point.architecture, point.objective, system.pooling)
        + (f" ({point.variant})" if point.variant else ""),
        "architecture": point.architecture,
        "objective": point.objective,
        "variant": point.variant or None,
        "pooling": system.pooling,
        "seed": point.seed,
    }
    place = folder.path / "models" / point.id
    tokenizer = folder.path / "tokenizers" / point.tokenizer.id / "training.json"
    if not (place / "config.json").exists():  # its teacher is not on this machine
        return row
    model, history = _model(place)
    settings = config.retrieval_of(point.variant) if point.retrieves else config.training
    used = history[-1] if settings.checkpoint == "final" else min(history, key=lambda line: line["loss"])
    vectors = f"embeddings/{system.unprocessed.id}/corpus.npy"
    facts = json.loads(tokenizer.read_text("utf-8"))
    row |= {
        "tokenizer": facts,
        "parameters": model["parameters"],
        "dimensions": model["model"]["width"],
        "seen": _seen(point, folder, config),
        "seconds": {
            "train": _seconds(point, folder, config),  # over all sittings and all stages
            "teacher": _teacher_seconds(point, folder, config),
            "embed": folder.entry(vectors)["seconds"],
        },
    }
    if point.retrieves:
        row["retrieval_training"] = {
            "steps": model["steps"],
            "best_step": used["step"],
            "pairs_per_second": history[-1]["pairs_per_second"],
            "precision": model["precision"],
            "history": history,
        }
    else:
        history = [_restored(line, facts) for line in history]
        used = _restored(used, facts)
        row["language_model"] = {
            "perplexity": used["perplexity"],
            "bits_per_character": used["bits_per_character"],
            "bits_per_byte": used["bits_per_byte"],
            "epochs": round(history[-1]["epoch"], 2),
            "tokens_per_second": history[-1]["tokens_per_second"],
            "precision": model["precision"],
            "history": history,
        }
    if system.pooling.endswith(("-white", "-top")):
        from tokir.models.whitening import Whitening

        whitening = Whitening.load(folder.path / f"embeddings/{system.id}/whitening.safetensors")
        key = "components_removed" if system.pooling.endswith("-top") else "whitening_strength"
        row[key] = whitening.removed if system.pooling.endswith("-top") else whitening.strength
    return row


def _restored(line: dict[str, Any], tokenizer: dict[str, Any]) -> dict[str, Any]:
    """A line of a history with the bits that restore what the tokenizer loses, so that it compares across them."""
    lost = tokenizer["lost_bits_per_character"]
    per_byte = lost * tokenizer["characters_per_token"] / tokenizer["bytes_per_token"]
    return line | {
        "bits_per_character": line["bits_per_character"] + lost,
        "bits_per_byte": line["bits_per_byte"] + per_byte,
    }


def _model(place: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    model = json.loads((place / "config.json").read_text("utf-8"))
    return model, [json.loads(line) for line in (place / "history.jsonl").read_text("utf-8").splitlines()]


def _all_stages(point: ModelPoint, config: StudyConfig) -> list[ModelPoint]:
    """A training and all that it starts from."""
    before = [point.parent, point.static if config.retrieval_of(point.variant).from_static else None]
    return [point, *(stage for earlier in before if earlier for stage in _all_stages(earlier, config))]


def _seconds(point: ModelPoint, folder: RunFolder, config: StudyConfig) -> float:
    places = (folder.path / "models" / stage.id for stage in _all_stages(point, config))
    return sum(float(_model(place)[1][-1]["seconds"]) for place in places)


def _seen(point: ModelPoint, folder: RunFolder, config: StudyConfig) -> dict[str, int]:
    stages = [_model(folder.path / "models" / stage.id)[0]["seen"] for stage in _all_stages(point, config)]
    return {name: sum(seen[name] for seen in stages) for name in ("tokens", "characters")}


def _teacher_seconds(point: ModelPoint, folder: RunFolder, config: StudyConfig) -> float:
    """What the teacher's vectors took: of the corpus, of the crops, and of train queries where they are used."""
    used = {part for stage in stages(point.objective) for part in parts(stage)}
    if "distillation" not in used:
        return 0.0
    teacher = config.retrieval.teacher
    files = [f"embeddings/{teacher}/corpus.npy", f"teachers/{teacher}/crops.npy"]
    files += [f"teachers/{teacher}/queries.npy"] if "queries" in used else []
    return round(sum(float(folder.entry(file)["seconds"]) for file in files), 3)


def _lexical(system: BaselineSystem, folder: RunFolder) -> dict[str, Any]:
    from tokir.retrieval.bm25 import K1, B

    k1, b, how = K1, B, ""
    if system.id == "bm25-tuned":
        chosen = json.loads((folder.path / "lexical/bm25-tuned.json").read_text("utf-8"))
        k1, b, how = chosen["k1"], chosen["b"], " tuned"
    return {"kind": "lexical", "title": f"BM25{how}, k1 {k1}, b {b}", "architecture": "bm25"}


def _pretrained(system: BaselineSystem, folder: RunFolder) -> dict[str, Any]:
    from tokir.encoders.pretrained import BASELINES

    if system.id == "model2vec":
        name, training = "model2vec (distilled here)", "distilled from a pretrained encoder's token vectors"
    else:
        assert system.id != "bm25" and system.id != "bm25-tuned"
        name, training = BASELINES[system.id].title, BASELINES[system.id].training
    row: dict[str, Any] = {
        "kind": "pretrained",
        "title": name,
        "architecture": system.id,
        "objective": training,
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


def _fusion(system: FusionSystem, folder: RunFolder) -> dict[str, Any]:
    about = folder.path / f"fusions/{system.id}.json"
    row: dict[str, Any] = {"kind": "fusion", "title": f"Fusion {system.id}", "architecture": "fusion"}
    if not about.exists():
        return row
    made = json.loads(about.read_text("utf-8"))
    if system.settings.method == "rrf":
        how = "reciprocal ranks"
    else:
        how = "z-scores weighted " + " : ".join(f"{weight:g}" for weight in made["weights"])
    return row | {"title": f"{' + '.join(made['systems'])}, {how}", "fused": made}
