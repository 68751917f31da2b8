import hashlib
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokir.errors import TokirError
from tokir.tokenizers import Tokenizer, intrinsic_measures, train_bpe

TRAIN = """
import sys
from pathlib import Path
from tokir.data import load
from tokir.tokenizers import train_bpe
train_bpe(load("wiki").corpus.passages(0, 300), 900, lowercase=True, normalization="NFKC").save(Path(sys.argv[1]))
"""


def test_the_same_text_gives_the_same_bytes_in_any_process_and_with_any_threads(tmp_path):
    digests = set()
    for number, threads in enumerate(("1", "2", "4")):
        path = tmp_path / f"{number}.json"
        environment = {**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": str(number)}
        subprocess.run([sys.executable, "-c", TRAIN, str(path)], check=True, env=environment)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@given(text=st.text())
def test_every_text_comes_back(tokenizer, text):
    # the separator is the one piece of text that is read as a token of its own
    assert tokenizer.decode(tokenizer.encode([text])[0]) == text


def test_pieces_join_to_the_text_and_batches_equal_singles(tokenizer, passages):
    assert "".join(tokenizer.pieces("who painted the chapel")) == "who painted the chapel"
    assert tokenizer.encode(passages[:20]) == [tokenizer.encode([text])[0] for text in passages[:20]]


def test_a_saved_tokenizer_cuts_alike(tokenizer, passages, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.encode(passages) == tokenizer.encode(passages)
    assert (again.vocabulary_size, again.separator_id) == (600, tokenizer.separator_id)


def test_normalisation_comes_before_cutting(passages):
    tokenizer = train_bpe(passages, 400, lowercase=True, normalization="NFKC")
    assert tokenizer.encode(["ＣＡＦÉ ﬁne"]) == tokenizer.encode(["café fine"])


def test_too_small_a_corpus_and_a_file_that_is_no_tokenizer_are_named(tmp_path):
    with pytest.raises(TokirError, match=r"too small for a vocabulary of 2,000: it yields only \d+ entries"):
        train_bpe(["a few words only"], 2000)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TokirError, match=r"tokenizer\.json"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_intrinsic_measures_by_hand(tokenizer):
    text = "naïve words"
    tokens = len(tokenizer.encode([text])[0])
    measures = intrinsic_measures(tokenizer, [text])
    assert measures == {
        "fertility": tokens / 2,
        "bytes_per_token": 12 / tokens,
        "characters_per_token": 11 / tokens,
    }
