"""The grid of a study, and what is refused of it before anything is trained."""

import pytest

from tokir.config import check_config, unread
from tokir.errors import TokirError
from tokir.study.omissions import leave_out
from tokir.systems import left_out, model_points, systems

NGRAMS = {"tokenizers": [{"type": "ngram"}]}
OWN_LEFT_OUT = {"static": ["query-distillation"], "lstm": ["contrastive"]}  # over n-grams there is no lstm


def fused(*members):
    return {"fusions": [{"systems": [*members, "bm25"]}]}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({**NGRAMS, "poolings": ["maxsim"]}, "poolings hold none for ngram-2k.static.contrastive.queries"),
        ({"poolings": ["maxsim"], **fused("best")}, "best could stand for"),
        ({**NGRAMS, "poolings": ["learned", "maxsim"], **fused("best-maxsim")}, "best-maxsim could stand for"),
        (
            {**NGRAMS, "architectures": ["static", "lstm"], "objectives": OWN_LEFT_OUT, **fused("best-own")},
            "best-own could stand for",
        ),
        ({"objectives": {"static": []}, **fused("best")}, "best could stand for"),
        ({"poolings": ["maxsim"], "objectives": {"static": ["query-distillation"]}}, "which takes learned"),
        (
            {"budget": {"match": "total"}, "objectives": {"static": ["query-distillation"]}},
            "as wide as its teacher's",
        ),
        ({**NGRAMS, "architectures": ["lstm"]}, "bag of overlapping n-grams"),
    ],
)
def test_what_no_model_of_a_study_could_give_is_refused(changed, words):
    with pytest.raises(TokirError, match=words):
        systems(check_config({"architectures": ["static"], **changed}))


def test_a_study_may_train_nothing():
    nothing = {"architectures": ["static"], "objectives": {"static": []}}
    assert [system.id for system in systems(check_config(nothing))] == ["bm25", "minilm"]
    ranked = {**NGRAMS, "architectures": ["lstm"], "lexical": True, "baselines": []}
    assert [system.id for system in systems(check_config(ranked))] == ["ngram-2k.bm25"]


def test_the_names_of_systems_are_short_enough_to_name_files():
    tokenizers = [{"type": "bpe", "vocabulary_size": size} for size in range(1000, 9000, 1000)]
    grid = {"architectures": ["static"], "tokenizers": tokenizers, "poolings": ["learned"]}
    members = [system.id for system in systems(check_config({**grid, "baselines": ["bm25"]}))]
    assert len("+".join(members)) > 255
    fusions = [{"systems": members}, {"systems": members[1:]}, {"systems": members[:2]}]
    ids = [system.id for system in systems(check_config({**grid, "fusions": fusions}))][-3:]
    assert len(set(ids)) == 3 and all(len(id) < 150 for id in ids[:2])
    assert ids[2] == f"{members[0]}+{members[1]}.weighted"
    long = {"variants": [{"name": "x" * 200, "retrieval": {"titles": False}}]}
    with pytest.raises(TokirError, match="longer than 200 bytes: give its variant"):
        systems(check_config({**grid, **long}))


def test_a_variant_of_an_objective_that_is_left_out_is_left_out_with_it():
    variants = [
        {"name": "misspelt", "retrieval": {"perturbed_share": 0.3}, "objectives": ["query-distillation"]},
        {"name": "plain", "retrieval": {"titles": False}},
    ]
    config = check_config(
        {
            "architectures": ["static"],
            "objectives": {"static": ["contrastive", "query-distillation"]},
            "variants": variants,
        }
    )
    left = leave_out(config, {"query-distillation": "there is no teacher"})
    assert [point.trained for point in model_points(left)] == [
        "bpe-2k.static.contrastive",
        "bpe-2k.static.contrastive~plain",
    ]
    alone = check_config({"architectures": ["static"], "objectives": {"static": ["query-distillation"]}})
    with pytest.raises(TokirError, match="query-distillation cannot be trained: there is no teacher"):
        leave_out(alone, {"query-distillation": "there is no teacher"})


def test_a_variant_is_trained_where_it_changes_something_and_left_out_with_what_it_changes():
    grid = {
        "architectures": ["static"],
        "objectives": {"static": ["contrastive", "contrastive+queries", "queries+distillation"]},
        "variants": [{"name": "mined", "retrieval": {"negatives": "bm25"}}],
        "retrieval": {"teacher_optional": True, "neighbours": 1, "perturbed_share": 0.5},
    }
    config = check_config(grid)
    trained = [str(point.objective) for point in model_points(config) if point.variant]
    assert trained == ["contrastive+queries", "queries+distillation"]
    assert unread(config) == ("retrieval.perturbed_share is 0.5, but no training of this study reads it",)
    left = leave_out(config, {"queries": "there are none"})
    assert not any(point.variant for point in model_points(left))
    assert len(unread(check_config({**grid, "training": {"epochs": 3}}))) == 2


def test_fusions_that_can_only_have_the_same_members_are_one():
    static = {"architectures": ["static"], "poolings": ["learned", "maxsim"], "baselines": ["bm25"]}
    three = [["best", "bm25"], ["best-own", "best-maxsim", "bm25"], ["best", "best-own", "best-maxsim", "bm25"]]
    fusions = [{"systems": members} for members in three]
    alone = [system.id for system in systems(check_config({**static, "fusions": fusions}))]
    assert alone[-2:] == ["best+bm25.weighted", "best-own+best-maxsim+bm25.weighted"]
    taught = {"objectives": {"static": ["query-distillation", "contrastive"]}, "fusions": fusions}
    assert len([one.id for one in systems(check_config({**static, **taught})) if "best" in one.id]) == 3


def test_letter_ngrams_are_left_out_of_variants_of_late_interaction():
    static = {**NGRAMS, "architectures": ["static"], "poolings": ["learned"], "baselines": []}
    late = {"variants": [{"name": "late", "retrieval": {"interaction": "late"}}]}
    config = check_config({**static, **late})
    assert not any("late" in system.id and system.id.startswith("ngram") for system in systems(config))
    assert left_out(config) == ("ngram-2k: left out of late: letter n-grams meet their like in every passage",)
