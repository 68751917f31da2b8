"""The verdict says what the numbers say, and every number of a sentence lies at one of its paths."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tokir.results.findings import findings
from tokir.results.paths import resolve
from tokir.results.reading import as_json
from tokir.results.records import Tokenizer
from tokir.results.systems import Fused
from tokir.results.verdict import verdict

from .conftest import averaged, results_of, row


def numbers(value):
    """All numbers within a value of the results, without their signs."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [abs(value)] if isinstance(value, int | float) else []


def hold(sentences, results):
    """Every decimal of a sentence is a number at one of its paths."""
    body = as_json(results)
    for sentence in sentences:
        told = [number for path in sentence.evidence for number in numbers(resolve(path, body))]
        told += [number * 4 / 1e6 for number in told]  # bytes of weights, in MB
        told += [0.02]  # the margin of being level, which is stated
        for number, decimals in re.findall(r"(?<![\w-])(\d+\.(\d+))", sentence.text):
            assert any(f"{value:.{len(decimals)}f}" == number for value in told), (number, sentence)


@pytest.fixture
def results(assemble):
    best = averaged("good", 0.6, seeds=2, lost=0.3)
    twin_row = best.row.model_copy(
        update={
            "id": "twin.static", "parameters": 90_000, "seeds": (), "by_seed": (),
            "tokenizer": Tokenizer(id="twin", type="bpe", vocabulary_size=500),
        }
    )  # fmt: skip
    twin = replace(
        best,
        row=twin_row,
        scores={name: table[:1] for name, table in best.scores.items()},
        perturbed={"swap": best.perturbed["swap"][:1]},
    )
    bm25 = replace(averaged("x", 0.5), row=row("bm25", "lexical"), perturbed={})
    unread = replace(averaged("y", 0.3), row=row("minilm", "pretrained", unknown_rate=0.63), perturbed={})
    return assemble([averaged("bad", 0.2), best, twin, bm25, unread])


def test_the_verdict_says_what_the_numbers_say_and_where_they_lie(results):
    first, level, worse, cost, perturbed, others, seeds = (sentence.text for sentence in results.verdict)
    name, other = ("good", "twin") if "tokenizer good" in first else ("twin", "good")
    assert f"Use the tokenizer {name}" in first and f"does not differ significantly from {other} (" in level
    assert "better than bad (+" in worse and "0.25 ms" in cost and "bm25 (0." in others
    assert ("twin makes the smallest model: 90,000" in level) == (name == "good")
    assert "Its largest drop is under swap: recall@10 changes by −" in perturbed
    assert seeds.startswith("Intervals hold the spread over queries and over trainings: 2 of ")
    assert "minilm could not read 63% of the tokens of these passages" in others and "minilm (" not in others
    hold(results.verdict, results)


def test_every_decimal_of_a_finding_lies_in_its_evidence(results):
    assert any(re.search(r"\d\.\d", finding.text) for finding in results.findings)
    pretrained = [row("canine", "pretrained", 0.3, latency=3.0), row("minilm", "pretrained", 0.65, latency=2.0)]
    models = [
        row("lstm", recall=0.2, architecture="lstm", pooling="mean-white"),
        row("tf", recall=0.21, architecture="transformer", pooling="mean-white"),
        row("task", recall=0.6, architecture="lstm", pooling="learned", objective="contrastive", latency=0.5),
    ]
    both = results_of([*models, *pretrained, row("bm25", "lexical", 0.54)], chance=0.0123)
    for found in (results, both):
        for finding in findings(found):
            without_ratio = re.sub(r"takes \d\.\d+ times", "", finding.text)
            hold([finding.model_copy(update={"text": without_ratio})], found)


def test_groups_and_comparisons_of_tokenizers_under_perturbations(results):
    rows = {row.id: row for row in results.systems}
    assert len(results.groups) >= 2 and len(results.groups) - 1 in rows["bad.static"].groups
    compared = {(entry.perturbation, entry.outcome, entry.b) for entry in results.perturbation_comparisons}
    assert ("swap", "change", "bad.static") in compared and len(compared) == 4
    assert results.perturbations[0].changed == results.dataset.queries


