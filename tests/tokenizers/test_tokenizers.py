import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.tokenizers import intrinsic_measures, load, train_tokenizer
from tokir.tokenizers.intrinsic import renyi_efficiency
from tokir.tokenizers.restoring import restoring_bits

KINDS = {
    "bpe": {"vocabulary_size": 600},
    "wordpiece-bpe": {"vocabulary_size": 600},
    "unigram": {"vocabulary_size": 600},
    "byte": {},
    "character": {"vocabulary_size": 600},
    "character-hashed": {"type": "character", "vocabulary_size": 600, "hashed": True},
    "word": {"vocabulary_size": 600},
}
OWN = ("sentencepiece", "tokenizer.json")  # made by others
TRAIN = """
import json, sys
from pathlib import Path
from tokir.config import TokenizerSettings
from tokir.data import load
from tokir.tokenizers import train_tokenizer
texts = load("wiki").corpus.passages(0, 300)
for kind, settings in json.loads(sys.argv[2]).items():
    settings = {"type": kind, "lowercase": True, "normalization": "NFKC", **settings}
    settings = TokenizerSettings(**settings)
    train_tokenizer(texts, settings).save(Path(sys.argv[1]) / f"{kind}.json")
"""


@pytest.fixture(scope="module", params=[*KINDS, *OWN])
def kind(request, passages, tmp_path_factory):
    """Each tokenizer of the study, trained on the same passages, and two that others trained on them."""
    if request.param in KINDS:
        settings = TokenizerSettings(**{"type": request.param, **KINDS[request.param]})
        return settings, train_tokenizer(passages, settings)
    file = tmp_path_factory.mktemp("own") / ("spm.model" if request.param == "sentencepiece" else "own.json")
    if request.param == "sentencepiece":
        import sentencepiece

        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(passages), model_prefix=str(file.with_suffix("")), vocab_size=800,
            byte_fallback=True, minloglevel=3,
        )  # fmt: skip
    else:
        from tokenizers import CharBPETokenizer

        hf = CharBPETokenizer()
        hf.train_from_iterator(passages, vocab_size=600, show_progress=False)
        hf.save(str(file))
    settings = TokenizerSettings(type="file", file=str(file))
    return settings, train_tokenizer([], settings)


def test_every_tokenizer_keeps_the_contract(kind, passages, tmp_path):
    settings, tokenizer = kind
    encoded = tokenizer.encode(passages[:50])
    assert encoded == [tokenizer.encode([text])[0] for text in passages[:50]]
    assert all(0 <= i < tokenizer.vocabulary_size for ids in encoded for i in ids)
    assert tokenizer.vocabulary_size <= settings.vocabulary_size or settings.hashed or settings.file
    assert tokenizer.separator_id not in {i for ids in encoded for i in ids}
    assert tokenizer.encode(["", "\u00e9\U0001f600 \x00"])[0] == []
    assert tokenizer.word_lengths(["a"]) == [1] and min(tokenizer.word_lengths(["history", "4\u00e9"])) >= 1
    assert len(tokenizer.pieces("who painted it")) == len(tokenizer.encode(["who painted it"])[0])
    spans = tokenizer.spans("who painted it")
    assert len(spans) == len(tokenizer.encode(["who painted it"])[0])
    assert "".join("who painted it"[span.start : span.stop] for span in spans).replace(" ", "") == "whopaintedit"
    measures = intrinsic_measures(tokenizer, passages[:50])
    assert (measures["round_trip"] == 1) == (measures["lost_bits_per_character"] == 0)
    assert measures["round_trip"] == 1 or settings.type != "file" or settings.file.endswith(".json")
    file = tmp_path / f"tokenizer{'.model' if (settings.file or '').endswith('.model') else '.json'}"
    tokenizer.save(file)
    again = load(file)
    assert again.encode(passages[:50]) == encoded
    assert (again.vocabulary_size, again.separator_id, again.unknown_id) == (
        tokenizer.vocabulary_size,
        tokenizer.separator_id,
        tokenizer.unknown_id,
    )


def test_the_same_text_gives_the_same_bytes_in_any_process_and_with_any_threads(tmp_path):
    digests = set()
    for number, threads in enumerate(("1", "2", "4")):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = {**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": str(number)}
        subprocess.run([sys.executable, "-c", TRAIN, str(folder), json.dumps(KINDS)], check=True, env=environment)
        files = sorted(folder.iterdir())
        assert len(files) == len(KINDS)
        digests.add(tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))
    assert len(digests) == 1


@given(text=st.text())
def test_every_text_comes_back_from_byte_level_bpe_and_from_bytes(tokenizer, text):
    # the separator is the one piece of text that is read as a token of its own
    assert tokenizer.decode(tokenizer.encode([text])[0]) == text
    units = train_tokenizer([], TokenizerSettings(type="byte"))
    assert units.decode(units.encode([text])[0]) == text


def test_pieces_join_to_the_text(tokenizer):
    assert "".join(tokenizer.pieces("who painted the chapel")) == "who painted the chapel"


def test_normalisation_comes_before_cutting(passages):
    settings = TokenizerSettings(vocabulary_size=400, lowercase=True, normalization="NFKC")
    tokenizer = train_tokenizer(passages, settings)
    assert tokenizer.encode(["ＣＡＦÉ ﬁne"]) == tokenizer.encode(["café fine"])


