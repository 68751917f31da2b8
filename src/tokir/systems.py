"""The systems of a study: each point of the grid, and each baseline, with its id."""

from __future__ import annotations

from dataclasses import dataclass

from tokir.config import ArchitectureName, BaselineName, PoolingName, StudyConfig, TokenizerSettings

OBJECTIVE = "lm"


@dataclass(frozen=True)
class ModelPoint:
    """One training: ``tokenizer x architecture x objective x seed``."""

    tokenizer: TokenizerSettings
    architecture: ArchitectureName
    seed: int

    @property
    def id(self) -> str:
        """For example ``bpe-2k.lstm.lm.s0``."""
        return f"{self.tokenizer.id}.{self.architecture}.{OBJECTIVE}.s{self.seed}"


@dataclass(frozen=True)
class TrainedSystem:
    """A trained model with a pooling."""

    model: ModelPoint
    pooling: PoolingName

    @property
    def id(self) -> str:
        """For example ``bpe-2k.lstm.lm.mean-white.s0``."""
        point = self.model
        return f"{point.tokenizer.id}.{point.architecture}.{OBJECTIVE}.{self.pooling}.s{point.seed}"


@dataclass(frozen=True)
class BaselineSystem:
    """BM25 or a pretrained encoder; its id is its name."""

    id: BaselineName


System = TrainedSystem | BaselineSystem


def model_points(config: StudyConfig) -> list[ModelPoint]:
    """Every model to train."""
    return [
        ModelPoint(tokenizer, architecture, seed)
        for tokenizer in config.tokenizers
        for architecture in config.architectures
        for seed in config.seeds
    ]


def systems(config: StudyConfig) -> list[System]:
    """Every row of the result table, in the order of the configuration."""
    trained: list[System] = [
        TrainedSystem(point, pooling) for point in model_points(config) for pooling in config.poolings
    ]
    return trained + [BaselineSystem(name) for name in config.baselines]
