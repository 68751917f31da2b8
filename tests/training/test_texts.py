import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tokir.training import texts
from tokir.training.pairs import Relevant, TokenisedPassages
from tokir.training.texts import Texts, crop

rows = st.lists(st.lists(st.integers(0, 99), max_size=12), max_size=8)
seeds = st.integers(0, 2**32)


def lists(texts):
    return [text.tolist() for text in texts]


@given(rows, rows, seeds, st.integers(0, 12))
def test_texts_laid_end_to_end_are_those_of_lists(first, second, seed, longest):
    rng = np.random.default_rng(seed)
    texts, others = Texts.of(first), Texts.of(second)
    assert lists(texts) == first and lists(Texts.together([texts, others])) == first + second
    assert lists(texts.cut(longest)) == [row[:longest] for row in first]
    order = rng.permutation(len(first))
    assert lists(texts.take(order)) == [first[i] for i in order]
    few = order[: len(second)]
    expected = dict(enumerate(first)) | dict(zip(few.tolist(), second, strict=False))
    assert lists(texts.replaced(few, others.take(np.arange(len(few))))) == list(expected.values())


@given(rows, st.integers(1, 9), st.integers(0, 9), seeds)
def test_a_crop_is_a_run_of_the_text_and_thinning_never_empties_it(texts, least, more, seed):
    rng = np.random.default_rng(seed)
    laid = Texts.of([np.arange(len(text)) for text in texts])
    for whole, part in zip(laid, laid.cropped((least, least + more), rng), strict=True):
        assert min(len(whole), least) <= len(part) <= min(len(whole), least + more)
        assert np.array_equal(part, whole[part[0] : part[0] + len(part)] if len(part) else part)
    for whole, kept in zip(laid, laid.thinned(0.9, rng), strict=True):
        assert set(kept) <= set(whole) and (len(kept) > 0) == (len(whole) > 0)


def test_crops_and_thinned_texts_are_drawn_evenly():
    rng = np.random.default_rng(0)
    starts, sizes = crop(np.full(20_000, 10), (2, 4), rng)
    assert np.allclose(np.bincount(sizes)[2:] / 20_000, 1 / 3, atol=0.02)
    for size in (2, 3, 4):
        found = np.bincount(starts[sizes == size]) / (sizes == size).sum()
        assert np.allclose(found, 1 / (11 - size), atol=0.02)
    texts = Texts.of([[*range(10)]] * 5_000).thinned(0.3, rng)
    assert np.allclose(np.bincount(texts.ids) / 5_000, 0.7, atol=0.03)


def test_passages_are_the_same_however_many_are_encoded_at_once(tokenizer, monkeypatch):
    titles, words = ["A title", "", "Another", ""], ["some words", "more of them", "", "the last"]
    whole = TokenisedPassages(tokenizer, titles, words)
    monkeypatch.setattr(texts, "ENCODED_AT_ONCE", 3)
    parts = TokenisedPassages(tokenizer, titles, words)
    for index, (title, text) in enumerate(zip(titles, words, strict=True)):
        expected = [*tokenizer.encode([title])[0], *tokenizer.encode([text])[0]]
        assert whole.whole(index).tolist() == parts.whole(index).tolist() == expected


def test_parts_of_passages_come_after_their_titles(tokenizer):
    titles, words = ["", "one two", "three"], ["some text here", "other", "and more of it"]
    passages = TokenisedPassages(tokenizer, titles, words)
    cut = list(zip(*map(tokenizer.encode, (titles, words)), strict=True))
    for index, (title, text) in enumerate(cut):
        assert passages.whole(index).tolist() == [*title, *text]
    chosen, ones = np.array([2, 0]), np.ones((2, 1), dtype=np.int64)
    parts = passages.parts(chosen, np.hstack([0 * ones, ones]), np.hstack([ones, ones]))
    for index, part in zip(chosen, parts, strict=True):
        assert part.tolist() == [*cut[index][0], *cut[index][1][:2]]
    assert len(passages.crops(chosen, (1, 1), np.random.default_rng(0), titles=False).ids) == 2


@given(
    st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=5), st.lists(st.integers(0, 9), min_size=1), seeds
)
def test_relevant_passages_are_found_among_columns_and_drawn_from_their_own(of, columns, seed):
    relevant, queries = Relevant([sorted(each) for each in of]), np.arange(len(of))
    expected = [[column in each for column in columns] for each in of]
    assert relevant.among(queries, np.array(columns)).tolist() == expected
    drawn = relevant.drawn(queries, np.random.default_rng(seed))
    assert all(passage in each for passage, each in zip(drawn, filter(None, of), strict=True))
