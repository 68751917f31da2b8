from dataclasses import replace

import numpy as np

from tokir.evaluation.hits import hits
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import score_queries
from tokir.evaluation.significance import randomisation_test, seeds_test
from tokir.results.seeds import Evaluated, average_seeds
from tokir.results.systems import Seconds
from tokir.retrieval.index import Hits
from tokir.retrieval.ranking import Ranking

from .conftest import averaged, row

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
    weights = {"weights": (1.0, 1.0), "method": "weighted"}
    fusions = [
        evaluated(row(name, "fusion", fused={"systems": systems, **weights}), {"q1": {"p1": 1.0}})
        for name, systems in (("f", ("a.learned.s0", "bm25")), ("g", ("f", "bm25")), ("h", ("bm25", "bm25")))
    ]
    all_of_them = average_seeds([first, second, bm25, *fusions])
    assert {entry.row.id for entry in all_of_them if entry.trained} == {"a.learned", "f", "g"}
    failed = Evaluated(other.model_copy(update={"status": "unavailable", "reason": "no teacher"}))
    assert average_seeds([first, failed])[0].row.reason == "no teacher"


def test_two_readings_of_the_same_trainings_are_compared_seed_by_seed(assemble):
    one = averaged("a", 0.5, seeds=3, stages={"a.s0": 1.0})
    luck = np.array([0.3, 0.0, 0.15])[:, None]  # of a training, which a second reading of it shares
    found = one.scores["recall@10"] * (np.random.default_rng(0).uniform(size=one.scores["recall@10"].shape) > luck)
    lost = found * (np.random.default_rng(1).uniform(size=found.shape) > 0.08)

    def results(stages):
        changed = [
            replace(
                one,
                row=one.row.model_copy(update={"id": id, "pooling": id, **more}),
                scores=one.scores | {"recall@10": table},
            )
            for id, table, more in (("learned", found, {}), ("maxsim", lost, {"stages": stages}))
        ]
        [pair] = assemble(changed).comparisons
        return pair

    shared, apart = results({"a.s0": 1.0}), results({"b.s0": 1.0})
    assert shared.difference == apart.difference > 0
    assert shared.interval[0] > 0 > apart.interval[0] and shared.p < 0.05 < apart.p
    assert shared.queries_needed and apart.queries_needed is None


def test_a_fusion_of_what_was_trained_once_has_a_trainings_luck(assemble):
    seeded = averaged("a", 0.5, seeds=3)
    luck = np.array([0.16, 0.0, 0.08])[:, None]
    found = seeded.scores["recall@10"]
    found = found * (np.random.default_rng(0).uniform(size=found.shape) > luck)
    seeded = replace(seeded, scores=seeded.scores | {"recall@10": found})
    once = averaged("f", 0.6, kind="fusion")
    [fixed], [trained] = (assemble([seeded, replace(once, trained=known)]).comparisons for known in (False, True))
    assert fixed.difference == trained.difference and fixed.p < trained.p


def test_equal_scores_differ_by_no_rounding_error():
    scores = np.tile([0.1, 0.2], (3, 40))
    rounded = scores + 1e-17 * np.arange(1, 4)[:, None] + 2e-17
    assert seeds_test(rounded, scores[0]) == 1
    assert randomisation_test([np.full(80, -2e-17)], 1000, 0) == [1.0]
