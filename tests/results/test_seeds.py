import numpy as np

from tokir.evaluation.hits import hits
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import score_queries
from tokir.results.seeds import Evaluated, average_seeds
from tokir.results.systems import Seconds
from tokir.retrieval.index import Hits
from tokir.retrieval.ranking import Ranking

from .conftest import row

QRELS = {"q1": {"p1": 1}, "q2": {"p2": 1}}


IDS = [*(f"x{i}" for i in range(10)), "p1", "p2"]


def evaluated(about, found):
    """A row with the scores of lists, passage ids to scores, the best first."""
    lists = [
        Hits(np.array([IDS.index(id) for id in scores], np.int64), np.array(list(scores.values()), np.float32))
        for scores in found.values()
    ]
    ranking, judgements = Ranking.of(found, lists), Judgements.of(QRELS, IDS)
    return Evaluated(about, score_queries(ranking, judgements), hits(ranking, judgements))


def test_trainings_that_differ_in_their_seed_are_one_row():
    deep = {f"x{i}": 20.0 - i for i in range(10)} | {"p2": 1.0}
    one = row("a.learned.s0", seed=0, seconds=Seconds(train=9.0, teacher=0.0), stages={"a.s0": 9.0})
    other = row("a.learned.s1", seed=1, seconds=Seconds(train=11.0, teacher=0.0), stages={"a.s1": 11.0})
    first = evaluated(one, {"q1": {"p1": 1.0}, "q2": deep})
    second = evaluated(other, {"q1": {"p1": 1.0}, "q2": {"p2": 1.0}})
    bm25 = evaluated(row("bm25", "lexical"), {"q1": {"p1": 1.0}})
    made = {entry.row.id: entry for entry in average_seeds([first, second, bm25])}
    assert list(made) == ["a.learned", "bm25"]
    merged = made["a.learned"].row
    assert (merged.seeds, merged.by_seed, merged.seconds.train) == ((0, 1), (0.5, 1.0), 10.0)
    assert merged.stages == {"a.s0": 9.0, "a.s1": 11.0}
    assert merged.runs == ("a.learned.s0", "a.learned.s1") and merged.seed is None
    assert made["a.learned"].scores["recall@10"].tolist() == [[1, 0], [1, 1]]
    assert made["a.learned"].hits["q2"] == ((11, "p2"), [("x0", 20.0), ("x1", 19.0), ("x2", 18.0)])
    failed = Evaluated(other.model_copy(update={"status": "unavailable", "reason": "no teacher"}))
    assert average_seeds([first, failed])[0].row.reason == "no teacher"
