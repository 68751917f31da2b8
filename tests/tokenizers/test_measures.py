"""What is measured of tokenizers on their own, by hand and against others' figures."""

import numpy as np
import pytest

from tokir.config import TokenizerSettings
from tokir.tokenizers import train_tokenizer
from tokir.tokenizers.comparison import _choose
from tokir.tokenizers.intrinsic import intrinsic_measures, renyi_efficiency
from tokir.tokenizers.measures import INTRINSIC
from tokir.tokenizers.reconstruction import reconstruction_bits


def test_intrinsic_measures_by_hand(passages):
    characters = train_tokenizer(["ab cd "], TokenizerSettings(type="character"))
    measures = intrinsic_measures(characters, ["ab a b", "é"])
    assert measures.model_dump() == {
        "fertility": 7 / 4,
        "bytes_per_token": 8 / 7,
        "characters_per_token": 1,
        "vocabulary_use": 4 / 7,  # a, b, the space and the unknown of seven with the separator
        "whole_words": 3 / 4,  # a, b and the unknown one
        "continued_words": 1 / 4,  # ab
        "renyi_efficiency": pytest.approx(renyi_efficiency([2, 2, 2, 1])),
        "unknown_rate": 1 / 7,
        "round_trip": 1 / 2,
        "lost_bits_per_character": pytest.approx(3 * np.log2(3) / 7),  # é: two bytes and an end, all different
    }


def test_no_measure_per_word_is_taken_where_spaces_part_no_words():
    texts = ["東京都は日本の首都である。人口は約1400万人。", "ภาษาไทย ที่นี่"]
    per_word = ("fertility", "whole_words", "continued_words")
    for type, size in (("word", 50), ("character", 50), ("byte", 257)):
        tokenizer = train_tokenizer(texts, TokenizerSettings(type=type, vocabulary_size=size))
        measures = intrinsic_measures(tokenizer, texts)
        assert [getattr(measures, name) for name in per_word] == [None, None, None]
        assert measures.characters_per_token > 0
        spaced = intrinsic_measures(tokenizer, ["अब क्या है, 東"])  # a few such letters do no harm
        assert all(getattr(spaced, name) is not None for name in per_word)


def test_words_that_are_shown_are_chosen_in_every_script():
    english = ["The Parliament of Wellington met in 1984; parliament's parliament, parliament."]
    hindi = ["हिन्दुस्तान में हिन्दुस्तान और पाकिस्तान 1947"]
    assert _choose(english) == {
        "frequent word": ["parliament"],
        "rare name": ["Wellington"],
        "number": ["1984"],
    }
    assert _choose(hindi) == {
        "frequent word": ["हिन्दुस्तान", "पाकिस्तान"],
        "rare word": ["पाकिस्तान"],
        "number": ["1947"],
    }
    assert _choose(["日本の首都、日本の首都。東京 2020年"]) == {
        "frequent phrase": ["日本の首都"],
        "number": ["2020"],
    }


def test_renyi_efficiency_equals_the_authors_reference():
    # From the tests of tokenization-scorer, by Zouhar: "pick @@ed pick @@l @@ed pick @@les" and a longer one.
    assert renyi_efficiency([3, 2, 1, 1]) == pytest.approx(0.8265064834225245)
    second = ["pick", "@@e", "@@d", "pick", "@@l", "@@e", "@@d", "pick", "@@l", "@@e", "@@s"]
    counts = np.unique(second, return_counts=True)[1]
    assert renyi_efficiency(counts) == pytest.approx(0.9204840242168808)


def test_what_a_tokenizer_loses_is_charged_by_hand(passages):
    words = train_tokenizer(["to be or not to be"], TokenizerSettings(type="word"))
    # One kind of gap, and only once: listed once, eight bits, and never in doubt.
    assert reconstruction_bits(words, ["to be"]) == 8
    # Two kinds between the same neighbours, one of two letters: 8 + 16 to list them, a bit each to say which.
    assert reconstruction_bits(words, ["to be  or"]) == 8 + 16 + 2
    # Unknown: 'xy' and its end are three symbols, each as likely.
    assert reconstruction_bits(words, ["to xy"]) == pytest.approx(8 + 3 * np.log2(3))
    pieces = train_tokenizer(passages, TokenizerSettings(type="wordpiece-bpe", vocabulary_size=600))
    assert len(pieces.pieces("zoological")) > 1
    assert reconstruction_bits(pieces, ["zoological"]) == 0  # ## says that no space stands between


def test_every_measure_has_a_label_for_readers(tokenizer):
    assert list(INTRINSIC) == list(intrinsic_measures(tokenizer, ["a text"]).model_dump())
    assert INTRINSIC["whole_words"][0] == "share of words in one token"
    assert INTRINSIC["continued_words"][0] == "share of words split"
    assert INTRINSIC["round_trip"][0] == "lossless round trips"
