"""How tokenizers are trained: pre-tokenization, normalization, bounds."""

import pytest

from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.tokenizers import LONGEST_WORD, TOKENIZERS, _without_long_words, train_tokenizer
from tokir.tokenizers.intrinsic import intrinsic_measures
from tokir.tokenizers.protocol import overlaps
from tokir.tokenizers.vocabulary import TooSmall


def test_pieces_join_to_the_text(tokenizer):
    assert "".join(tokenizer.pieces("who painted the chapel")) == "who painted the chapel"


def test_normalisation_comes_before_cutting(passages):
    settings = TokenizerSettings(vocabulary_size=400, lowercase=True, normalization="NFKC")
    tokenizer = train_tokenizer(passages, settings)
    assert tokenizer.encode(["ＣＡＦÉ ﬁne"]) == tokenizer.encode(["café fine"])


@pytest.mark.parametrize("type", ["bpe", "unigram", "word", "character", "ngram"])
@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_small_letters_are_composed_where_capitals_are_not(type, form):
    settings = TokenizerSettings(type=type, vocabulary_size=400, lowercase=True, normalization=form)
    try:
        tokenizer = train_tokenizer(["Μαΐου αΰπνος"] * 9, settings)
    except TooSmall as most:
        tokenizer = train_tokenizer(
            ["Μαΐου αΰπνος"] * 9, settings.model_copy(update={"vocabulary_size": most.entries})
        )
    assert tokenizer.encode(["ΜΑΪ\u0301ΟΥ"]) == tokenizer.encode(["μαΐου"])


def test_pretokenization_decides_what_no_piece_crosses(passages):
    texts = [f"{text} in 1984, 1984, 1984." for text in passages]
    cut = {
        rule: train_tokenizer(texts, TokenizerSettings(vocabulary_size=900, pretokenization=rule)).pieces(" 1984,")
        for rule in ("words", "digits", "whitespace")
    }
    assert cut == {"words": [" 1984", ","], "digits": [" ", "1", "9", "8", "4", ","], "whitespace": [" 1984,"]}


@pytest.mark.parametrize("rule", ["words", "digits"])
@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("हिन्दी भाषा", None),
        ("தமிழ் மொழி", None),
        ("ที่นี่", None),
        ("مُدَرِّسٌ", None),
        ("été naïf", "NFD"),
        ("می\u200cخواهم", None),
    ],
)
def test_marks_and_joiners_do_not_part_a_word(rule, text, form):
    """Where nothing else is there to learn, each word with the space before it becomes one piece."""
    asked = TokenizerSettings(vocabulary_size=5000, pretokenization=rule, normalization=form)
    with pytest.raises(TooSmall) as most:
        train_tokenizer([f"x {text}"] * 9, asked)
    tokenizer = train_tokenizer(
        [f"x {text}"] * 9, asked.model_copy(update={"vocabulary_size": most.value.entries})
    )
    assert len(tokenizer.pieces(f"x {text}")) == 1 + len(text.split())


@pytest.mark.parametrize("type", ["wordpiece-bpe", "unigram"])
def test_pretokenization_is_a_factor_of_every_subword_tokenizer(passages, type):
    texts = [f"{text} in 1984, 1984, 1984." for text in passages]
    settings = {"type": type, "vocabulary_size": 900}
    words, digits, white = (
        train_tokenizer(texts, TokenizerSettings(**settings, pretokenization=rule)).pieces("x 1984,")
        for rule in ("words", "digits", "whitespace")
    )
    assert len(digits) > len(words) >= len(white) and {"1", "9", "8", "4"} <= set(digits)


def test_wordpieces_are_the_first_of_a_longer_list(passages):
    """However many merges are asked for at first, an entry more changes none of those before."""
    short, long = (
        train_tokenizer(passages, TokenizerSettings(type="wordpiece-bpe", vocabulary_size=size))
        for size in (700, 1900)
    )
    ids = list(range(700))
    assert [short.decode([i]) for i in ids] == [long.decode([i]) for i in ids]


def test_of_too_much_text_the_same_share_of_each_is_read(monkeypatch):
    monkeypatch.setattr("tokir.tokenizers.SAMPLE", 20)
    read = train_tokenizer(["ab" * 30 + "c", "xy" * 20 + "z"], TokenizerSettings(type="character"))
    assert read.pieces("abcxyz") == ["a", "b", "[UNK]", "x", "y", "[UNK]"]


