import re
import unicodedata

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tokir.config import TokenizerSettings
from tokir.errors import TokirError, Unavailable
from tokir.retrieval.bm25 import BM25Index, Postings
from tokir.retrieval.ranking import descending, inverse
from tokir.retrieval.terms import terms, tokens_of
from tokir.tokenizers import train_tokenizer

CUTS = [
    ("Don't panic", ["don", "t", "panic"]),
    ("a b2b_x 1984", ["a", "b2b_x", "1984"]),  # words of one letter count
    ("Cafe\u0301 ÉTÉ", ["café", "été"]),  # decomposed accents are letters' own
    ("हिन्दी में", ["हिन्दी", "में"]),  # vowel signs stay with their letters
    ("東京都", ["東京", "京都"]),
    ("東", ["東"]),
    ("東京のtower", ["東京", "京の", "tower"]),
    ("コーヒー", ["コー", "ーヒ", "ヒー"]),
    ("สดีครับ", ["สดี", "ดีค", "ครั", "รับ"]),  # pairs of characters as a reader sees them
    ("한국어", ["한국", "국어"]),
    ("!? …", []),
]


@pytest.mark.parametrize(("text", "cut"), CUTS)
def test_words_are_by_unicode_and_scripts_without_spaces_are_cut_in_pairs(text, cut):
    assert terms(text) == cut


@pytest.mark.parametrize("text", ["Μαΐου", "Αΰπνος", "ǰ ẖ ŉ", "straße", "Ǆ ﬁ ﬅ"])
def test_words_are_found_in_capitals_too(text):
    assert terms(text) == terms(text.upper()) and all(
        unicodedata.is_normalized("NFC", term) for term in terms(text)
    )


@given(st.text(st.characters(max_codepoint=0x2FF)))
def test_the_short_way_for_latin_text_cuts_as_the_long_one(text):
    spelled = unicodedata.normalize("NFC", text).casefold().replace("\u00ad", "")
    if not spelled or max(spelled) < "\u0300":
        long_way = terms(text + " \u4e00")[:-1]
        assert terms(text) == long_way == re.findall(r"\w+", spelled)


def index_of(texts, ids=None) -> BM25Index:
    return BM25Index.of(
        Postings(texts), inverse(descending(ids or [f"p{number}" for number in range(len(texts))]))
    )


def found(index, query, depth=10) -> dict[int, float]:
    hits = index.search(terms(query), depth)
    return dict(zip(hits.positions.tolist(), hits.scores.tolist(), strict=True))


def test_bm25_ranks_by_the_formula_of_lucene(tmp_path):
    texts = ["red apple tree", "green apple apple", "blue sky", "tree house with red door and red roof"]
    index = index_of(texts)
    counts = {"red": {0: 1, 3: 2}, "apple": {0: 1, 1: 2}}
    lengths, mean = [3, 3, 2, 8], 4.0
    expected: dict[int, float] = {}
    for frequencies in counts.values():
        idf = np.log(1 + (4 - len(frequencies) + 0.5) / (len(frequencies) + 0.5))
        for text, tf in frequencies.items():
            gain = tf / (tf + 1.5 * (1 - 0.75 + 0.75 * lengths[text] / mean))
            expected[text] = expected.get(text, 0) + idf * gain
    ranked = found(index, "red apple")
    assert list(ranked) == sorted(expected, key=lambda text: -expected[text])
    assert_allclose([ranked[text] for text in expected], list(expected.values()), rtol=1e-5)
    assert found(index, "zebra") == found(index, "") == {}
    index.save(tmp_path)
    assert found(BM25Index.load(tmp_path, index.tie_order), "red apple") == ranked
    (tmp_path / "params.index.json").write_text("{")
    with pytest.raises(TokirError, match="damaged"):
        BM25Index.load(tmp_path, index.tie_order)


def test_bm25_over_tokens_is_bm25_of_their_ids_without_what_is_unknown(passages, tmp_path):
    texts, query = passages[:80], "who zyzzyva painted the chapel of the the"
    tokenizer = train_tokenizer(texts, TokenizerSettings(type="word", vocabulary_size=200))
    ids = tokenizer.encode([*texts, query])
    known = [[f"t{i}" for i in found if i != tokenizer.unknown_id] for found in ids]
    assert all(0 < len(kept) < len(found) for kept, found in zip(known, ids, strict=True))
    library = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    library.index(known[:-1], show_progress=False)
    ties, cut = inverse(descending([f"p{number}" for number in range(80)])), tokens_of(tokenizer)
    index = BM25Index.of(Postings(texts, cut), ties)
    index.save(tmp_path)
    for opened in (index, BM25Index.load(tmp_path, ties, cut)):
        [terms] = opened.tokenize([query])
        assert_allclose(opened.scores(terms), library.get_scores(known[-1]), rtol=1e-6)
    with pytest.raises(Unavailable, match="no known tokens"):
        Postings(["zyzzyva", ""], cut)


def test_bm25_reads_a_script_without_spaces():
    index = index_of(["東京都は日本の首都である", "大阪は西日本の都市である", "猫はかわいい"])
    assert next(iter(found(index, "日本の首都"))) == 0
    with pytest.raises(Unavailable, match="no words"):
        Postings(["!?", " "])
