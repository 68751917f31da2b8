"""Decoding restores what was encoded, whatever the settings and wherever a tokenizer was made."""

from itertools import product

import pytest
from families import FAMILIES, LOSSLESS, SENTENCEPIECE, save
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.tokenizers import load, train_tokenizer
from tokir.tokenizers.intrinsic import intrinsic_measures
from tokir.tokenizers.reconstruction import is_lossless, reconstruction_bits

NORMALIZATIONS = (None, "NFC", "NFKD")
CASES = [
    {"type": type, "normalization": normalization, "lowercase": lowercase, **rest}
    for normalization, lowercase in product(NORMALIZATIONS, (False, True))
    for type, rest in [
        *(
            ("bpe", {"vocabulary_size": 300, "prefix_space": space, "pretokenization": rule})
            for space, rule in product((False, True), ("words", "digits", "whitespace"))
        ),
        *(
            ("unigram", {"vocabulary_size": 500, "pretokenization": rule})
            for rule in ("words", "digits", "whitespace")
        ),
        *(("byte", {"prefix_space": space}) for space in (False, True)),
        ("character", {"hashed": True}),
    ]
]
SYMBOLS = ("<|endoftext|>", "[UNK]", "<unk>", "<0x41>", "[SEP]", "</s>", "<s>", "[CLS]", "<ctl>", "▁")
TEXT = st.lists(st.one_of(st.text(), st.sampled_from([*SYMBOLS, " ", "  ", "\n", "b2b", "İ", "ﬁ", "a"]))).map(
    "".join
)
ALL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.fixture(scope="module")
def trained(passages):
    """Every tokenizer of the grid that knows every text."""
    short = passages[:60]
    chosen = [TokenizerSettings(**case) for case in CASES]
    return {settings.id: train_tokenizer(short, settings) for settings in chosen}


@pytest.fixture(scope="module", params=[*FAMILIES, *SENTENCEPIECE])
def family(request, passages, tmp_path_factory):
    """Each of the known families, made as others make it."""
    return request.param, load(save(request.param, passages, tmp_path_factory.mktemp("family")))


@ALL
@given(text=TEXT)
@example("b2b  b2b\n 1")
@example("  <|ENDOFTEXT|> ＜0x41＞")
@example(" ▁ a")
def test_every_text_is_restored_over_the_whole_grid_of_settings(trained, text):
    for name, tokenizer in trained.items():
        [ids] = tokenizer.encode([text])
        assert tokenizer.decode(ids) == tokenizer.normalize(text), name
        assert tokenizer.encode([text, text]) == [ids, ids], name
        assert len(tokenizer.pieces(text)) == len(ids) == len(tokenizer.spans(text)), name
        assert tokenizer.separator_id not in ids, name


@ALL
@given(text=TEXT)
@example("  two  spaces\tand\na line  ")
@example("▁▁ naïve ﬁ İ <0x41></s>[SEP]")
def test_what_a_file_of_a_known_family_loses_is_what_it_loses_by_nature(family, text):
    name, tokenizer = family
    [ids] = tokenizer.encode([text])
    normal, spans = tokenizer.normalize(text), tokenizer.spans(text)
    assert len(spans) == len(ids) == len(tokenizer.pieces(text))
    assert all(0 <= span.start <= span.stop <= len(normal) for span in spans)
    if name in LOSSLESS:
        assert tokenizer.decode(ids) == normal
    # What no token stands for is white space.
    covered = {position for span in spans for position in range(span.start, span.stop)}
    assert all(normal[i].isspace() for i in range(len(normal)) if i not in covered)


def test_only_the_first_word_of_a_text_gets_a_space(passages):
    for rule in ("words", "digits", "whitespace"):
        settings = TokenizerSettings(vocabulary_size=300, prefix_space=True, pretokenization=rule)
        tokenizer = train_tokenizer(passages[:20], settings)
        assert "".join(tokenizer.pieces("b2b  x\ny")) == " b2b  x\ny"
        assert tokenizer.encode(["b2b"]) == tokenizer.encode([" b2b"])
        assert intrinsic_measures(tokenizer, passages[:20]).round_trip == 1


