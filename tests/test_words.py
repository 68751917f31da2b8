"""Words, runs and characters in every script."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.retrieval.terms import terms
from tokir.words import SPACELESS, characters, pieces, runs, shortened, without_spaces, words

WORDS = [
    ("Don't pay 3.14 or 1,000 for O’Brien's well-known b2b_x!", ["Don't", "pay", "3.14", "or", "1,000", "for",
                                                                 "O’Brien's", "well", "known", "b2b_x"]),
    ("Cafe\u0301 naïve", ["Cafe\u0301", "naïve"]),
    ("данные — это", ["данные", "это"]),
    ("ελληνικά, και", ["ελληνικά", "και"]),
    ("מחשב צה״ל, אָלֶף", ["מחשב", "צה״ל", "אָלֶף"]),
    ("مُحَمَّد، هو", ["مُحَمَّد", "هو"]),
    ("हिन्दी में, क्या", ["हिन्दी", "में", "क्या"]),
    ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
    ("한국어는 2019년까지", ["한국어는", "2019년까지"]),
    ("አማርኛ ቋንቋ", ["አማርኛ", "ቋንቋ"]),
    ("東京タワーはtower 333メートル", ["tower", "333"]),  # the rest could be told with a dictionary only
    ("ภาษาไทย abc ที่นี่", ["abc"]),
    ("!? … ²", []),
]  # fmt: skip
SPACED = [text for text, _ in WORDS[:10]]
JAPANESE = "手塚治虫は、1928年11月3日に生まれた。日本の漫画家、アニメーター、アニメ監督である。" * 3
THAI = "พัทธ์ธีรา ศรุติพงศ์โภคิน (เกิด 3 ธันวาคม พ.ศ. 2533) เป็นนักแสดงหญิงชาวไทย" * 3
PARTS = ("東京", "ที่นี่", "が", "カ\u3099", "ー", "한국", "क्षि", "e\u0301", " ", "\r\n", "a b")
MIXED = st.lists(st.one_of(st.text(max_size=3), st.sampled_from(PARTS))).map("".join)


@pytest.mark.parametrize(("text", "found"), WORDS)
def test_words_are_those_of_unicode_and_scripts_without_spaces_have_none_that_a_rule_could_tell(text, found):
    assert words(text) == found


@given(MIXED)
def test_characters_are_the_text_and_no_mark_stands_alone(text):
    seen = characters(text)
    assert "".join(seen) == text
    assert characters("".join(seen[:-1])) == seen[:-1]


def test_a_character_is_what_a_reader_sees_as_one():
    assert characters("ที่นี่") == ["ที่", "นี่"] and characters("e\u0301a") == ["e\u0301", "a"]
    assert len(characters("हिन्दी")) < 4 and characters("a\r\nb") == ["a", "\r\n", "b"]


def test_runs_end_where_a_script_that_is_set_apart_begins():
    found = [("東京の", True, 0), ("tower2", False, 3), ("塔", True, 9)]
    assert [tuple(run) for run in runs("東京のtower2塔")] == found
    assert [run.apart for run in runs("한국어 東", ("Hangul",))] == [True, False]


def test_a_joiner_stays_in_its_word_and_makes_none():
    assert [run.text for run in runs("ශ්\u200dරී ලංකා می\u200cخواهم")] == ["ශ්\u200dරී", "ලංකා", "می\u200cخواهم"]
    assert [run.text for run in runs("👨\u200d👩 a\u200d \u200cb")] == ["a", "b"]
    assert terms("co\u00adoperate 東\u00ad京") == ["cooperate", "東京"]


def test_a_text_is_without_spaces_when_many_of_its_letters_are():
    assert all(map(without_spaces, ([JAPANESE], [THAI], ["東"], ["ab", "東京"])))
    assert not any(
        map(without_spaces, ([], [""], SPACED, ["気 means spirit or mind, as in 気がする"], ["2019 !"]))
    )


@given(MIXED)
def test_pieces_hold_all_of_a_text_and_are_its_words_where_it_has_spaces(text):
    found = [text[start:stop] for start, stop in pieces(text)]
    assert "".join(found) == "".join(text.split())
    if not without_spaces([text]):
        assert found == text.split()


def test_pieces_of_a_script_without_spaces_are_a_few_characters():
    for text in (JAPANESE, THAI):
        found = [text[start:stop] for start, stop in pieces(text)]
        assert len(found) > len(text) / 5 and all(len(characters(re.sub(r"\W", "", one))) <= 4 for one in found)
    assert [JAPANESE[a:b] for a, b in pieces(JAPANESE)][:4] == ["手塚治", "虫は、", "1928", "年"]


@given(MIXED, st.integers(4, 20))
def test_a_shortened_text_is_a_beginning_on_one_line(text, length):
    line, short = " ".join(text.split()), shortened(text, length)
    assert short == line if len(line) <= length else line.startswith(short[:-1]) and 2 <= len(short) <= length + 1


def test_a_shortened_text_ends_after_a_word_or_a_character():
    assert shortened("one two three", 9) == "one two…" and shortened("two  lines\nhere", 99) == "two lines here"
    assert shortened("abcdefghij", 4) == "abcd…"
    assert shortened("手塚治虫 戦後日本において", 8) == "手塚治虫 戦後日…"  # not after its only space
    assert shortened("ภาษาไทยที่นี่", 8) == "ภาษาไทย…"  # not between a letter and its vowel sign
    assert shortened("abc def ghi", 7) == "abc def…" and shortened("e\u0301" * 30, 5) == "e\u0301" * 2 + "…"


def test_half_width_katakana_are_kana():
    assert [run.apart for run in runs("ｺｰﾋｰ ｶﾞｰﾄﾞ", SPACELESS)] == [True, True]
