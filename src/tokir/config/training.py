"""How language models are trained, what every training has, and what is equal for all tokenizers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tokir.config.settings import Settings
from tokir.models.registry import Match

Precision = Literal["fp32", "bf16", "auto"]


class OptimizationSettings(Settings):
    """What every training has, whatever it trains for."""

    warmup: float = Field(0.05, ge=0, le=0.5, description="share of the steps that warm up; then cosine decay")
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    dropout: float = Field(
        0.1, ge=0, lt=1, description="share of an LSTM's or a Transformer's activations left out"
    )
    checkpoint: Literal["best", "final"] = Field(
        "best", description="which weights embed: lowest validation loss, or those of the last step"
    )
    precision: Precision = Field(
        "fp32", description="bf16 is autocast; auto is bf16 where the processor computes in it, else fp32"
    )


class TrainingSettings(OptimizationSettings):
    """How every language model of the study is trained; the same for all of them, or nothing compares."""

    documents: int = Field(5000, ge=1, description="training documents, drawn by seed; all when fewer")
    epochs: int = Field(10, ge=1, le=1000, description="passes over the training documents")
    sequence_length: int = Field(128, ge=8, le=4096, description="tokens in a training window")
    batch_size: int = Field(32, ge=1, le=4096, description="windows in a batch")
    validations_per_epoch: int = Field(2, ge=1, le=100, description="how often held-out documents are scored")


class BudgetSettings(Settings):
    """What is the same for all tokenizers of a study: a token of one holds thrice the text of a token of another."""

    equal: Literal["text", "tokens", "seconds"] = Field(
        "text",
        description="what a language model has read when its training ends; seconds are those of any training",
    )
    seconds: float | None = Field(None, gt=0, le=1e8, description="of each training, where seconds are equal")
    window: Literal["tokens", "characters"] = Field(
        "tokens", description="what the lengths of windows and crops, all given in tokens, stand for"
    )
    characters_per_token: float = Field(
        3.3, ge=0.1, le=1e6, description="of the tokenizer that those lengths, and equal tokens, are given for"
    )
    match: Match = Field(
        "none", description="parameters that models adapt their width to, those of the first tokenizer's"
    )

    @model_validator(mode="after")
    def _has_seconds(self) -> BudgetSettings:
        if (self.equal == "seconds") != (self.seconds is not None):
            raise ValueError("equal: seconds goes with the setting seconds, and nothing else does")
        return self