def test_texts_of_every_lossless_family_are_found_lossless(family, passages):
    name, tokenizer = family
    measures = intrinsic_measures(tokenizer, passages[:60])
    assert (measures.round_trip == 1) == (measures.lost_bits_per_character == 0)
    assert measures.round_trip == 1 or name not in LOSSLESS


def test_the_loss_of_white_space_and_unknown_words_is_charged_to_the_families_that_lose_them(passages, tmp_path):
    bert, t5 = (load(save(name, passages, tmp_path)) for name in ("bert", "t5"))
    assert bert.normalize("Naïve  Bayes") == "naive  bayes"  # case and accents are its normalization
    for tokenizer in (bert, t5):
        [one, two] = tokenizer.encode(["who is who", "who is  who"])
        assert one == two
        assert is_lossless(tokenizer, "who is who", one) and not is_lossless(tokenizer, "who is  who", two)
        assert reconstruction_bits(tokenizer, ["who is  who"]) > 0


def test_a_normalization_that_is_not_idempotent_is_done_once(passages, tmp_path):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    hf = Tokenizer(models.WordLevel({"[UNK]": 0, "ab": 1, "b": 2}, unk_token="[UNK]"))
    hf.normalizer, hf.pre_tokenizer = normalizers.Replace("aab", "ab"), pre_tokenizers.Whitespace()
    hf.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(tmp_path / "tokenizer.json")
    assert tokenizer.normalize("aaab b") == "aab b"
    assert tokenizer.encode(["aaab b"]) == [[0, 2]]
    assert [(span.start, span.stop, span.known) for span in tokenizer.spans("aaab b")] == [
        (0, 3, False),
        (4, 5, True),
    ]


@pytest.mark.parametrize("symbol", ["<|endoftext|>", "[UNK]", "<unk>", "<0x41>", "[SEP]"])
@pytest.mark.parametrize("rule", ["words", "whitespace"])
@pytest.mark.parametrize("type", ["bpe", "wordpiece-bpe", "unigram"])
def test_a_special_token_in_a_text_is_text(passages, type, rule, symbol):
    # often enough for every trainer to take it for one piece
    texts = [*passages[:60], *[f"{symbol} a {symbol}b"] * 200]
    tokenizer = train_tokenizer(texts, TokenizerSettings(type=type, vocabulary_size=600, pretokenization=rule))
    for text in (symbol, f"a {symbol} b", f"{symbol}{symbol}"):
        [ids] = tokenizer.encode([text])
        assert tokenizer.separator_id not in ids
        assert tokenizer.encode([text, "b"])[0] == ids
        if type != "wordpiece-bpe":
            assert tokenizer.decode(ids) == text


def test_a_special_token_in_a_text_is_text_for_every_file(family):
    _, tokenizer = family
    for symbol in ("<|endoftext|>", "[SEP]", "[CLS]", "</s>", "<s>", "<ctl>", "<unk>"):
        if symbol == "[SEP]" and "[SEP]" in tokenizer.pieces("[SEP]"):
            continue  # a user-defined symbol of sentencepiece is an entry as any other
        [ids] = tokenizer.encode([f"a {symbol} b"])
        assert not {symbol, f" {symbol}"} & set(tokenizer.pieces(f"a {symbol} b"))
        assert tokenizer.encode([f"a {symbol} b", "b"])[0] == ids


def test_words_and_characters_take_the_name_of_a_special_token_for_text(passages):
    words = train_tokenizer(["[UNK] is a token <|endoftext|>"], TokenizerSettings(type="word"))
    assert words.pieces("<|endoftext|> [UNK]") == ["<|", "endoftext", "|>", "[", "UNK", "]"]
    characters = train_tokenizer(["[UNK]<|>"], TokenizerSettings(type="character"))
    assert characters.pieces("[UNK]") == list("[UNK]")


@pytest.mark.parametrize("use", ["encode", "encode several", "pieces", "spans", "word_lengths", "normalize"])
def test_a_lone_surrogate_is_refused_in_one_sentence(trained, family, use):
    for tokenizer in (*trained.values(), family[1]):
        with pytest.raises(TokirError, match=r"character 3 .*U\+D83D.*not valid Unicode"):
            if use == "encode several":
                tokenizer.encode(["fine", "ab\ud83d"])
            else:
                text = "ab\ud83d"
                getattr(tokenizer, use)([text] if use in ("encode", "word_lengths") else text)
