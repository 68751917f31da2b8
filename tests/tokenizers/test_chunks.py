"""Texts cut word by word have the tokens that they have as a whole."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HFTokenizer
from tokir.config import TokenizerSettings
from tokir.tokenizers import train_tokenizer
from tokir.tokenizers.chunks import LONGEST
from tokir.tokenizers.huggingface import HuggingFaceTokenizer
from tokir.tokenizers.protocol import SEPARATOR

CORPUS = ["The chapel's ceiling was painted in 1512 by ΟΔΥΣΣΕΥΣ and Łukasz; naïve café, 東京都 and ﬁne print."] * 3
SETTINGS = [
    {"lowercase": True, "prefix_space": True},
    {"lowercase": True, "normalization": "NFC"},
    {"normalization": "NFKC", "prefix_space": True},
    {"normalization": "NFKD", "lowercase": True},
    {},
]
TOKENIZERS = [
    train_tokenizer(CORPUS, TokenizerSettings(type="bpe", vocabulary_size=280, **more)) for more in SETTINGS
]
# Letters with marks, final sigmas, spaces of all kinds and what becomes one in a K form, names of special tokens.
PARTS = st.sampled_from(
    [
        "the",
        "Chapel's",
        "ΟΔΥΣ",
        "Σ",
        "é",
        "e\u0301",
        "\u0301",
        "´",
        "\u00a0",
        "\u3000",
        "\n",
        "\t",
        " ",
        "  ",
        "\x1c",
        *[
            "\x85",
            "\u200b",
            "1512",
            ";",
            "東京",
            "<|endoftext|>",
            "İ",
            "ﬁ",
            "x" * (LONGEST + 1),
            "",
            "'",
            "s",
            "…",
        ],
    ]
)


@settings(max_examples=300)
@given(texts=st.lists(st.lists(PARTS | st.text(max_size=3)).map("".join), min_size=2, max_size=4))
@example(texts=["a\u00a0b \u00a0c", " the", "the ", "\u0301a \u0301b"])
def test_a_text_has_the_tokens_of_its_words(texts):
    for tokenizer in TOKENIZERS:
        assert tokenizer._chunks is not None
        assert tokenizer.encode(texts) == [tokenizer.encode([text])[0] for text in texts]


@pytest.mark.parametrize("change", ["entry", "prefix", "pretokenization"])
def test_tokenizers_that_look_beyond_a_word_cut_whole_texts(change):
    if change == "entry":  # one of several words, found before they are parted
        hf = HFTokenizer.from_str(TOKENIZERS[0]._hf.to_str())
        hf.add_tokens([AddedToken("the chapel", normalized=False)])
        tokenizer = HuggingFaceTokenizer(hf)
    elif change == "prefix":  # whose characters are no bytes of the text
        hf = HFTokenizer(models.BPE({"Ġ": 0, "#a": 1, "#b": 2, "a": 3}, [], continuing_subword_prefix="#"))
        hf.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        hf.add_special_tokens([SEPARATOR])
        tokenizer = HuggingFaceTokenizer(hf)
    else:
        wanted = TokenizerSettings(type="bpe", vocabulary_size=280, pretokenization="whitespace")
        tokenizer = train_tokenizer(CORPUS, wanted)
    assert tokenizer._chunks is None
    texts = ["paint the chapel now", "the chapel", "a ab xx", "a xx ab"]
    assert tokenizer.encode(texts) == [tokenizer.encode([text])[0] for text in texts]


@pytest.mark.parametrize("unknown", [None, "<unk>"])
def test_bytes_without_an_entry_are_lost_in_their_own_word_alone(unknown):
    hf = HFTokenizer(models.BPE(unk_token=unknown))
    hf.pre_tokenizer, hf.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    specials = [SEPARATOR] if unknown is None else [SEPARATOR, unknown]
    hf.train_from_iterator(["the old chapel"], trainers.BpeTrainer(vocab_size=60, special_tokens=specials))
    tokenizer = HuggingFaceTokenizer(hf)
    assert tokenizer._chunks is not None
    texts = ["the zoo chapel old", "qxj zoo", "the old", "z q old z"]
    assert tokenizer.encode(texts) == [tokenizer.encode([text])[0] for text in texts]


def test_a_word_that_holds_the_name_of_a_symbol_does_not_change_how_others_are_cut():
    vocabulary = {
        symbol: i for i, symbol in enumerate([*sorted(pre_tokenizers.ByteLevel.alphabet()), "UN", "KN", "UNK"])
    }
    hf = HFTokenizer(models.BPE(vocabulary, [("K", "N"), ("U", "N"), ("UN", "K")]))
    hf.pre_tokenizer, hf.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    hf.add_special_tokens([SEPARATOR, "UNK"])
    tokenizer = HuggingFaceTokenizer(hf)
    assert tokenizer._chunks is not None
    for texts in (["x UNK", "x UNKN"], ["x UNK UNKN", "y"]):
        assert tokenizer.encode(texts) == [tokenizer.encode([text])[0] for text in texts]


def test_words_are_forgotten_where_they_are_too_many(monkeypatch):
    monkeypatch.setattr("tokir.tokenizers.chunks.MOST", 5)
    tokenizer = HuggingFaceTokenizer(TOKENIZERS[0]._hf)
    for number in range(20):
        tokenizer.encode([f"word{number} again", "and again"])
    assert len(tokenizer._chunks._known) < 10