def test_a_perturbation_that_changes_no_query_does_not_apply(assemble, config):
    evaluation = config.evaluation.model_copy(update={"robustness": ["strip-diacritics", "swap"]})
    changed = config.model_copy(update={"evaluation": evaluation})
    alone = config.model_copy(
        update={"evaluation": config.evaluation.model_copy(update={"robustness": ["strip-diacritics"]})}
    )
    results = assemble([replace(averaged(*one), perturbed={}) for one in (("bad", 0.2), ("good", 0.6))], alone)
    assert "strip-diacritics does not apply: no query is changed." in [one.text for one in results.verdict]
    for lost in (0.0, 0.5):
        results = assemble([averaged("bad", 0.2), averaged("good", 0.6, lost=lost)], changed)
        assert [results.share_changed(one) for one in results.perturbations] == [0, 1]
        assert set(results.robustness["good.static"]) == {"swap"}
        [said] = [sentence for sentence in results.verdict if "strip-diacritics" in sentence.text]
        assert said.text.endswith(" strip-diacritics does not apply: no query is changed.")
        assert "perturbations[0].changed" in said.evidence and ("largest drop is under swap" in said.text) == (
            lost > 0
        )
        hold(results.verdict, results)


def test_the_configuration_is_chosen_on_the_validation_queries(assemble):
    def configuration(objective, quality, validation):
        return [
            averaged(
                f"{name}-{objective}", quality, objective=objective, title=objective, validation_recall=validation,
                tokenizer=Tokenizer(id=name, type="bpe", vocabulary_size=2000),
            )
            for name in ("a", "b")
        ]  # fmt: skip

    luckier, better = configuration("simcse", 0.6, 0.3), configuration("contrastive", 0.5, 0.4)
    results = assemble([*luckier, *better])
    assert "same configuration (contrastive)" in results.verdict[0].text
    assert "on validation queries" in results.verdict[0].text
    assert any("validation_recall" in path for path in results.verdict[0].evidence)
    hold(results.verdict, results)


def kinds(name, quality):
    """A tokenizer in every way to retrieve; its lexical system is the best on the validation queries."""
    tokenizer = Tokenizer(id=name, type="bpe", vocabulary_size=2000)
    fused = Fused(systems=(f"{name}.bm25", f"{name}.static", "minilm"), weights=(1, 1, 1), method="weighted")
    for kind, more in {
        "lexical": {"kind": "lexical", "id": f"{name}.bm25", "title": "BM25 over tokens", "architecture": "bm25",
                    "parameters": None, "pooling": None, "validation_recall": 0.5},
        "dense": {"validation_recall": 0.4},
        "worse": {"id": f"{name}.worse", "objective": "simcse", "validation_recall": 0.3},
        "late": {"id": f"{name}.late", "pooling": "maxsim", "title": "Late", "validation_recall": 0.4},
        "fused": {"kind": "fusion", "id": f"{name}.fused", "title": name, "architecture": "fusion", "fused": fused,
                  "parameters": None, "pooling": None, "validation_recall": 0.9},
    }.items():  # fmt: skip
        system = averaged(name, quality - 0.1 * (kind == "worse"), tokenizer=tokenizer)
        yield replace(system, row=system.row.model_copy(update=more))


def test_each_way_to_retrieve_has_a_line_with_its_own_best_tokenizer(assemble):
    results = assemble([*kinds("a", 0.6), *kinds("b", 0.2)])
    texts = [sentence.text for sentence in results.verdict]
    assert texts[0].startswith("Use the tokenizer a") and "same configuration (BM25 over tokens)" in texts[0]
    assert "Of 4 configurations" in texts[0]  # fusions are not among them
    assert any(text == "A query takes 0.25 ms on one thread (the median)." for text in texts)
    lines = [text for text in texts if ": of 2 tokenizers a has the highest recall@10" in text]
    assert [text.partition(":")[0] for text in lines] == [
        "Dense retrieval (Static, contrastive; the best of 2 configurations on validation queries)",
        "Late interaction (Late)",
        "Fused retrieval (fusion of bm25, static and minilm, weighted)",
    ]
    assert all("it is significantly better than b (+0." in line for line in lines)
    assert texts[-1].startswith("One training of each model")
    compared = {entry.a for entry in results.perturbation_comparisons}
    assert compared == {"a.bm25", "a.static", "a.worse", "a.late", "a.fused"}
    hold(results.verdict, results)


def test_the_index_of_late_interaction_is_not_that_of_vectors(assemble):
    late = [list(kinds(name, quality))[3] for name, quality in (("a", 0.6), ("b", 0.2))]
    texts = [sentence.text for sentence in assemble(late).verdict]
    assert late[0].row.dimensions and "same configuration (Late)" in texts[0]
    assert not any("bytes of the index" in text for text in texts)


