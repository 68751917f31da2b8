"""Small results, made of rows."""

from __future__ import annotations

import numpy as np
import pytest

from tokir.config import EvaluationSettings, StudyConfig
from tokir.evaluation.registry import MEASURES
from tokir.results.assembly import assemble_results
from tokir.results.records import (
    Comparison,
    DatasetFacts,
    Environment,
    Results,
    System,
    Tokenizer,
)
from tokir.results.seeds import Averaged
from tokir.results.systems import LanguageModel, Percentiles, Seconds

QUERIES = 300
HARD = np.random.default_rng(3).uniform(size=QUERIES)
DRAWS = [np.random.default_rng(4)]

DATASET = DatasetFacts(
    name="letters", source="letters.jsonl", description="Letters.", checksum="c0ffee", passages=5000, characters=90_000,
    split="test", queries=QUERIES, relevant=400, choices="Choices are made on dev.", notes=("3 queries have no text.",),
)  # fmt: skip
ENVIRONMENT = Environment(
    versions={"tokir": "0.1.0", "gensim": None},
    system="Linux",
    cpu="CPU",
    cores=2,
    threads=2,
    gpu=None,
    device="cpu",
)


def row(id: str, kind: str = "trained", recall: float | None = None, latency: float = 1.0, **more) -> System:
    """A row; its interval is 0.04 wide."""
    measured = {} if recall is None else {
        "scores": {"recall@10": recall},
        "intervals": {"recall@10": (recall - 0.02, recall + 0.02)},
        "latency_ms": {"total": Percentiles(mean=latency, p50=latency, p95=latency * 1.2)},
    }  # fmt: skip
    trained = {
        "objective": "lm",
        "language_model": LanguageModel(perplexity=9, bits_per_character=2.0, bits_per_byte=2.0, epochs=1),
        "seconds": Seconds(train=60.0, teacher=0.0),
        "seed": 0,
    }
    basics = {"id": id, "kind": kind, "title": id, "parameters": 22_000_000 if kind == "pretrained" else 2_000_000}
    return System.model_validate(basics | (trained if kind == "trained" else {}) | measured | more)


def compared(rows: list[System], width: float) -> tuple[Comparison, ...]:
    """Every pair of rows with scores; a difference larger than ``width`` is significant."""
    scored = [one for one in rows if one.ok and one.scores]
    return tuple(
        Comparison(
            a=a.id,
            b=b.id,
            difference=(d := (a.score() or 0) - (b.score() or 0)),
            interval=(d - width, d + width),
            p=0.0005,
            p_holm=0.001 if abs(d) > width else 0.5,
            queries_needed=None,
        )
        for i, a in enumerate(scored)
        for b in scored[i + 1 :]
    )


def results_of(rows: list[System], width: float = 0.03, chance: float = 0.002, **more) -> Results:
    """The results of rows, before findings and verdict."""
    return Results(
        study="trial", created="2026-02-03T04:05:06+00:00", dataset=DATASET, environment=ENVIRONMENT,
        settings=StudyConfig(name="trial").model_dump(mode="json"), systems=tuple(rows),
        comparisons=compared(rows, width), chance={"recall@10": chance}, **more,
    )  # fmt: skip


def averaged(name: str, quality: float, seeds: int = 1, lost: float = 0.0, **more) -> Averaged:
    """A static model: it finds a query with a chance that grows with quality and falls with how hard it is.

    Of what it finds, it loses the share ``lost`` when letters are swapped.
    """
    [rng] = DRAWS
    tables = {measure: (rng.uniform(size=(seeds, QUERIES)) + HARD < 2 * quality) * 1.0 for measure in MEASURES}
    tokenizer = more.pop("tokenizer", Tokenizer(id=name, type="bpe", vocabulary_size=2000, fertility=3 - quality))
    found = tables["recall@10"]
    values = {"seed": None, "objective": "contrastive", "language_model": None, "architecture": "static",
              "pooling": "learned", "parameters": 500_000, "dimensions": 256, "title": "Static, contrastive",
              "latency_ms": {"total": Percentiles(mean=0.3, p50=0.25, p95=0.5)},
              "tokenizer": tokenizer} | more  # fmt: skip
    if seeds > 1:
        values |= {"seeds": tuple(range(seeds)), "by_seed": tuple(found.mean(axis=1).tolist())}
    kept = found * (rng.uniform(size=(seeds, QUERIES)) >= lost)
    made = row(f"{name}.static", **values)
    return Averaged(made, tables, {"swap": kept}, {}, trained=made.kind == "trained")


@pytest.fixture(autouse=True)
def fresh_draws():
    """What a test draws does not hang on the tests before it."""
    DRAWS[:] = [np.random.default_rng(4)]


@pytest.fixture
def config() -> StudyConfig:
    return StudyConfig(name="trial", evaluation=EvaluationSettings(bootstrap=1000, robustness=["swap"]))


@pytest.fixture
def assemble(config):
    """Results of systems with their scores."""

    def assemble(systems: list[Averaged], config: StudyConfig = config) -> Results:
        queries = {f"q{i}": f"some words {i}" for i in range(QUERIES)}
        return assemble_results(systems, queries, config, DATASET, ENVIRONMENT, "2026-02-03T04:05:06+00:00")

    return assemble
