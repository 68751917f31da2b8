"""What every step of a study works with: settings, data, folder, machine and listener."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.artifacts import RunFolder
from tokir.config import StudyConfig
from tokir.errors import TokirError, Unavailable
from tokir.progress import Progress

if TYPE_CHECKING:
    import torch

    from tokir.config import PretrainedName
    from tokir.data import Dataset, EvaluationSplits, Split
    from tokir.encoders.pretrained import PretrainedEncoder


MOST_CHARACTERS = 100_000_000  # of the training documents; keeps memory flat on corpora of long documents
READ_AT_ONCE = 64  # documents


@dataclass(frozen=True)
class Machine:
    """Where and how a study runs; recorded with the results, no part of its configuration."""

    device: str = "auto"
    threads: int | None = None
    download: bool = False  # whether models and data that the user named may be fetched


@dataclass
class Workplace:
    """Shared by the steps of one study."""

    config: StudyConfig
    dataset: Dataset
    folder: RunFolder
    machine: Machine
    device: torch.device
    progress: Progress

    @cached_property
    def splits(self) -> EvaluationSplits:
        """Train, validation and evaluate; TokirError when a split that was asked for is absent."""
        data = self.config.data
        return self.dataset.evaluation_splits(data.split, data.queries, data.seed)

    @property
    def choose(self) -> Split | None:
        """The queries that choices are made on, where there are any."""
        return self.splits.validation

    @property
    def train_queries(self) -> Split | None:
        """The judged queries that may be trained on, where there are any."""
        return self.splits.train

    @cached_property
    def drawn(self) -> tuple[list[str], list[str]]:
        """Training and held-out documents, drawn by seed; held-out ones are 5%, at most 500."""
        count = len(self.dataset.corpus)
        if count < 2:
            raise TokirError(f"{self.dataset.source}: one document is too few to train on and to validate on")
        order = np.random.default_rng(self.config.data.seed).permutation(count).tolist()
        held_out = max(1, min(500, count // 20))
        training = order[held_out : held_out + self.config.training.documents]
        drawn = self._read(training, MOST_CHARACTERS), self._read(order[:held_out], MOST_CHARACTERS // 10)
        self.dataset.corpus.release()
        return drawn

    def _read(self, positions: list[int], most: int) -> list[str]:
        """The documents at ``positions``, in the order of the corpus; as many as hold ``most`` characters."""
        texts: dict[int, str] = {}
        total = 0
        for start in range(0, len(positions), READ_AT_ONCE):
            some = positions[start : start + READ_AT_ONCE]
            for position, text in zip(some, self.dataset.corpus.select(some), strict=True):
                total += len(text)
                if total > most and texts:
                    self.progress.say(
                        f"{len(texts):,} of {len(positions):,} documents are read: they hold {most:,} characters"
                    )
                    return [texts[place] for place in sorted(texts)]
                texts[position] = text
        return [texts[place] for place in sorted(texts)]

    @property
    def drawn_inputs(self) -> dict[str, Any]:
        """What :attr:`drawn` depends on."""
        return {
            "corpus": self.dataset.corpus.checksum,
            "documents": self.config.training.documents,
            "seed": self.config.data.seed,
        }

    def pretrained(self, name: PretrainedName) -> PretrainedEncoder:
        """A pretrained encoder; Unavailable when its weights are not on this machine."""
        if name not in self._pretrained:
            from tokir.encoders.pretrained import load_pretrained

            folder = self.config.pretrained_folders.get(name)
            self._pretrained[name] = load_pretrained(
                name, folder=folder, download=self.machine.download, device=self.device
            )
        return self._pretrained[name]

    @cached_property
    def _pretrained(self) -> dict[PretrainedName, PretrainedEncoder]:
        return {}


def settle(config: StudyConfig, dataset: Dataset, machine: Machine, progress: Progress) -> StudyConfig:
    """The configuration without what this data set or machine cannot give and that is not insisted on.

    Train queries are left out of summed objectives where the data set has none, and with
    ``retrieval.teacher_optional`` so is the teacher where none is on the machine; the ids then say so.
    """
    wanting: dict[str, str] = {}
    used = {
        part
        for architecture in config.architectures
        for objective in getattr(config.objectives, architecture)
        for part in objective.replace("-then-", "+").split("+")
    }
    data = config.data
    splits = dataset.evaluation_splits(data.split, data.queries, data.seed)
    if "queries" in used and splits.train is None:
        wanting["queries"] = "the data set has no train queries"
    if "distillation" in used and config.retrieval.teacher_optional:
        from tokir.encoders.pretrained import find_weights

        name = config.retrieval.teacher
        try:
            find_weights(name, config.pretrained_folders.get(name), machine.download)
        except Unavailable as error:
            wanting["distillation"] = f"no teacher: {error}"
    if not wanting:
        return config
    for part, reason in wanting.items():
        progress.say(f"{part} is left out of the objectives: {reason}")
    settled = {
        architecture: list(dict.fromkeys(_without(o, wanting) for o in getattr(config.objectives, architecture)))
        for architecture in ("lstm", "transformer", "static")
    }
    variants = [
        variant.model_copy(
            update={"objectives": variant.objectives and [_without(o, wanting) for o in variant.objectives]}
        )
        for variant in config.variants
    ]
    objectives = config.objectives.model_copy(update=settled)
    return config.model_copy(update={"objectives": objectives, "variants": variants})


def _without(objective: str, parts: dict[str, str]) -> str:
    stages = []
    for stage in objective.split("-then-"):
        kept = [part for part in stage.split("+") if part not in parts]
        if not kept:
            raise TokirError(f"the objective {objective} cannot be trained: {'; '.join(parts.values())}")
        stages.append("+".join(kept))
    return "-then-".join(dict.fromkeys(stages))
