"""Ablations, correlations, examples: what is read off the rows beside verdict and findings."""

from dataclasses import replace
from itertools import permutations

import numpy as np
from scipy.stats import spearmanr

from tokir.data.dataset import Split
from tokir.evaluation.hits import Hit
from tokir.evaluation.perturbations import Perturbation
from tokir.evaluation.registry import PERTURBATIONS
from tokir.results.correlation import correlations
from tokir.results.examples import assemble_examples, assemble_explorer
from tokir.results.records import Passage, Tokenizer

from .conftest import averaged, row


def test_a_measure_that_orders_the_tokenizers_is_found_and_one_that_does_not_is_not():
    rows = [
        row(
            f"t{number}", recall=0.9 - number / 10, title="Static",
            tokenizer=Tokenizer(
                id=f"t{number}", type="bpe", vocabulary_size=500, fertility=number, unknown_rate=0.0,
                whole_words=[3, 1, 6, 2, 5, 4][number],
            ),
        )
        for number in range(6)
    ]  # fmt: skip
    found = {entry.measure: entry for entry in correlations(rows, 0) if entry.outcome == "recall@10"}
    assert found["fertility"].rho == -1 and found["fertility"].p < 0.01
    low, high = found["whole_words"].interval
    assert found["whole_words"].p > 0.2 and low < 0 < high
    assert found["unknown_rate"].rho is None and found["fertility"].configuration == "Static"
    assert correlations(rows[:5], 0) == ()
    bits = [entry for entry in correlations(rows, 0) if entry.outcome == "bits_per_byte"]
    cased = rows[0].model_copy(update={"tokenizer": rows[0].tokenizer.model_copy(update={"lowercase": True})})
    other = [entry for entry in correlations([cased, *rows[1:]], 0) if entry.outcome == "bits_per_byte"]
    assert bits and not other  # a model of lower-case text has less to predict


def test_a_correlation_and_its_p_are_those_of_scipy_with_ties_too():
    rng = np.random.default_rng(0)
    fertility, recall = rng.integers(1, 5, size=6).astype(float), rng.integers(1, 6, size=6) / 10
    rows = [
        row(
            f"t{number}", recall=recall[number], title="Static",
            tokenizer=Tokenizer(id=f"t{number}", type="bpe", vocabulary_size=500, fertility=fertility[number]),
        )
        for number in range(6)
    ]  # fmt: skip
    [found] = [one for one in correlations(rows, 0) if (one.measure, one.outcome) == ("fertility", "recall@10")]
    assert np.isclose(found.rho, spearmanr(fertility, recall).statistic, atol=1e-12)
    pairings = [abs(spearmanr(order, recall).statistic) for order in permutations(fertility)]
    extreme = np.mean([rho >= abs(found.rho) - 1e-9 for rho in pairings])
    assert np.isclose(found.p, extreme, atol=0.01)


def test_a_tokenizer_and_the_same_with_one_thing_more_are_an_ablation(assemble):
    def one(name, quality, lowercase):
        tokenizer = Tokenizer(id=name, type="bpe", vocabulary_size=2000, lowercase=lowercase)
        return averaged(name, quality, tokenizer=tokenizer)

    [found] = assemble([one("lower", 0.6, True), one("plain", 0.5, False)]).ablations
    assert (found.factor, found.before, found.after) == ("tokenizer", "plain.static", "lower.static")


def test_a_step_of_a_tokenizer_is_an_ablation_of_bm25_over_tokens_too(assemble):
    def one(name, quality, size=2000, **more):
        tokenizer = Tokenizer(id=name, type="word", vocabulary_size=size, entries_asked=2000, **more)
        system = averaged(name, quality, tokenizer=tokenizer)
        return replace(system, row=row(f"{name}.bm25", "lexical", architecture="bm25", tokenizer=tokenizer))

    words = [
        one("plain", 0.5),
        one("stems", 0.6, 1500, stemming="english"),
        one("stopped", 0.5, stop_words="english"),
    ]
    baseline = replace(averaged("x", 0.5), row=row("bm25", "lexical", architecture="bm25"))
    found = assemble([*words, baseline]).ablations
    assert {(entry.factor, entry.before, entry.after) for entry in found} == {
        ("tokenizer", "plain.bm25", "stems.bm25"), ("tokenizer", "plain.bm25", "stopped.bm25"),
    }  # fmt: skip


def test_a_perturbation_of_ones_own_is_in_the_results(assemble, config, monkeypatch):
    monkeypatch.setattr(PERTURBATIONS, "_entries", dict(PERTURBATIONS._entries))
    PERTURBATIONS.add("reversed", Perturbation("all backwards", lambda text, rng: text[::-1]))
    one = averaged("a", 0.6, lost=0.5)
    one.perturbed["reversed"] = one.perturbed["swap"] * 0
    evaluation = config.evaluation.model_copy(update={"robustness": ["swap", "reversed"]})
    results = assemble([one], config.model_copy(update={"evaluation": evaluation}))
    assert results.robustness["a.static"]["reversed"].recall_at_10 == 0
    shown = results.perturbations[1]
    assert (shown.name, shown.words) == ("reversed", "all backwards")
    assert shown.examples[0] == ("some words 0", "0 sdrow emos")


def test_examples_show_how_queries_are_cut_and_what_was_found(config):
    split = Split("test", {"q1": "a b", "q2": "c"}, {"q1": {"p1": 1}, "q2": {"p2": 1, "p1": 0}})
    tokenizers = {"one": str.split, "other": list}
    systems = [averaged("one", 0.6), averaged("other", 0.5)]
    systems[0].hits.update(q1=Hit((2, "p1"), [("p2", 0.5), ("p1", 0.4)]), q2=Hit((20, "p2"), [("p1", 0.5)]))
    systems[1].hits.update(q1=Hit((30, "p1"), [("p2", 0.5)]), q2=Hit((1, "p2"), [("p2", 0.5)]))

    def passage(id):
        return Passage(id=id, title="T", text=f"text of {id}")

    shown = {
        example.query_id: example
        for example in assemble_examples(systems, split, tokenizers, passage, config.evaluation)
    }
    assert shown["q1"].pieces == {"one": ("a", "b"), "other": ("a", " ", "b")}
    assert shown["q1"].systems["one.static"].first_relevant_rank == 2
    assert [one.relevant for one in shown["q1"].systems["one.static"].passages] == [False, True]
    assert shown["q2"].relevant_passage == passage("p2") and shown["q2"].relevant == 1
    disputed = {(entry.found_by, entry.ranks) for entry in assemble_explorer(systems, split, tokenizers, passage)}
    assert disputed == {("one.static", (2, 30)), ("other.static", (1, 20))}