def test_pretokenization_decides_what_no_piece_crosses(passages):
    texts = [f"{text} in 1984, 1984, 1984." for text in passages]
    cut = {
        rule: train_tokenizer(texts, TokenizerSettings(vocabulary_size=900, pretokenization=rule)).pieces(" 1984,")
        for rule in ("words", "digits", "whitespace")
    }
    assert cut == {"words": [" 1984", ","], "digits": [" ", "1", "9", "8", "4", ","], "whitespace": [" 1984,"]}


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


def test_what_a_tokenizer_loses_is_charged_by_hand(passages):
    words = train_tokenizer(["to be or not to be"], TokenizerSettings(type="word"))
    # One kind of gap, in one place: told once, eight bits, and never in doubt.
    assert restoring_bits(words, ["to be"]) == 8
    # Two kinds between the same neighbours, one of two letters: 8 + 16 to tell them, a bit each to say which.
    assert restoring_bits(words, ["to be  or"]) == 8 + 16 + 2
    # Unknown: 'xy' and its end are three symbols, each as likely.
    assert restoring_bits(words, ["to xy"]) == pytest.approx(8 + 3 * np.log2(3))
    pieces = train_tokenizer(passages, TokenizerSettings(type="wordpiece-bpe", vocabulary_size=600))
    assert len(pieces.pieces("zoological")) > 1
    assert restoring_bits(pieces, ["zoological"]) == 0  # ## says that no space stands between


def test_of_too_much_text_the_same_share_of_each_is_read(monkeypatch):
    monkeypatch.setattr("tokir.tokenizers.SAMPLE", 20)
    read = train_tokenizer(["ab" * 30 + "c", "xy" * 20 + "z"], TokenizerSettings(type="character"))
    assert read.pieces("abcxyz") == ["a", "b", "[UNK]", "x", "y", "[UNK]"]


def test_what_has_no_entry_is_unknown_and_counted(passages):
    words = train_tokenizer(passages, TokenizerSettings(type="word", vocabulary_size=300))
    assert words.pieces("the zyzzyva") == ["the", "[UNK]"]
    assert intrinsic_measures(words, ["the zyzzyva the"])["unknown_rate"] == pytest.approx(1 / 3)
    characters = train_tokenizer(passages, TokenizerSettings(type="character", vocabulary_size=500))
    assert characters.pieces("a語") == ["a", "[UNK]"]


def test_a_tokenizer_of_ones_own_is_read_whatever_it_was_made_for(passages, tmp_path):
    import sentencepiece

    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    hf = Tokenizer(models.WordLevel({"[UNK]": 0, "who": 1, "[CLS]": 2}, unk_token="[UNK]"))
    hf.pre_tokenizer = pre_tokenizers.Whitespace()
    hf.post_processor = processors.TemplateProcessing("[CLS] $A", special_tokens=[("[CLS]", 2)])
    hf.enable_truncation(2)
    hf.enable_padding(length=5)
    hf.save(str(tmp_path / "tokenizer.json"))
    settings = TokenizerSettings(type="file", file=str(tmp_path / "tokenizer.json"))
    own = train_tokenizer([], settings)
    assert own.encode(["who who is who"]) == [[1, 1, 0, 1]] and own.separator_id == 3
    assert settings.id.startswith("file-")
    sparse = Tokenizer(models.WordLevel({"who": 0, "is": 7}, unk_token="[UNK]"))
    sparse.pre_tokenizer = pre_tokenizers.Whitespace()
    sparse.save(str(tmp_path / "sparse.json"))
    own = load(tmp_path / "sparse.json")
    assert own.encode(["who is"]) == [[0, 7]] and own.vocabulary_size > 7
    with pytest.raises(TokirError, match="cannot cut a text"):
        own.encode(["who knows"])
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(passages), model_prefix=str(tmp_path / "spm"), vocab_size=400, minloglevel=3
    )
    spm = load(tmp_path / "spm.model")
    ids = spm.encode(["who painted it"])[0]
    assert spm.decode([*ids, spm.separator_id]) == "who painted it" and spm.vocabulary_size == 401
    spm.save(tmp_path / "again.model")
    assert load(tmp_path / "again.model").encode(["who painted it"]) == [ids]
    assert intrinsic_measures(spm, passages[:9])["fertility"] > 1


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
def test_a_vocabulary_that_does_not_fit_the_corpus_is_told_in_one_sentence(settings, words):
    with pytest.raises(TokirError, match=words):
        train_tokenizer(["a few words only, and a few more"], TokenizerSettings(**settings))


def test_a_file_that_is_no_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "spm.model").write_text("no model")
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    for name, words in {
        "tokenizer.json": "no tokenizer can be read",
        "spm.model": "no sentencepiece model",
        "vocab.txt": "tokenizer.json or a sentencepiece",
        "missing.json": "no such file",
    }.items():
        with pytest.raises(TokirError, match=words) as error:
            load(tmp_path / name)
        assert name in str(error.value)


def test_intrinsic_measures_by_hand(passages):
    characters = train_tokenizer(["ab cd "], TokenizerSettings(type="character"))
    measures = intrinsic_measures(characters, ["ab a b", "é"])
    assert measures == {
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


def test_renyi_efficiency_equals_the_authors_reference():
    # From the tests of tokenization-scorer, by Zouhar: "pick @@ed pick @@l @@ed pick @@les" and a longer one.
    assert renyi_efficiency([3, 2, 1, 1]) == pytest.approx(0.8265064834225245)
    second = ["pick", "@@e", "@@d", "pick", "@@l", "@@e", "@@d", "pick", "@@l", "@@e", "@@s"]
    counts = np.unique(second, return_counts=True)[1]
    assert renyi_efficiency(counts) == pytest.approx(0.9204840242168808)
