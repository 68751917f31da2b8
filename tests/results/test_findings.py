import pytest

from tokir.results.findings import findings
from tokir.results.systems import Seconds, Tokenizer

from .conftest import DATASET, results_of, row

TASK = {
    "objective": "contrastive+distillation",
    "objective_label": "contrastive + distilled",
    "language_model": None,
    "seconds": Seconds(train=9.0, teacher=90.0),
}


def answers(rows, width=0.03, chance=0.002):
    return [finding.answer for finding in findings(results_of(rows, width, chance))]


def test_findings_follow_the_intervals():
    rows = [
        row("lstm.raw", recall=0.05, architecture="lstm", pooling="mean"),
        row("lstm.white", recall=0.20, architecture="lstm", pooling="mean-white"),
        row("tf.white", recall=0.21, architecture="transformer", pooling="mean-white"),
        row("minilm", "pretrained", 0.65, latency=9.0),
        row("byt5", "pretrained", status="unavailable"),
    ]
    assert answers(rows) == [
        "supported",  # above chance
        "cannot tell",  # none was trained to retrieve
        "cannot tell",  # no larger general model on this machine
        "cannot tell",  # 0.20 against 0.21, +- 0.03
        "supported",
        "supported",
    ]
    assert findings(results_of(rows))[0].evidence[0] == 'systems[2].scores["recall@10"]'
    assert answers(rows, 0.001, 0.5)[:4:3] == ["not supported", "not supported"]


def test_findings_compare_one_model_trained_both_ways():
    rows = [
        row("lstm.lm", recall=0.20, architecture="lstm", pooling="mean-white"),
        row("lstm.task", recall=0.60, architecture="lstm", pooling="learned", **TASK),
        row("bm25", "lexical", 0.54),
    ]
    found = findings(results_of(rows))
    assert [finding.answer for finding in found] == ["supported"] * 2 + ["cannot tell"] * 2 + [
        "supported",
        "cannot tell",
    ]
    assert "lstm.lm" in found[0].text and "lstm.task" not in found[0].text
    assert "90 for the vectors of its teacher" in found[1].text
    assert "trained for contrastive + distilled, 0.600" in found[4].text
    assert "+0.400 [+0.370, +0.430]" in found[4].text


def test_few_queries_support_nothing_and_no_smaller_model_is_a_larger_one():
    rows = [
        row("ours", recall=0.6),
        row("canine", "pretrained", 0.6, latency=20.0, parameters=1_000_000),
        row("canine.int8", "pretrained", 0.6, latency=0.1, index="int8"),
    ]
    found = findings(results_of(rows, 0.001))
    assert [found[number].answer for number in (0, 2, 5)] == ["supported", "supported", "cannot tell"]
    assert "No larger pretrained model was timed" in found[5].text and "canine.int8" not in found[5].text
    few = DATASET.model_copy(update={"queries": 5})
    found = findings(results_of(rows, 0.001).model_copy(update={"dataset": few}))
    assert [found[number].answer for number in (0, 2)] == ["cannot tell"] * 2
    assert all("Fewer than 6 queries support no claim" in found[number].text for number in (0, 2))


def test_findings_of_an_empty_study_cannot_tell():
    assert {finding.answer for finding in findings(results_of([]))} == {"cannot tell"}


@pytest.mark.parametrize(
    ("difference", "width", "answer"),
    [
        (0.04, 0.05, "supported"),  # not significantly better, but at most 0.01 behind
        (-0.01, 0.005, "supported"),  # significantly worse, by less than the margin
        (0.0, 0.05, "cannot tell"),  # between 0.05 ahead and 0.05 behind
        (-0.05, 0.04, "cannot tell"),  # significantly worse, but perhaps by less than the margin
        (-0.15, 0.03, "not supported"),
    ],
)
def test_at_least_level_is_at_most_the_margin_behind(difference, width, answer):
    rows = [row("ours", recall=0.3 + difference), row("canine", "pretrained", 0.3, parameters=130_000_000)]
    finding = findings(results_of(rows, width))[2]
    assert finding.answer == answer
    assert "at most 0.02 of recall@10 behind" in finding.text and "65 times the parameters" in finding.text


def test_the_best_of_several_is_chosen_on_validation_queries_or_has_to_lead():
    canine = row("canine", "pretrained", 0.3, parameters=130_000_000)

    def level(*validation):
        ours = [row(f"m{n}", recall=0.31 + n / 200, validation_recall=one) for n, one in enumerate(validation)]
        return findings(results_of([*ours, canine], width=0.02))[2]

    assert level(0.5, 0.4).text.startswith("m0 has")  # though the other one scores higher
    assert level(0.5, 0.4).answer == "supported"
    chosen = level(None, None)
    assert chosen.text.startswith("m1 has") and chosen.answer == "cannot tell"
    assert "the best of 2 on the scored queries themselves" in chosen.text


