"""The grid of a study, and what is refused of it before anything is trained."""

import pytest

from tokir.config import check_config
from tokir.errors import TokirError
from tokir.systems import systems

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
