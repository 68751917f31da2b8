import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tokir.artifacts import RunFolder
from tokir.errors import TokirError
from tokir.results.names import SHORT, short_names
from tokir.results.pairs import comparisons_of
from tokir.results.paths import path, resolve
from tokir.results.reading import as_json, read_results, write_records
from tokir.results.records import Comparison, Results, System, Tokenizer
from tokir.results.wording import difference, plural, signed

from .conftest import averaged, results_of, row


def test_what_was_written_is_read_back_equal(assemble, tmp_path):
    results = assemble([averaged("a", 0.6, seeds=2, lost=0.3), averaged("b", 0.2)])
    assert results.verdict and results.findings and results.robustness
    write_records(tmp_path / "results.json", results)
    read = read_results(RunFolder(tmp_path))
    assert read == results
    assert json.loads((tmp_path / "results.json").read_text()) == as_json(read)


def test_results_of_another_schema_are_refused_with_what_to_do(tmp_path):
    (tmp_path / "results.json").write_text('{"schema": 1, "study": "old"}')
    with pytest.raises(TokirError) as refused:
        read_results(RunFolder(tmp_path))
    assert "schema 1" in str(refused.value)
    assert f"repeat the study in another folder with `tokir run {tmp_path / 'study.yaml'} --out NEW`" in str(
        refused.value
    )


def test_a_comparison_without_p_is_refused():
    values = {"a": "x", "b": "y", "difference": 0.2, "interval": [0.1, 0.3], "p": 0.001, "p_holm": 0.002}
    assert Comparison.model_validate(values).significant
    for name in ("p", "p_holm"):
        with pytest.raises(ValidationError, match=name):
            Comparison.model_validate({key: value for key, value in values.items() if key != name})


@pytest.mark.parametrize("score", [-0.1, 1.1, 4_234_857_364.8, float("nan")])
def test_a_score_outside_0_and_1_is_never_written(score):
    with pytest.raises(ValidationError, match=r"recall@10"):
        System(id="a", kind="trained", title="a", scores={"recall@10": score})


def test_a_score_outside_0_and_1_is_refused_in_one_sentence(assemble):
    wrong = averaged("a", 0.5)
    wrong.scores["ndcg@10"][:] = 4_234_857_364.8
    with pytest.raises(TokirError, match=r"ndcg@10"):
        assemble([wrong])


def test_a_pair_is_found_either_way_round_with_its_sign_turned():
    pairs = comparisons_of(results_of([row("a", recall=0.5), row("b", recall=0.3)]))
    one, other = pairs.get("a", "b"), pairs.get("b", "a")
    assert one.path == other.path == "comparisons[0]" and one.significant and other.significant
    assert one.difference == pytest.approx(0.2) and other.difference == pytest.approx(-0.2)
    assert other.interval == pytest.approx((-0.23, -0.17)) and other.entry.a == "b"
    assert pairs.find("a", "c") is None
    with pytest.raises(LookupError, match="c"):
        pairs.get("a", "c")


@pytest.mark.parametrize("steps", [("a", 3, "b@1"), ("x", 'odd "key" \\ [0].y'), ("x", "naïve"), ("x", "")])
def test_a_path_leads_to_its_value(steps):
    value: object = 7
    for step in reversed(steps):
        value = [None] * step + [value] if isinstance(step, int) else {step: value}
    assert resolve(path(*steps), value) == 7


def test_numbers_as_they_are_written():
    assert [signed(value) for value in (0.0, -0.0, -0.0004, 0.0004, -0.0006)] == ["0.000"] * 4 + ["−0.001"]
    assert difference(-0.0, (-0.0001, 0.02)) == "0.000 [0.000, +0.020]"
    assert [plural(number, "epoch") for number in (1, 1.0, 2, 0.5)] == [
        "1 epoch",
        "1 epoch",
        "2 epochs",
        "0.5 epochs",
    ]


def test_the_records_and_the_table_on_the_terminal_load_no_numerical_library():
    heavy = ("torch", "numpy", "scipy", "pyarrow", "matplotlib")
    code = (
        "import sys, tokir.results.records, tokir.results.reading, tokir.results.pairs, tokir.results.names\n"
        "import tokir.report.terminal\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="recall"):
        Results.model_validate(as_json(results_of([])) | {"recall": 1})


parts = st.sampled_from(
    ["Static", "LSTM", "contrastive", "+ queries", "+ distilled", "late interaction", "12", "$x"]
)
titles = st.lists(parts, max_size=8).map(", ".join)
ids = st.text("abc.+-", min_size=1, max_size=70)


@given(
    st.lists(st.tuples(ids, titles, ids | st.none(), st.integers(0, 2) | st.none()), unique_by=lambda row: row[0])
)
def test_short_names_are_short_and_each_of_one_system(rows):
    systems = [
        System(
            id=id,
            kind="trained",
            title=title,
            tokenizer=tokenizer and Tokenizer(id=tokenizer, type="bpe", vocabulary_size=10, documents=1),
            seed=seed,
        )
        for id, title, tokenizer, seed in rows
    ]
    found = short_names(systems)
    assert list(found) == [row.id for row in systems] and len(set(found.values())) == len(rows)
    assert all(name and (len(name) <= SHORT or name == id) for id, name in found.items())


def test_what_differs_in_a_title_stays_in_its_short_name():
    tokenizer = Tokenizer(id="wordpiece-bpe-2k-lower", type="wordpiece", vocabulary_size=2000, documents=1)
    other = tokenizer.model_copy(update={"id": "byte-lower"})
    title = "Static, contrastive + queries"
    systems = [
        System(id=f"{one.id}.{number}", kind="trained", title=title + more, tokenizer=one)
        for one in (tokenizer, other)
        for number, more in enumerate(("", " + distilled", ", late interaction"))
    ]
    assert list(short_names(systems).values()) == [
        "Static, …+queries, wordpiece-bpe-2k-lower",
        "Static, …istilled, wordpiece-bpe-2k-lower",
        "Static, …eraction, wordpiece-bpe-2k-lower",
        "Static, contrastive+queries, byte-lower",
        "Static, contra…ries+distilled, byte-lower",
        "Static, contra…te interaction, byte-lower",
    ]