def test_fusions_of_several_tokenizers_or_of_the_same_are_not_compared(assemble):
    one, other = list(kinds("a", 0.6))[-1], list(kinds("b", 0.5))[-1]
    again = replace(one, row=one.row.model_copy(update={"id": "again"}))
    mixed = replace(other, row=other.row.model_copy(update={"id": "mixed", "tokenizer": None}))
    assert assemble([one, again, mixed]).verdict == ()
    assert {entry.b for entry in assemble([one, again, other]).perturbation_comparisons} == {"b.fused"}


def test_one_tokenizer_gives_no_verdict():
    assert verdict(results_of([row("lstm", recall=0.2)])) == ()


def test_the_verdict_says_what_a_difference_that_is_not_significant_would_need():
    rows = [
        row(name, recall=recall, tokenizer=Tokenizer(id=name, type="bpe", vocabulary_size=500), title="Static")
        for name, recall in (("a", 0.52), ("b", 0.50))
    ]
    results = results_of(rows)
    for needed, said in ((None, "; more queries would not help, more seeds might"),
                         (1234, "; about 1,200 queries would be needed, before correction"),
                         (120, ""),
                         (10**9, "; more than 100,000 queries would be needed, before correction")):  # fmt: skip
        pair = results.comparisons[0].model_copy(update={"queries_needed": needed})
        systems = [one.model_copy(update={"seeds": (0, 1), "by_seed": (0.5, 0.5)}) for one in results.systems]
        changed = verdict(results.model_copy(update={"comparisons": (pair,), "systems": tuple(systems)}))[1].text
        assert changed == f"It does not differ significantly from b (+0.020 [−0.010, +0.050]{said})."


def test_the_verdict_gives_the_reason_that_holds():
    rows = [
        row(name, recall=recall, tokenizer=Tokenizer(id=name, type="bpe", vocabulary_size=500), title="Static")
        for name, recall in (("a", 0.52), ("b", 0.50))
    ]
    results = results_of(rows)
    for queries, changes, said in (
        (
            1,
            {"interval": (-1.0, 1.0), "queries_needed": None},
            "[−1.000, +1.000]; one query says nothing of others).",
        ),
        (100, {"queries_needed": None}, "[−0.010, +0.050])."),  # one training of each: more seeds are no remedy
        (100, {"interval": (0.01, 0.03), "p_holm": 0.052}, "[+0.010, +0.030]; p after correction is 0.052)."),
    ):
        pair = results.comparisons[0].model_copy(update=changes)
        dataset = results.dataset.model_copy(update={"queries": queries})
        text = verdict(results.model_copy(update={"comparisons": (pair,), "dataset": dataset}))[1].text
        assert text.endswith(said)


def test_configurations_are_compared_over_the_tokenizers_that_both_have(assemble):
    def system(name, objective, quality):
        tokenizer = Tokenizer(id=name, type="bpe", vocabulary_size=2000)
        return averaged(
            f"{name}-{objective}", quality, objective=objective, title=objective, validation_recall=quality,
            tokenizer=tokenizer,
        )  # fmt: skip

    wide = [system("a", "simcse", 0.6), system("b", "simcse", 0.6), system("c", "simcse", 0.1)]
    narrow = [system("a", "contrastive", 0.5), system("b", "contrastive", 0.5)]
    results = assemble([*wide, *narrow])
    assert "same configuration (simcse)" in results.verdict[0].text
    lead = "on validation queries this one has a higher mean recall@10 than every other, each compared over the "
    assert f"{lead}tokenizers they share" in results.verdict[0].text
    same = assemble([*wide[:2], *narrow])
    assert (
        "on validation queries this one has the highest mean recall@10 over its tokenizers" in same.verdict[0].text
    )
    # Equal in exact arithmetic, whatever the order in which floats are added.
    thirds = [system(name, "contrastive", quality) for name, quality in zip("abc", (0.1, 0.7, 0.2), strict=True)]
    turned = [system(name, "simcse", quality) for name, quality in zip("abc", (0.7, 0.2, 0.1), strict=True)]
    assert (
        "this one has as high a mean recall@10 over its tokenizers as any other"
        in assemble([*thirds, *turned]).verdict[0].text
    )


