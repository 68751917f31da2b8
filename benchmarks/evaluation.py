"""Many systems scored, compared and tested, and run files read and written, beside ranx.

    pip install ranx
    python benchmarks/evaluation.py

Drawn ranked lists of systems that are unlike in quality; each side has them in memory in its own form. `scored`
is the measures of each query, of which ranx computes the three that are compared here and tokir all nine;
`compared` is that and a randomisation test (Smucker et al., 2007) of every pair by each of the three, with as
many patterns on both sides. What ranx takes grows with the patterns, and it tests each pair twice. Both sides
are asked once before the clock counts, since ranx compiles, and have to agree on every mean.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from ratios import of_times, report, seconds

from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import PerQuery, score_queries
from tokir.evaluation.significance import holm, randomisation_test
from tokir.retrieval.index import Hits
from tokir.retrieval.ranking import Ranking, read_run, write_run

PASSAGES = 100_000
MEASURES = {"recall@10": "recall@10", "mrr@10": "mrr@10", "ndcg@10": "ndcg@10"}  # ours to those of ranx


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=20)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=20, help="passages of a ranked list")
    parser.add_argument("--patterns", type=int, default=10, help="of the randomisation test")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    try:
        import ranx
    except ImportError:
        raise SystemExit("this benchmark needs its peer: pip install ranx") from None
    ids, qrels, rankings = drawn(asked.systems, asked.queries, asked.depth)
    judgements = Judgements.of(qrels, ids)
    known, runs = ranx.Qrels(qrels), [ranx.Run(by_ids(one, ids), name) for name, one in rankings.items()]

    def ours() -> dict[str, PerQuery]:
        return {name: score_queries(ranking, judgements) for name, ranking in rankings.items()}

    def theirs() -> list[dict[str, Any]]:
        return [ranx.evaluate(known, run, list(MEASURES.values()), return_mean=False) for run in runs]

    def compare(some: list[Any], patterns: int) -> Any:
        return ranx.compare(known, some, list(MEASURES.values()), stat_test="fisher", n_permutations=patterns)

    compare(runs[:2], 1)
    scores = ours()
    tested(scores, 1)
    for mine, other in zip(scores.values(), theirs(), strict=True):
        for name, name_there in MEASURES.items():
            assert abs(np.mean(mine[name]) - np.mean(other[name_there])) < 1e-6, name
    size = f"{asked.systems} x {asked.queries:,}"
    lines = [
        of_times(f"scored, {size} queries", "ranx evaluate", seconds(ours), seconds(theirs), "s"),
        of_times(
            f"compared, {size} queries, {asked.patterns} patterns",
            "ranx compare, fisher",
            seconds(lambda: tested(ours(), asked.patterns)),
            seconds(lambda: compare(runs, asked.patterns)),
            "s",
        ),
    ]
    with tempfile.TemporaryDirectory() as folder:
        file, first = Path(folder) / "run.trec", next(iter(rankings))
        lines += [
            of_times(
                f"run file of {asked.queries:,} queries, written",
                "ranx Run.save",
                seconds(lambda: write_run(file, rankings[first], ids, first)),
                seconds(lambda: runs[0].save(str(Path(folder) / "other.trec"))),
                "s",
            ),
            of_times(
                f"run file of {asked.queries:,} queries, read",
                "ranx Run.from_file",
                seconds(lambda: read_run(file, ids)),
                seconds(lambda: ranx.Run.from_file(str(file))),
                "s",
            ),
        ]
    report(lines, asked.json)


def drawn(
    systems: int, queries: int, depth: int
) -> tuple[list[str], dict[str, dict[str, int]], dict[str, Ranking]]:
    """Ids of passages, judgements and ranked lists.

    All systems find the same passages for a query, and order them with unlike skill; of one to five relevant passages
    half are among them.
    """
    rng = np.random.default_rng(0)
    ids = [f"p{number}" for number in range(PASSAGES)]
    found = (rng.integers(PASSAGES, size=(queries, 1)) + np.arange(2 * depth)) % PASSAGES
    relevant = np.arange(2 * depth) < rng.integers(1, 6, size=(queries, 1))
    rng.permuted(relevant, axis=1, out=relevant)
    names = [f"q{number}" for number in range(queries)]
    qrels = {
        name: {ids[position]: 1 for position in row[judged].tolist()}
        for name, row, judged in zip(names, found, relevant, strict=True)
    }
    scores, rankings = np.linspace(1, 0.1, depth, dtype=np.float32), {}
    for system in range(systems):
        skill = 0.5 + 0.4 * system / systems
        order = np.argsort(rng.random((queries, depth)) - skill * relevant[:, :depth], axis=1)
        lists = [Hits(positions, scores) for positions in np.take_along_axis(found, order, axis=1)]
        rankings[f"system-{system}"] = Ranking.of(names, lists)
    return ids, qrels, rankings


def by_ids(ranking: Ranking, ids: list[str]) -> dict[str, dict[str, float]]:
    """A ranking as ranx reads it."""
    return {
        query: dict(zip([ids[i] for i in hits.positions.tolist()], hits.scores.tolist(), strict=True))
        for query, hits in zip(ranking.queries, ranking.lists(), strict=True)
    }


def tested(scores: dict[str, PerQuery], patterns: int) -> dict[str, list[float]]:
    """The p of every pair by each measure, after Holm's correction."""
    found = {}
    for name in MEASURES:
        table = {system: np.array(of[name]) for system, of in scores.items()}
        differences = np.stack([table[a] - table[b] for a, b in combinations(table, 2)])
        found[name] = holm(randomisation_test(differences, patterns, seed=0))
    return found


if __name__ == "__main__":
    main()
