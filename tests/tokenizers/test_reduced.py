"""Words without stop words and as their stems: what becomes of them, and what is lost."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.tokenizers import Span, load, train_tokenizer
from tokir.tokenizers.reconstruction import reconstruction_bits
from tokir.tokenizers.reduced import stemming_languages, stop_words

TEXT = "The runner runs, and the running dog ran to the cats"


def trained(texts=(TEXT,), **more):
    return train_tokenizer(list(texts), TokenizerSettings(type="word", lowercase=True, **more))


def test_stop_words_are_dropped_and_the_rest_is_stemmed_after_normalization():
    both = trained(stemming="english", stop_words="english")
    assert both.pieces("THE dogs run; a cat") == ["dog", "run", "[UNK]", "cat"]
    assert both.spans("The dogs run") == [
        Span(4, 8, known=False, continues=False, exact=False),  # the entry says dog
        Span(9, 12, known=True, continues=False, exact=False),
    ]
    assert both.decode(both.encode(["the dogs run"])[0]) == "dog run" and both.normalize("The Dogs") == "the dogs"
    assert both.word_lengths(["the", "cats", "don't"]) == [0, 1, 3]
    stopped = trained(stop_words="english")
    assert stopped.pieces("to the cats") == ["cats"] and stopped.encode(["the"]) == [[]]
    # The most frequent stem comes first.
    assert trained(stemming="english", vocabulary_size=4).pieces("runs dogs the") == ["run", "[UNK]", "the"]


def test_what_is_dropped_and_what_stems_do_not_spell_is_charged_by_hand():
    stems = trained(stemming="english")
    # One kind of gap in eight bits; "cats" is spelled and ended, "run" ended at once: six symbols, two of them ends.
    shares = np.array([1, 1, 1, 1, 2]) / 6
    assert reconstruction_bits(stems, ["cats run"]) == pytest.approx(8 - 6 * np.sum(shares * np.log2(shares)))
    # The same word twice and its stem once, and each is told from the other.
    assert reconstruction_bits(stems, ["cats run"]) > reconstruction_bits(trained(), ["cats runs"]) == 8
    # A stop word is a part of the gap: " to the " is listed once, and is never in doubt.
    assert reconstruction_bits(trained(stop_words="english"), ["cats to the dog"]) == 8 * len(" to the ")


@pytest.fixture(scope="module")
def pairs(passages):
    """A tokenizer of words as they are, and the same with each step and with both."""
    steps = ({"stemming": "english"}, {"stop_words": "german"}, {"stemming": "porter", "stop_words": "english"})
    return trained(passages), [(step, trained(passages, **step)) for step in steps]


@settings(max_examples=60)
@given(
    text=st.lists(st.one_of(st.text(), st.sampled_from(["the running dogs", "Es war", " ", "d's"]))).map(" ".join)
)
def test_it_cuts_as_the_tokenizer_of_words_does_and_then_drops_and_stems(pairs, text):
    import Stemmer

    plain, reduced = pairs
    normal = plain.normalize(text)
    words = [(span.start, span.stop) for span in plain.spans(text)]
    for step, tokenizer in reduced:
        dropped = stop_words()[step["stop_words"]] if "stop_words" in step else ()
        kept = [(start, stop) for start, stop in words if normal[start:stop] not in dropped]
        assert [(span.start, span.stop) for span in tokenizer.spans(text)] == kept
        stem = Stemmer.Stemmer(step["stemming"]).stemWord if "stemming" in step else str
        for piece, (start, stop) in zip(tokenizer.pieces(text), kept, strict=True):
            assert piece in (stem(normal[start:stop]) or normal[start:stop], "[UNK]")
        assert len(tokenizer.encode([text])[0]) == len(kept) and tokenizer.normalize(text) == normal


def test_its_file_holds_the_stop_words_and_a_damaged_one_is_named(tmp_path):
    file = tmp_path / "tokenizer.json"
    trained(stop_words="english", stemming="english").save(file)
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "stop_words": ["dog"]}))
    assert load(file).pieces("the dog") == ["[UNK]"]
    for change, said in (({"pre_tokenizer": None}, "how words are found"), ({"stemming": "klingon"}, "klingon")):
        file.write_text(json.dumps({**kept, **change}))
        with pytest.raises(TokirError, match=rf"tokenizer\.json: no tokenizer can be read from it: .*{said}"):
            load(file)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
def test_stop_words_are_left_out_in_every_form_of_unicode(form):
    settings = TokenizerSettings(type="word", stop_words="french", normalization=form)
    tokenizer = train_tokenizer(["le château était"] * 3, settings)
    assert [unicodedata.normalize("NFC", piece) for piece in tokenizer.pieces("le château était")] == ["château"]


def test_there_are_lists_and_stemmers_of_many_languages():
    assert {"english", "german", "french"} <= set(stop_words()) & set(stemming_languages())
    assert "the" in stop_words()["english"] and all(stop_words().values())