def test_few_queries_show_a_lead_but_not_that_a_model_is_level():
    canine = row("canine", "pretrained", 0.3, parameters=130_000_000)
    for queries, lead, answer in ((182, 0.0, "cannot tell"), (182, 0.05, "supported"), (183, 0.0, "supported")):
        found = results_of([row("ours", recall=0.3 + lead), canine], width=0.01)
        level = findings(found.model_copy(update={"dataset": DATASET.model_copy(update={"queries": queries})}))[2]
        assert level.answer == answer and ("Fewer than 183 queries" in level.text) == (queries < 183)


def test_the_best_of_many_has_to_be_further_above_chance_where_it_was_chosen_by_its_score():
    """Each interval reaches down to 0.28; widened for twelve models, it reaches down to 0.271."""
    for validation, chance, answer in (
        (0.3, 0.275, "supported"),
        (None, 0.275, "cannot tell"),
        (None, 0.268, "supported"),
    ):
        rows = [row(f"m{number}", recall=0.3, validation_recall=validation) for number in range(12)]
        first = findings(results_of(rows, chance=chance))[0]
        assert first.answer == answer and ("the best of 12" in first.text) == (validation is None)


@pytest.mark.parametrize("lead", [0.2, -0.2])
def test_architectures_are_compared_over_every_tokenizer(lead):
    def models(name, difference):
        tokenizer = Tokenizer(id=name, type="bpe", vocabulary_size=2000)
        return [
            row(f"{name}.{kind}", recall=recall, architecture=kind, pooling="mean-white", tokenizer=tokenizer)
            for kind, recall in (("lstm", 0.4 + difference), ("transformer", 0.4))
        ]

    agree = findings(results_of([*models("bpe", lead), *models("byte", lead)]))[3]
    differ = findings(results_of([*models("bpe", lead), *models("byte", -lead)]))[3]
    assert agree.answer == ("supported" if lead > 0 else "not supported") and differ.answer == "cannot tell"
    assert "over bpe, the LSTM" in differ.text and "over byte, the LSTM" in differ.text


def test_no_claim_is_made_against_a_baseline_that_could_not_read():
    ours = row("lstm.task", recall=0.60, architecture="lstm", pooling="learned", **TASK)
    lm = row("lstm.lm", recall=0.20, architecture="transformer", pooling="mean-white")
    for rate, answer in ((0.2, "supported"), (0.63, "cannot tell")):
        canine = row("canine", "pretrained", 0.10, latency=20.0, unknown_rate=rate)
        bm25 = row("bm25", "lexical", 0.10, unknown_rate=rate)
        found = findings(results_of([ours, lm, canine, bm25]))
        assert [found[number].answer for number in (1, 2, 5)] == [answer] * 3
        said = "canine could not read 63% of the tokens of these passages" in found[2].text
        assert said == (rate == 0.63)
        assert ("bm25 could not read 63%" in found[1].text) == (rate == 0.63)
        assert ("canine (11 times the parameters) has 0.100" in found[2].text) == (rate == 0.2)
    minilm = row("minilm", "pretrained", 0.65, unknown_rate=0.5)
    assert answers([lm, minilm])[4] == "cannot tell"


def test_what_was_not_measured_is_named_and_no_table_is_a_larger_model():
    ours = row("ours", recall=0.3, latency=0.2)
    canine = row("canine", "pretrained", 0.2, latency=9.0, parameters=130_000_000)
    missing = row("roberta", "pretrained", status="unavailable", title="RoBERTa base")
    table = row("model2vec", "pretrained", 0.2, latency=0.2)
    _, _, level, _, _, fastest = findings(results_of([ours, canine, missing, table]))
    assert "(CANINE; mean-pooled)" in level.claim and "RoBERTa base could not be evaluated" in level.text
    assert level.answer == fastest.answer == "supported"


def test_of_many_systems_the_fastest_and_the_pretrained_are_named():
    lexical = [row(f"bm25-{number}", "lexical", 0.5, latency=0.1 + number / 100) for number in range(20)]
    rows = [*lexical, row("ours", recall=0.3, latency=0.5), row("minilm", "pretrained", 0.6, latency=9.0)]
    text = findings(results_of(rows))[5].text
    assert "bm25-4 0.14" in text and "bm25-5" not in text and "ours 0.50" in text and "minilm 9.00" in text
    assert "The table has the 15 others." in text
