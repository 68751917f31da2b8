"""Hashed letter n-grams."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.config import StudyConfig, TokenizerSettings
from tokir.errors import TokirError
from tokir.systems import left_out, model_points, trained_systems
from tokir.tokenizers import load, train_tokenizer
from tokir.tokenizers.ngram import LENGTHS, NGramTokenizer


def ngrams(**changed):
    return train_tokenizer([], TokenizerSettings(type="ngram", **changed))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("The cat", "<Th The he> <The The> <The> <ca cat at> <cat cat> <cat>"),
        ("a-b", "<a> <b>"),
        ("horses", "<ho hor ors rse ses es> <hor hors orse rses ses> <hors horse orses rses> <horses>"),
        ("東京都", "東 京 都 東京 京都 東京都"),
        ("한국", "한 국 <한 한국 국> <한국 한국> <한국>"),
        ("ไทย", "ไทย"),
    ],
)
def test_words_are_cut_as_their_script_asks(text, pieces):
    assert ngrams().pieces(text) == pieces.split()


def test_the_settings_say_which_ngrams_there_are_and_how_often_each_is_hashed():
    assert ngrams(longest_ngram=3, with_words=False).pieces("cats") == ["<ca", "cat", "ats", "ts>"]
    once, twice = ngrams(), ngrams(hashes=2)
    assert len(twice.encode(["cats"])[0]) == 2 * len(once.encode(["cats"])[0])
    assert ngrams(lowercase=True).encode(["CATS"]) == once.encode(["cats"])


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.text(max_size=20), st.booleans())
def test_a_text_is_the_bag_of_the_ngrams_of_its_words(text, other, lowercase):
    tokenizer = NGramTokenizer(500, lowercase=lowercase)
    [ids], spans, pieces = tokenizer.encode([text]), tokenizer.spans(text), tokenizer.pieces(text)
    assert len(ids) == len(spans) == len(pieces)
    assert all(1 <= i < 500 for i in ids)
    normal = tokenizer.normalize(text)
    for span, piece in zip(spans, pieces, strict=True):
        assert normal[span.start : span.stop] == piece.removeprefix("<").removesuffix(">")
    # Every letter and digit is covered; words do not see their neighbours.
    covered = {place for span in spans for place in range(span.start, span.stop)}
    assert all(place in covered for place, letter in enumerate(normal) if letter.isalpha())
    assert tokenizer.encode([f"{text} . {other}"]) == [ids + tokenizer.encode([other])[0]]


def test_a_misspelt_word_keeps_most_of_its_ngrams():
    tokenizer = ngrams(vocabulary_size=100_000)
    [right], [wrong], [another] = (tokenizer.encode([word]) for word in ("restaurant", "restaurent", "philosophy"))
    assert len(set(right) & set(wrong)) > len(set(right)) / 2 and not set(right) & set(another)


def test_no_row_is_decoded_and_a_damaged_file_is_named(tmp_path):
    with pytest.raises(TokirError, match="cannot be put back"):
        ngrams().decode([1, 2])
    ngrams().save(path := tmp_path / "tokenizer.json")
    assert load(path)._lengths == LENGTHS
    path.write_text('{"type": "ngram", "rows": "many"}')
    with pytest.raises(TokirError, match=r"tokenizer\.json: no tokenizer can be read"):
        load(path)


def test_networks_and_late_interaction_are_left_out_over_ngrams_and_the_results_say_so():
    values = {
        "tokenizers": [{"type": "bpe"}, {"type": "ngram"}],
        "architectures": ["static", "lstm"],
        "objectives": {"static": ["contrastive"], "lstm": ["lm"]},
        "poolings": ["mean", "learned", "maxsim"],
    }
    config = StudyConfig.model_validate(values)
    assert [system.id for system in trained_systems(config) if system.model.tokenizer.overlaps] == [
        "ngram-2k.static.contrastive.learned.s0"
    ]
    assert left_out(config) == (
        "ngram-2k: left out with LSTM: a text is a bag of overlapping n-grams, without an order that a network could "
        "read or predict",
    )
    with pytest.raises(TokirError, match=r"ngram-2k: .* add the architecture static"):
        model_points(StudyConfig.model_validate(values | {"architectures": ["lstm"]}))
