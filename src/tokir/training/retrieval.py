"""Training vectors for retrieval: one batch of pairs a step, and one or two losses on its matrix of scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokir.models.embedding import unit_rows
from tokir.training.closed_form import token_table
from tokir.training.late import late_scores
from tokir.training.losses import Targets, batch_loss
from tokir.training.pairs import Pairs, PairSource, Taught, TokenisedPassages, same
from tokir.training.processes import all_rows
from tokir.training.texts import Texts

if TYPE_CHECKING:
    from tokir.config import ArchitectureSettings, RetrievalSettings
    from tokir.models import Model
    from tokir.models.retriever import Retriever

SAMPLED = 16  # batches whose tokens are counted
EMBEDDED_AT_ONCE = 128  # texts; bounds the memory of validation


@dataclass(frozen=True)
class ValidationPool:
    """Queries that a training is validated on, and the passages that are ranked for them.

    Attributes:
        queries: their tokens.
        relevant: of each query, indices into ``pool``; none is empty.
        pool: indices of passages trained on.
        own: of queries that are passages of the pool themselves, which they are not to find, the index into it.
        asked: what the queries are, in words.
    """

    queries: Texts
    relevant: list[set[int]]
    pool: list[int]
    own: dict[int, int] = field(default_factory=dict)
    asked: str = "validation queries"


class RetrievalObjective:
    """Batches from one of several sources a step, whose scores are judged by the losses asked for.

    Args:
        passages: trained on, for validation and the first token weights.
        sources: each with its share of the batches.
        validation: what the training is validated on.
        settings: of every training for retrieval.
        architecture: its own steps, batch size and learning rate.
        trained: do the token vectors come from an earlier training? They then move less.
        window: the longest text a network reads at once, in tokens.
        contrastive_weight: of the contrastive loss in batches that a teacher scores; 0 leaves it out of them.
        fixed: (passages, width) unit vectors of the passages, where only the query encoder is trained.
        stage: trainings for retrieval before this one; each draws its own batches.
        alone: does the network start without the token vectors, which are zero then?
    """

    def __init__(
        self,
        passages: TokenisedPassages,
        sources: Sequence[tuple[PairSource, float]],
        validation: ValidationPool,
        settings: RetrievalSettings,
        architecture: ArchitectureSettings,
        trained: bool,
        window: int,
        contrastive_weight: float = 1.0,
        fixed: NDArray[np.float32] | None = None,
        stage: int = 0,
        alone: bool = False,
    ) -> None:
        self.passages, self.validation, self.settings = passages, validation, settings
        self.network_rate, self.trained = architecture.retrieval_learning_rate, trained
        self.steps, self.batch_size = architecture.steps, architecture.batch_size
        self.window, self.contrastive_weight, self.fixed = window, contrastive_weight, fixed
        self._stage, self._alone = [stage] if stage else [], alone
        self.steps_per_epoch = max(1, math.ceil(len(passages) / self.batch_size))
        self.unit, self.units_per_step = "pairs", self.batch_size
        self._sources = [source for source, _ in sources]
        self._taught = [source for source in self._sources if isinstance(source, Taught)]
        shares = np.array([share for _, share in sources])
        self._shares = shares / shares.sum()

    @property
    def steps_per_validation(self) -> int:
        """Steps from one validation to the next."""
        return max(1, self.steps // self.settings.validations)

    def prepare(self, model: Model) -> None:
        """Start the token weights of a new model at their inverse document frequency.

        Where a teacher has vectors of texts, the token vectors may start as those whose sums come nearest to them.
        """
        frequency = self.passages.document_frequencies()
        # Above zero even for a token that is in every passage.
        idf = np.log((len(self.passages) + 1) / (frequency + 1)) + 0.1
        retriever = _retriever(model)
        retriever.start_weights(torch.from_numpy(idf), torch.from_numpy(frequency > 0))
        if self._begins_solved(retriever):
            parts = [part for source in self._taught for part in source.taught()]
            retriever.start_vectors(torch.from_numpy(token_table(parts, idf, retriever.dimensions)))

    def _begins_solved(self, retriever: Retriever) -> bool:
        """Do the token vectors begin with :func:`token_table`'s?

        Where a teacher has vectors as wide as the model's or wider, and tokens share no rows. If passages are trained
        too, one vector is to stand for each text, and no network adds to it.
        """
        if self._alone or not self._taught or retriever.hashed or retriever.dimensions > self._taught[0].width:
            return False
        alone = retriever.network is None and self.settings.interaction == "vector"
        return alone or self.fixed is not None

    def parameter_groups(self, model: Model) -> list[dict[str, Any]]:
        """Token vectors and weights apart from the network, which tolerates only a smaller learning rate."""
        retriever, settings = _retriever(model), self.settings
        tokens = [retriever.embedding.weight, retriever.log_weight, retriever.log_scale]
        begun = self.trained or self._begins_solved(retriever)
        peak = settings.trained_token_learning_rate if begun else settings.token_learning_rate
        groups: list[dict[str, Any]] = [{"params": tokens, "peak": peak}]
        if retriever.network is not None:
            network = [*retriever.network.parameters(), *retriever.mix.parameters()]
            groups.append({"params": network, "peak": self.network_rate})
        return groups

    def batches(self, seed: int, epoch: int, skip: int = 0) -> list[NDArray[np.int64]]:
        """Seed and step of each batch of an epoch; what is in a batch follows from them."""
        first = epoch * self.steps_per_epoch
        return [np.array([seed, first + i]) for i in range(skip, self.steps_per_epoch)]

    def tokens_per_step(self) -> float:
        """Tokens read in a batch, both sides of its pairs, by a sample of batches."""
        counts = []
        for number in range(SAMPLED):
            rng = np.random.default_rng([number])
            source = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
            pairs = source.draw(rng, self.batch_size)
            sides = [pairs.left, pairs.right] if isinstance(pairs.right, Texts) else [pairs.left]
            counts.append(sum(int(texts.cut(self.window).lengths.sum()) for texts in sides))
        return float(np.mean(counts)) * (1 - self.settings.token_dropout)

    def loss(self, model: Model, batch: NDArray[np.int64]) -> Tensor:
        """The mean of the losses of the matrices of scores of one batch."""
        pairs = self._drawn(batch)
        retriever = _retriever(model)
        matrices = self._matrices(retriever, pairs)
        targets = self._targets(pairs, matrices[0].device)
        return torch.stack([batch_loss(scores, targets) for scores in matrices]).mean()

    def _drawn(self, batch: NDArray[np.int64]) -> Pairs:
        """The pairs of a batch, their texts as a model is to read them."""
        rng = np.random.default_rng([*batch.tolist(), *self._stage])
        source = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
        pairs = source.draw(rng, self.batch_size)
        left = self._thinned(pairs.left, rng)
        right = self._thinned(pairs.right, rng) if isinstance(pairs.right, Texts) else pairs.right
        return replace(pairs, left=left, right=right)

    def _thinned(self, texts: Texts, rng: np.random.Generator) -> Texts:
        return texts.cut(self.window).thinned(self.settings.token_dropout, rng)

    def _targets(self, pairs: Pairs, device: torch.device) -> Targets:
        """What the scores of a batch are to become."""
        marks, places = pairs.not_negative, pairs.places
        back = marks[:, : len(marks)] if places is None else marks[:, places] | same(places)
        marked, marked_back = (torch.from_numpy(_cells(of)).to(device) for of in (marks, back))
        columns = None if places is None else torch.from_numpy(places).to(device)
        if pairs.teacher is None:
            return Targets(marked, marked_back, columns)
        teacher = torch.from_numpy(pairs.teacher).to(device) / self.settings.teacher_temperature
        return Targets(marked, marked_back, columns, self.contrastive_weight, teacher)

    def _matrices(self, model: Retriever, pairs: Pairs) -> list[Tensor]:
        """What the texts of a batch score with each other, (left, right): their cosines over the temperature.

        By their whole vectors, and by each number of first dimensions that is to retrieve by itself.
        """
        left, right = pairs.left, pairs.right
        if self.settings.interaction == "late":
            assert isinstance(right, Texts)
            return [all_rows(lambda some: late_scores(model, some, right), left) * model.log_scale.exp()]

        def embed(texts: Texts) -> Tensor:
            return all_rows(lambda some: embed_tokens(model, some), texts)

        if isinstance(right, Texts) and model.network is None:
            # In one go: each makes a gradient as large as the table.
            both = embed(Texts.together([left, right]))
            vectors, others = both[: len(left)], both[len(left) :]
        else:
            vectors = embed(left)
            others = embed(right) if isinstance(right, Texts) else torch.from_numpy(right).to(vectors)
        with torch.autocast(vectors.device.type, enabled=False):
            scale = model.log_scale.exp()
            firsts = [(_first(vectors, many), _first(others, many)) for many in self.settings.matryoshka]
            return [_products(one * scale, other) for one, other in [(vectors, others), *firsts]]

    def _ranked(self, model: Retriever, queries: Texts, pool: Texts) -> Tensor:
        """What many queries and passages score with each other, (queries, passages), in bounded memory."""
        if self.settings.interaction == "late":
            parts = np.split(np.arange(len(pool)), range(EMBEDDED_AT_ONCE, len(pool), EMBEDDED_AT_ONCE))
            return torch.cat([late_scores(model, queries, pool.take(part)) for part in parts], dim=1)
        return _embed_many(model, queries) @ _embed_many(model, pool).T

    @torch.no_grad()
    def validate(self, model: Model) -> dict[str, float]:
        """Mean reciprocal rank and recall@10 of the validation queries; ``loss`` is one minus the former.

        A pool is ranked, not the whole corpus, so these scores are higher than a study's results.
        """
        retriever, was_training = _retriever(model), model.training
        model.eval()
        queries = self.validation.queries.cut(self.window)
        if self.fixed is not None:
            vectors = _embed_many(retriever, queries)
            matrix = vectors @ torch.from_numpy(self.fixed[self.validation.pool]).to(vectors.device).T
        else:
            pool = self.passages.wholes(np.asarray(self.validation.pool, dtype=np.int64)).cut(self.window)
            matrix = self._ranked(retriever, queries, pool)
        scores = matrix.cpu().numpy()
        scores[list(self.validation.own), list(self.validation.own.values())] = -np.inf
        model.train(was_training)
        reciprocal, recalled = [], []
        for row, relevant in zip(scores, self.validation.relevant, strict=True):
            order = np.argsort(-row, kind="stable")
            ranks = [rank for rank, index in enumerate(order, 1) if int(index) in relevant]
            reciprocal.append(1 / ranks[0])
            recalled.append(sum(rank <= 10 for rank in ranks) / len(ranks))
        mrr = float(np.mean(reciprocal))
        return {"loss": 1 - mrr, "mrr": mrr, "recall@10": float(np.mean(recalled))}

    def in_words(self, scores: dict[str, float]) -> str:
        """Validation scores for the terminal."""
        asked = f"{len(self.validation.queries):,} {self.validation.asked}"
        return f"recall@10 {scores['recall@10']:.3f} on the {asked}"

    def step_in_words(self, loss: float) -> str:
        """A step's loss for the terminal."""
        return f"loss {loss:.3f}"


