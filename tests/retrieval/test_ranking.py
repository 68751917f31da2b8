import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.errors import TokirError
from tokir.retrieval import ranking as written
from tokir.retrieval.index import Hits, top
from tokir.retrieval.ranking import Ranking, descending, inverse, read_run, write_run

scores_with_ties = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30)


@given(scores=scores_with_ties, depth=st.integers(1, 35))
def test_top_is_the_head_of_the_full_order_of_trec_eval(scores, depth):
    ids = [f"d{number * 7 % 31}" for number in range(len(scores))]
    expected = sorted(range(len(scores)), key=lambda i: (scores[i], ids[i]), reverse=True)[:depth]
    assert top(np.array(scores, dtype=np.float32), depth, inverse(descending(ids))).tolist() == expected


def test_ids_descend_by_their_bytes():
    assert descending(["b", "ä", "a", "Z"]).tolist() == [1, 0, 2, 3]
    assert inverse(descending(["b", "ä", "a", "Z"])).tolist() == [1, 0, 2, 3]


IDS = ["a", "b", "c", "q2", "ä"]
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


def ranking_of(lists: dict[str, list[tuple[int, float]]]) -> Ranking:
    return Ranking.of(
        lists,
        [Hits(np.array([i for i, _ in found], np.int64), np.array([s for _, s in found], np.float32))
         for found in lists.values()],
    )  # fmt: skip


@settings(max_examples=50)
@given(
    lists=st.dictionaries(
        st.text("qäΩ1", min_size=1), st.lists(st.tuples(st.integers(0, 4), floats), max_size=5), max_size=4
    ),
    lines=st.sampled_from([1, 3, 100]),
)
def test_a_run_file_holds_each_score_in_full_and_reads_back_alike(tmp_path_factory, lists, lines):
    path, ranking = tmp_path_factory.mktemp("run") / "x.trec", ranking_of(lists)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "LINES_AT_ONCE", lines)
        write_run(path, ranking, IDS, "tag")
    expected = [
        f"{query} Q0 {IDS[position]} {rank} {np.float32(score)!s} tag\n"
        for query, found in lists.items()
        for rank, (position, score) in enumerate(found, start=1)
    ]
    assert path.read_text("utf-8") == "".join(expected)
    again = read_run(path, IDS)
    assert again.queries == tuple(query for query, found in lists.items() if found)
    assert np.array_equal(again.positions, ranking.positions) and np.array_equal(again.scores, ranking.scores)
    assert [len(hits.scores) for hits in again.lists()] == [len(found) for found in lists.values() if found]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("q1 Q0 b 1 0.3 x\nq1 Q0\n", r"x\.trec:2: not a line of a TREC run file"),
        ("q1 Q0 b 1 0.3 x\nq1 Q0 a 2 high x\n", r"x\.trec:2: not a line of a TREC run file"),
        ("q1 Q0 b 1 0.3 x\nq1 Q0 z 2 0.2 x\n", r"x\.trec:2: no passage 'z' is in the corpus"),
        ("q1 Q0 b 1 0.3 x\nq2 Q0 b 1 0.3 x\nq1 Q0 a 2 0.2 x\n", r"x\.trec: lines of one query stand apart"),
    ],
)
def test_what_is_no_run_file_is_named_with_its_line(tmp_path, lines, said):
    (tmp_path / "x.trec").write_text(lines)
    with pytest.raises(TokirError, match=said):
        read_run(tmp_path / "x.trec", IDS)


def test_the_passage_that_is_the_query_itself_is_left_out():
    ranking = ranking_of({"q1": [(3, 0.9), (0, 0.8), (1, 0.7)], "q2": [(0, 0.9), (3, 0.8), (1, 0.7)]})
    q1, q2 = ranking.without(["q2"], IDS, 2).lists()
    assert q1.positions.tolist() == [3, 0] and q2.positions.tolist() == [0, 1]