def test_another_ones_gain_is_no_loss(results):
    scores = {id: dict(kinds) for id, kinds in results.robustness.items()}
    pairs = [
        pair.model_copy(update={"difference": -0.05, "interval": (-0.06, -0.04), "p_holm": 0.01})
        for pair in results.perturbation_comparisons
    ]
    said = []
    for low, high in ((-0.06, -0.04), (-0.01, 0.01)):
        changed = {"change": (low + high) / 2, "interval": (low, high), "p_holm": 0.001}
        first = {id: {"swap": kinds["swap"].model_copy(update=changed)} for id, kinds in scores.items()}
        found = verdict(results.model_copy(update={"robustness": first, "perturbation_comparisons": tuple(pairs)}))
        said.append(any("It loses significantly more" in sentence.text for sentence in found))
    assert said == [True, False]


def test_differences_under_perturbations_can_be_significant_however_many_are_tested(assemble, config):
    few = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"bootstrap": 100})})
    kept = averaged("a", 0.6)
    others = [averaged(name, 0.6, lost=0.9) for name in "bcdef"]
    many = [
        replace(one, perturbed={f"p{number}": one.perturbed["swap"] for number in range(11)})
        for one in (kept, *others)
    ]
    best = replace(many[0], scores={name: np.ones_like(table) for name, table in many[0].scores.items()})
    best = replace(best, perturbed={kind: np.ones_like(table) for kind, table in best.perturbed.items()})
    found = assemble([best, *many[1:]], few)
    assert len(found.perturbation_comparisons) == 2 * 5 * 11
    assert all(entry.a == "a.static" and entry.significant for entry in found.perturbation_comparisons)
    assert all(one.significant for one in found.robustness["b.static"].values())
    assert not any(one.significant for one in found.robustness["a.static"].values())


def test_a_perturbation_is_not_called_costly_by_chance(assemble):
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(20):
        one = averaged("a", 0.6)
        moved = {f"p{number}": rng.permuted(one.scores["recall@10"], axis=1) for number in range(11)}
        found = assemble([replace(one, perturbed=moved)]).robustness["a.static"]
        called += any(score.significant for score in found.values())
    assert called <= 3  # of 20 at 5%; uncorrected intervals call some in half of these


def test_the_interval_of_a_fusion_is_of_one_training_of_each_member(assemble):
    one, other = averaged("a", 0.6, seeds=2), averaged("b", 0.3, seeds=2)
    fused = replace(averaged("f", 0.7), row=row("f", "fusion"), perturbed={})
    texts = [assemble(systems).verdict[-1].text for systems in ([one, other], [one, other, fused])]
    assert texts[0].endswith("2 trainings of each model.")
    assert "2 trainings of each model; those of fusions, which join one training of each" in texts[1]


def test_how_often_each_model_was_trained_is_said(assemble):
    def late(name, seeds):
        system = averaged(name, 0.3, seeds=seeds)
        more = {"id": f"{name}.late", "pooling": "maxsim", "title": "Late"}
        return replace(system, row=system.row.model_copy(update=more))

    several = [averaged("a", 0.6, seeds=3), averaged("b", 0.3, seeds=3), late("a", 1), late("b", 1)]
    text = assemble(several).verdict[-1].text
    assert text.endswith("over trainings: 3 of Static, contrastive; 1 of Late.")
    lexical = [system for name in "ab" for system in kinds(name, 0.6) if system.row.kind == "lexical"]
    assert assemble(lexical).verdict[-1].text.startswith("BM25 is not trained")


def test_no_tokenizer_is_named_where_none_finds_anything(assemble):
    [only] = assemble([averaged("a", -1.0), averaged("b", -1.0)]).verdict
    assert only.text.startswith("No tokenizer can be named") and "none finds a relevant passage" in only.text


def test_equals_are_not_called_the_best(assemble):
    one = averaged("a", 0.6)
    other = replace(one, row=averaged("b", 0.6).row)
    first, level, *_ = assemble([one, other]).verdict
    assert "no other has a higher recall@10" in first.text and "queries would be needed" not in level.text


def test_no_interval_of_a_score_reaches_beyond_what_a_score_can_be(assemble):
    best = averaged("good", 0.99, seeds=2)
    table = np.ones((2, best.scores["recall@10"].shape[1]))
    table[1, :9] = 0
    result = assemble([replace(best, scores={name: table for name in best.scores}), averaged("bad", 0.3)])
    assert all(0 <= low <= high <= 1 for low, high in result.systems[0].intervals.values())
