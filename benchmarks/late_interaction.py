"""Does late interaction pay at this size? MaxSim (Khattab and Zaharia, 2020) over the token vectors of a static model.

    python benchmarks/late_interaction.py runs/best-wiki

The score of a passage is the sum, over the query's tokens, of the token's weight times its best cosine with any token
of the passage. Token vectors of a static model do not depend on context, so the index holds no vectors, only the
distinct token ids of each passage. The weight of the sum with the dense system is chosen on the queries for choosing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from tokir.artifacts import RunFolder
from tokir.evaluation.measures import score_queries
from tokir.evaluation.significance import bootstrap_means, percentile_interval
from tokir.models.retriever import Retriever
from tokir.retrieval.ranking import Ranking
from tokir.study import Machine, Study, choices
from tokir.systems import trained_systems

DEPTH = 1000


class MaxSim:
    """An index of distinct token ids."""

    def __init__(self, model: Retriever, corpus: list[list[int]], ids: list[str]) -> None:
        table = model.embedding.weight.detach().float().numpy()
        norms = np.linalg.norm(table, axis=1)
        self.weights = model.token_weights.detach().float().numpy() * norms
        self.table = table / np.maximum(norms, 1e-9)[:, None]
        distinct = [np.unique(tokens) if tokens else np.zeros(1, dtype=np.int64) for tokens in corpus]
        self.flat = np.concatenate(distinct)
        self.starts = np.cumsum([0, *map(len, distinct)])[:-1]
        self.ids = np.array(ids)

    def scores(self, query: list[int]) -> np.ndarray:
        """Of every passage."""
        tokens = np.array(query, dtype=np.int64)
        similar = self.table[tokens] @ self.table.T  # (query tokens, vocabulary)
        best = np.maximum.reduceat(similar[:, self.flat], self.starts, axis=1)  # (query tokens, passages)
        return self.weights[tokens] @ best

    def rank(self, queries: list[list[int]], names: list[str]) -> Ranking:
        """The first thousand."""
        ranking = {}
        for name, query in zip(names, queries, strict=True):
            scores = self.scores(query)
            order = np.argsort(-scores, kind="stable")[:DEPTH]
            ranking[name] = dict(zip(self.ids[order].tolist(), scores[order].tolist(), strict=True))
        return ranking


def main(path: Path) -> None:
    """Score the run's first static model both ways, and as a sum."""
    from tokir.retrieval.fusion import fuse

    study = Study(RunFolder.open(path).config(), path, Machine("cpu"))
    system = next(s for s in trained_systems(study.config) if s.model.architecture == "static")
    searcher, model = study.searchers.searcher(system), study.models.model(system.model)
    assert isinstance(model, Retriever)
    tokenizer, corpus = study.models.tokenizer(system.model.tokenizer), study.dataset.corpus
    encoded = tokenizer.encode(corpus.passages(0, len(corpus)))
    late = MaxSim(model, encoded, list(corpus.ids))
    ranked = {}
    for split in (study.at.choose, study.at.splits.evaluate):
        assert split is not None
        names, texts = list(split.queries), list(split.queries.values())
        start = time.perf_counter()
        by_tokens = late.rank(tokenizer.encode(texts), names)
        seconds = time.perf_counter() - start
        ranked[split.name] = (split, searcher.rank(texts, names, DEPTH), by_tokens)
    (choose, dense, by_tokens), (test, test_dense, test_tokens) = ranked.values()
    weights = choices.fusion_weights([dense, by_tokens], choose)
    systems = {
        "dense": test_dense,
        "MaxSim": test_tokens,
        f"sum of z-scores, {weights[0]:g} : {weights[1]:g}": fuse(
            [test_dense, test_tokens], "weighted", weights, DEPTH
        ),
    }
    print(f"{system.id} on {study.dataset.name}, {test.name}, {len(test.queries):,} queries")
    for name, ranking in systems.items():
        scores = score_queries(ranking, test.qrels)
        low, high = percentile_interval(bootstrap_means([scores["recall@10"]], 10_000, 0)[:, 0])
        deep = np.mean(scores["recall@100"])
        print(
            f"{name:<32} recall@10 {np.mean(scores['recall@10']):.3f} [{low:.3f}, {high:.3f}]  recall@100 {deep:.3f}"
        )
    print(
        f"index: {len(late.flat) * 2 / 1e6:.1f} MB of token ids; one vector per passage takes "
        f"{len(corpus) * model.dimensions * 4 / 1e6:.1f} MB; "
        f"{seconds / len(test.queries) * 1000:.1f} ms a query"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
