"""Next-token prediction with cross-entropy over a stream of documents (Bengio et al., 2003)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tokir.errors import TokirError
from tokir.training.cross_entropy import cross_entropy
from tokir.training.processes import share
from tokir.training.texts import encoded

if TYPE_CHECKING:
    from tokir.config import ArchitectureSettings, TrainingSettings
    from tokir.models import LanguageModel, Model
    from tokir.tokenizers import Tokenizer

VALIDATION_BATCH = 64  # windows at most, and
VALIDATION_CELLS = 2**26  # logits, 256 MB; both bound memory


class LanguageModelObjective:
    """Windows of ``sequence_length`` tokens out of all training documents, joined by the separator.

    Args:
        tokenizer: cuts the documents.
        training: training documents.
        held_out: validation documents, none of them among ``training``.
        settings: sizes of windows and batches, epochs.
        architecture: its own learning rate.

    Raises:
        TokirError: the training documents are too short for one window, or the held-out ones hold no text.
    """

    unit = "tokens"

    def __init__(
        self,
        tokenizer: Tokenizer,
        training: Sequence[str],
        held_out: Sequence[str],
        settings: TrainingSettings,
        architecture: ArchitectureSettings,
    ) -> None:
        self.settings, self.learning_rate = settings, architecture.learning_rate
        sequence_length = self.sequence_length = settings.sequence_length
        self.batch_size = settings.batch_size
        separator = tokenizer.separator_id
        self.stream = _stream(*encoded(tokenizer, training), separator)
        self.windows = (len(self.stream) - 1) // sequence_length
        if not self.windows:
            raise TokirError(
                f"the training documents hold {len(self.stream):,} tokens, fewer than one window of "
                f"{sequence_length}: give more documents, or a smaller training.sequence_length"
            )
        self.steps_per_epoch = math.ceil(self.windows / self.batch_size)
        self.steps = settings.epochs * self.steps_per_epoch
        self.steps_per_validation = max(1, self.steps_per_epoch // settings.validations_per_epoch)
        self.units_per_step = settings.batch_size * sequence_length
        self._separator = separator
        self._held_out = tokenizer.encode(held_out)
        if not any(self._held_out):
            raise TokirError(
                "the held-out documents hold no tokens, so perplexity cannot be measured: give more documents, or draw "
                "others with another data.seed"
            )
        self._characters = sum(map(len, held_out))
        self._bytes = sum(len(text.encode()) for text in held_out)

    def parameter_groups(self, model: Model) -> list[dict[str, Any]]:
        """All of a model in one group."""
        return [{"params": list(model.parameters()), "peak": self.learning_rate}]

    def batches(self, seed: int, epoch: int, skip: int = 0) -> list[NDArray[np.int64]]:
        """The window starts of each batch of one epoch; each epoch is a new order and a new offset.

        The offset moves every window's borders, so a token is not always predicted from the same context.
        """
        rng = np.random.default_rng([seed, epoch])
        spare = len(self.stream) - 1 - self.windows * self.sequence_length
        starts = rng.permutation(self.windows) * self.sequence_length + rng.integers(spare + 1)
        return [starts[i : i + self.batch_size] for i in range(0, self.windows, self.batch_size)][skip:]

    def loss(self, model: LanguageModel, starts: NDArray[np.int64]) -> Tensor:
        """Mean cross-entropy of a batch, in nats per token."""
        starts, weight = share(starts)
        window = self.stream[starts[:, None] + np.arange(self.sequence_length + 1)]
        tokens = torch.from_numpy(window.astype(np.int64)).to(_device(model))  # (batch, time + 1)
        loss = cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        return loss if weight == 1 else loss * weight

    @torch.no_grad()
    def validate(self, model: LanguageModel) -> dict[str, float]:
        """Scores over every token of the held-out documents.

        A document is read in windows of ``sequence_length`` that do not overlap, the first one after the
        separator; separators are not scored. ``loss`` is nats per token, ``perplexity`` its exponential;
        bits per character and per byte divide the same summed loss by the characters and bytes of the text.
        """
        length = self.sequence_length
        rows, targets = [], []
        for ids in self._held_out:
            inputs = [self._separator, *ids[:-1]]
            for start in range(0, len(ids), length):
                rows.append(inputs[start : start + length])
                targets.append(ids[start : start + length])
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        device = _device(model)
        total, tokens = 0.0, 0
        was_training = model.training
        model.eval()
        at_once = max(1, min(VALIDATION_BATCH, VALIDATION_CELLS // (length * model.config.vocabulary_size)))
        for first in range(0, len(order), at_once):
            batch = order[first : first + at_once]
            width = max(len(rows[i]) for i in batch)
            inputs_ = torch.zeros(len(batch), width, dtype=torch.long)
            targets_ = torch.full((len(batch), width), -100)
            for row, i in enumerate(batch):
                inputs_[row, : len(rows[i])] = torch.tensor(rows[i])
                targets_[row, : len(rows[i])] = torch.tensor(targets[i])
            logits = model(inputs_.to(device)).float()
            loss = functional.cross_entropy(logits.flatten(0, 1), targets_.to(device).flatten(), reduction="sum")
            total += float(loss)
            tokens += sum(len(rows[i]) for i in batch)
        model.train(was_training)
        bits = total / math.log(2)
        return {
            "loss": total / tokens,
            "perplexity": math.exp(min(700.0, total / tokens)),
            "bits_per_character": bits / self._characters,
            "bits_per_byte": bits / self._bytes,
        }

    def tokens_per_step(self) -> float:
        """Tokens read in a batch, on average: the last one of an epoch is not full."""
        return self.windows * self.sequence_length / self.steps_per_epoch

    def in_words(self, scores: dict[str, float]) -> str:
        """Validation scores for the terminal."""
        return f"perplexity {scores['perplexity']:.1f}, {scores['bits_per_character']:.3f} bits per character"

    def step_in_words(self, loss: float) -> str:
        """A step's loss for the terminal."""
        return f"loss {loss:.3f}  perplexity {math.exp(min(loss, 99)):,.0f}"


def _stream(ids: NDArray[np.int32], lengths: NDArray[np.int64], separator: int) -> NDArray[np.int32]:
    """All documents, with the separator before, between and after them."""
    stream = np.full(len(ids) + len(lengths) + 1, separator, dtype=np.int32)
    stream[np.arange(len(ids)) + np.repeat(np.arange(1, len(lengths) + 1), lengths)] = ids
    return stream


def _device(model: LanguageModel) -> torch.device:
    return model.embedding.weight.device