def test_what_has_no_entry_is_unknown_and_counted(passages):
    words = train_tokenizer(passages, TokenizerSettings(type="word", vocabulary_size=300))
    assert words.pieces("the zyzzyva") == ["the", "[UNK]"]
    assert intrinsic_measures(words, ["the zyzzyva the"]).unknown_rate == pytest.approx(1 / 3)
    characters = train_tokenizer(passages, TokenizerSettings(type="character", vocabulary_size=500))
    assert characters.pieces("a語") == ["a", "[UNK]"]


def test_words_as_tokens_keep_their_marks_and_scripts_without_spaces_are_cut_into_characters():
    words = train_tokenizer(["हिन्दी में, मُ café don't"], TokenizerSettings(type="word"))
    assert words.pieces("हिन्दी में, café don't") == ["हिन्दी", "में", ",", "café", "don", "'", "t"]
    for text, cut in (("東京のtower!", ["東", "京", "の", "tower", "!"]), ("ที่นี่ abc", ["ที่", "นี่", "abc"]),
                      ("한국어는 コーヒー", ["한국어는", "コ", "ー", "ヒ", "ー"])):  # fmt: skip
        words = train_tokenizer([text], TokenizerSettings(type="word"))
        assert words.pieces(text) == cut and words.unknown_id not in words.encode([text])[0]


@pytest.mark.parametrize("settings", [{"type": "word"}, {"type": "bpe", "vocabulary_size": 257},
                                      {"type": "character", "hashed": True}])  # fmt: skip
def test_lower_case_is_that_of_unicode_and_a_final_sigma_is_one(settings):
    lower = train_tokenizer(["a"], TokenizerSettings(lowercase=True, normalization="NFC", **settings))
    assert lower.normalize("ΟΔΟΣ ΣΟΦΟΣ, Σ. Όσο ΟΔΟ\u0301Σ") == "οδος σοφος, σ. όσο οδός"
    # Neither is of one language: a dotted capital I keeps its dot, a sharp s stays.
    assert lower.normalize("İI Straße STRASSE ẞ") == "i\u0307i straße strasse ß"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vocabulary_size": 2000}, r"too small for a vocabulary of 2,000: it yields only \d+ entries"),
        ({"type": "wordpiece-bpe", "vocabulary_size": 12}, "smaller than its alphabet"),
        ({"type": "wordpiece-bpe", "vocabulary_size": 2000}, "too small for a vocabulary of 2,000"),
        ({"type": "unigram", "vocabulary_size": 2000}, "too small for a vocabulary of 2,000"),
        ({"type": "unigram", "vocabulary_size": 100}, "smaller than its alphabet"),
    ],
)
def test_a_vocabulary_that_does_not_fit_the_corpus_is_reported_in_one_sentence(settings, words):
    with pytest.raises(TokirError, match=words):
        train_tokenizer(["a few words only, and a few more"], TokenizerSettings(**settings))


@pytest.mark.parametrize("type", [name for name in TOKENIZERS if name != "file"])
def test_a_word_of_a_million_characters_is_trained_on_and_encoded_as_any_other(passages, type):
    word = "ab" * 500_000
    size = 257 if type == "byte" else 600
    tokenizer = train_tokenizer([*passages[:60], word], TokenizerSettings(type=type, vocabulary_size=size))
    [ids] = tokenizer.encode([word])
    if overlaps(tokenizer):
        assert len(ids) == 3 * (len(word) + 2) - 9 + 1
        return
    assert (tokenizer.decode(ids) == word) == (type not in ("word", "wordpiece-bpe"))


def test_only_long_words_are_read_in_parts(passages):
    assert [list(_without_long_words(text)) for text in passages] == [[text] for text in passages]
    long = "x" * (2 * LONGEST_WORD + 1)
    assert list(map(len, _without_long_words(f"a {long} b"))) == [2 + LONGEST_WORD, LONGEST_WORD, 3]
    sentence = "天下大勢,分久必合。"
    parts = list(_without_long_words(sentence * 250 + " 話說"))
    assert "".join(parts) == sentence * 250 + " 話說" and len(parts) == 3
    assert all(part.endswith("。") for part in parts[:-1])  # between words, where that can be


def test_a_text_that_is_not_valid_unicode_is_not_trained_on():
    with pytest.raises(TokirError, match="lone surrogate"):
        train_tokenizer(["fine", "broken \ud800"], TokenizerSettings(type="word"))