def embed_tokens(model: Retriever, texts: Texts) -> Tensor:
    """Unit vectors of texts, (texts, width); a text without tokens is the zero vector."""
    device = model.embedding.weight.device
    vectors: Tensor = model(torch.from_numpy(texts.ids).to(device), torch.from_numpy(texts.lengths).to(device))
    return vectors


def _cells(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows and columns, (2, marks), of what is marked."""
    return np.stack(np.divmod(np.flatnonzero(marks), marks.shape[1]))


def _products(left: Tensor, right: Tensor) -> Tensor:
    """(left, right): the inner products of rows; as those of the longer matrix with the shorter, which is faster."""
    return (right @ left.T).T.contiguous() if len(right) > len(left) else left @ right.T


def _first(vectors: Tensor, dimensions: int) -> Tensor:
    """Unit vectors of the first dimensions, (texts, dimensions), as Matryoshka has them (Kusupati et al., 2022)."""
    return unit_rows(vectors[:, :dimensions])


def _embed_many(model: Retriever, texts: Texts) -> Tensor:
    order = np.argsort(texts.lengths, kind="stable")  # texts of like length share a batch
    batches = np.split(order, range(EMBEDDED_AT_ONCE, len(order), EMBEDDED_AT_ONCE))
    vectors = torch.cat([embed_tokens(model, texts.take(batch)) for batch in batches])
    return vectors[torch.from_numpy(np.argsort(order))]


def _retriever(model: Model) -> Retriever:
    from tokir.models.retriever import Retriever

    assert isinstance(model, Retriever)
    return model
