"""A small study as its result files record it, written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokir.artifacts import RunFolder
from tokir.evaluation.registry import MEASURES

REMEDY = "its weights are not on this machine: tokir run --download fetches google/byt5-small"
HOSTILE = 'who wrote <script>alert("x")</script> & why?'


def system(name: str, kind: str, title: str, recall: float | None, **more: Any) -> dict[str, Any]:
    """A row; every score is derived from recall@10, so that columns differ."""
    ok = recall is not None
    scores = None
    if recall is not None:
        scores = {measure: recall * (1 - 0.05 * number) for number, measure in enumerate(MEASURES)}
        scores["recall@10"] = recall
    times = {"mean": 2.5, "p50": 2.0 + len(name) / 10, "p95": 4.0}
    row = {
        **{"id": name, "kind": kind, "title": title, "tokenizer": None, "architecture": name},
        **{"objective": None, "pooling": None, "seed": None, "parameters": None, "dimensions": None},
        "language_model": None,
        "scores": scores,
        "intervals": scores
        and {key: [max(0.0, value - 0.06), min(1.0, value + 0.05)] for key, value in scores.items()},
        "latency_ms": {"tokenize": times, "search": times, "total": times} if ok else None,
        "status": "ok" if ok else "unavailable",
        "reason": None if ok else REMEDY,
    }
    return row | more


def trained(
    architecture: str, pooling: str, recall: float, tokenizer: str = "bpe-2k", seed: int = 0
) -> dict[str, Any]:
    name = {"lstm": "LSTM", "transformer": "Transformer"}[architecture]
    losses = [(1.0, 4.5, 2.1), (2.0, 4.0, 1.9)]
    return system(
        f"{tokenizer}.{architecture}.lm.{pooling}.s{seed}",
        "trained",
        f"{name} language model, {'whitened' if pooling == 'mean-white' else 'raw'} mean",
        recall,
        tokenizer={
            **{"id": tokenizer, "type": "bpe", "vocabulary_size": 2000, "documents": 500},
            **{"fertility": 1.4, "bytes_per_token": 3.1, "characters_per_token": 3.0},
        },
        architecture=architecture,
        architecture_label=name,
        objective="lm",
        objective_label="next-token prediction",
        pooling=pooling,
        seed=seed,
        parameters=2_078_672 if architecture == "lstm" else 3_428_560,
        dimensions=256,
        language_model={
            **{"perplexity": 54.6, "bits_per_character": 1.9, "bits_per_byte": 1.89, "epochs": 2},
            **{"tokens_per_second": 14000.0, "precision": "fp32"},
            "history": [
                {
                    **{"step": step, "epoch": step, "training_loss": loss + 0.2, "loss": loss},
                    **{"bits_per_character": bits, "bits_per_byte": bits},
                }
                for step, loss, bits in losses
            ],
        },
        seconds={"train": 61.5, "embed": 7.0},
        stages={f"{tokenizer}.{architecture}.lm.s{seed}": 61.5},
    )


def study(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """``results.json`` of ``rows``."""
    ok = [row for row in rows if row["status"] == "ok"]
    return {
        "schema": 2,
        "study": "trial",
        "created": "2026-02-03T04:05:06+00:00",
        "dataset": {
            **{"name": "letters", "source": "letters.jsonl", "description": "Letters.", "checksum": "c0ffee"},
            **{"passages": 1200, "characters": 90000, "split": "test", "queries": 40, "relevant": 55},
            **{
                "choices": "Choices are made on dev.",
                "notes": ["3 queries have no text and were left out.", "One passage is empty."],
            },
        },
        "environment": {
            **{"versions": {"tokir": "0.1.0", "gensim": None}, "system": "Linux x86_64", "cpu": "CPU"},
            **{"cores": 2, "threads": 2, "gpu": None, "device": "cpu"},
        },
        "settings": {"name": "trial", "evaluation": {"depth": 1000, "bootstrap": 100, "latency_queries": 20}},
        "systems": rows,
        "comparisons": [
            {
                **{"a": a["id"], "b": b["id"], "measure": "recall@10"},
                "difference": a["scores"]["recall@10"] - b["scores"]["recall@10"],
                "interval": [
                    a["scores"]["recall@10"] - b["scores"]["recall@10"] - 0.1,
                    a["scores"]["recall@10"] - b["scores"]["recall@10"] + 0.1,
                ],
                **{"p": 0.0001, "p_holm": 0.0006, "queries_needed": 50},
            }
            for number, a in enumerate(ok)
            for b in ok[number + 1 :]
        ],
        "chance": {"recall@10": 10 / 1200},
        "findings": [
            {
                **{"question": "LSTM or Transformer?", "claim": "LSTM.", "answer": "not supported"},
                "evidence": ['systems[0].scores["recall@10"]', "comparisons[0]", "systems[99].scores"],
                "text": "The interval lies below zero.",
            }
        ],
    }


def examples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``examples.json``: one query with markup in it."""
    passage = {"id": "p7", "title": "A <b>bold</b> title", "text": "Some text. " * 80}
    return [
        {
            **{"query_id": "q1", "text": HOSTILE, "pieces": {"bpe-2k": ["who", " wrote", " <", "\n"]}},
            **{"relevant": 2, "relevant_passage": passage},
            "systems": {
                row["id"]: {
                    "first_relevant_rank": 1 if row["kind"] == "lexical" else None,
                    "passages": [{**passage, "score": 0.5, "relevant": row["kind"] == "lexical"}],
                }
                for row in rows
                if row["status"] == "ok"
            },
        }
    ]


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return [
        trained("lstm", "mean", 0.05),
        trained("lstm", "mean-white", 0.31),
        trained("transformer", "mean-white", 0.28),
        system("bm25", "lexical", "BM25, k1 1.5, b 0.75", 0.61),
        system("byt5", "pretrained", "ByT5 small (encoder)", None),
    ]


Write = Callable[..., RunFolder]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write result files into a run folder."""

    def write(results: Any, shown: Any = None) -> RunFolder:
        (tmp_path / "study.yaml").write_text("name: trial\n", "utf-8")
        text = results if isinstance(results, str) else json.dumps(results)
        (tmp_path / "results.json").write_text(text, "utf-8")
        if shown is not None:
            (tmp_path / "examples.json").write_text(json.dumps(shown), "utf-8")
        files = [file.name for file in tmp_path.glob("*.json")]
        RunFolder(tmp_path).ensure(files, [text, shown], lambda: None)
        return RunFolder.open(tmp_path)

    return write
