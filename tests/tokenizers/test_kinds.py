"""What holds for every kind of tokenizer, and for one that is added from outside the package."""

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from families import SENTENCEPIECE, save
from pydantic import ValidationError

from tokir.artifacts import write_json
from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.tokenizers import TOKENIZERS, Span, TokenizerKind, load, train_tokenizer
from tokir.tokenizers.intrinsic import intrinsic_measures
from tokir.tokenizers.protocol import overlaps

SIZES = {"byte": 257}
CASES = {name: {"type": name, "vocabulary_size": SIZES.get(name, 600)} for name in TOKENIZERS if name != "file"}
CASES["ngram-hashes"] = {"type": "ngram", "vocabulary_size": 600, "hashes": 2, "with_words": False}
CASES["character-hashed"] = {"type": "character", "vocabulary_size": 600, "hashed": True}
CASES["word-reduced"] = {  # German stop words, none of which stands in the words below
    "type": "word", "vocabulary_size": 600, "stemming": "english", "stop_words": "german"
}  # fmt: skip
FILES = ("bert", "llama", *SENTENCEPIECE)
TRAIN = """
import json, sys
from pathlib import Path
from tokir.config import TokenizerSettings
from tokir.data import load
from tokir.tokenizers import train_tokenizer
texts = load("wiki").corpus.passages(0, 300)
for name, settings in json.loads(sys.argv[2]).items():
    settings = TokenizerSettings(lowercase=True, normalization="NFKC", **settings)
    train_tokenizer(texts, settings).save(Path(sys.argv[1]) / f"{name}.json")
"""


@pytest.fixture(scope="module", params=[*CASES, *FILES])
def case(request, passages, tmp_path_factory):
    """A tokenizer of every kind, trained on the same passages, and some that others trained on them."""
    if request.param in CASES:
        settings = TokenizerSettings(**CASES[request.param])
    else:
        file = save(request.param, passages, tmp_path_factory.mktemp("file"))
        settings = TokenizerSettings(type="file", file=str(file))
    return settings, train_tokenizer(passages, settings)


def test_every_tokenizer_keeps_the_contract(case, passages, tmp_path):
    settings, tokenizer = case
    encoded = tokenizer.encode(passages[:50])
    assert encoded == [tokenizer.encode([text])[0] for text in passages[:50]]
    assert all(0 <= i < tokenizer.vocabulary_size for ids in encoded for i in ids)
    assert tokenizer.vocabulary_size <= settings.vocabulary_size or settings.hashed or settings.file
    assert tokenizer.separator_id not in {i for ids in encoded for i in ids}
    assert tokenizer.encode(["", "\u00e9\U0001f600 \x00"])[0] == [] and tokenizer.normalize("") == ""
    assert (
        tokenizer.word_lengths(["a"]) == [settings.hashes]
        and min(tokenizer.word_lengths(["history", "4\u00e9"])) >= 1
    )
    text = "who painted it"
    spans = tokenizer.spans(text)
    assert len(spans) == len(tokenizer.pieces(text)) == len(tokenizer.encode([text])[0])
    covered = "".join(text[span.start : span.stop] for span in spans).replace(" ", "")
    measures = intrinsic_measures(tokenizer, passages[:50])
    assert overlaps(tokenizer) == TOKENIZERS[settings.type].overlaps
    if overlaps(tokenizer):
        assert set(covered) == set("whopaintedit") and len(covered) > len("whopaintedit")
        assert measures.round_trip is measures.whole_words is measures.lost_bits_per_character is None
    else:
        assert covered == "whopaintedit"
        assert (measures.round_trip == 1) == (measures.lost_bits_per_character == 0)


@pytest.mark.parametrize("beside", ["the kind is named", "the settings lie beside", "the file alone"])
def test_a_saved_tokenizer_is_the_same_when_it_is_loaded(case, beside, passages, tmp_path):
    settings, tokenizer = case
    file = tmp_path / f"tokenizer{'.model' if (settings.file or '').endswith('.model') else '.json'}"
    tokenizer.save(file)
    if beside == "the settings lie beside":
        write_json(tmp_path / "training.json", settings.model_dump())
    again = load(file, settings.type) if beside == "the kind is named" else load(file)
    assert type(again) is type(tokenizer) and again.encode(passages[:50]) == tokenizer.encode(passages[:50])
    facts = ("vocabulary_size", "separator_id", "unknown_id")
    assert [getattr(again, fact) for fact in facts] == [getattr(tokenizer, fact) for fact in facts]


def test_the_same_text_gives_the_same_bytes_in_any_process_and_with_any_threads(tmp_path):
    digests = set()
    for number, threads in enumerate(("1", "2", "4")):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = {**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": str(number)}
        subprocess.run([sys.executable, "-c", TRAIN, str(folder), json.dumps(CASES)], check=True, env=environment)
        files = sorted(folder.iterdir())
        assert len(files) == len(CASES)
        digests.add(tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("settings", "id"),
    [
        ({}, "bpe-2k"),
        ({"vocabulary_size": 8000, "lowercase": True, "prefix_space": True}, "bpe-8k-lower-space"),
        ({"type": "wordpiece-bpe", "vocabulary_size": 700, "normalization": "NFKC"}, "wordpiece-bpe-700-nfkc"),
        ({"type": "unigram", "pretokenization": "digits"}, "unigram-2k-digits"),
        ({"type": "byte", "prefix_space": True}, "byte-space"),
        ({"type": "character", "hashed": True}, "character-2k-hashed"),
        ({"type": "ngram", "lowercase": True}, "ngram-2k-lower"),
        (
            {"type": "ngram", "longest_ngram": 3, "with_words": False, "hashes": 2, "lowercase": True},
            "ngram-2k-3to3-only-2hashes-lower",
        ),
        (
            {"type": "word", "lowercase": True, "stemming": "english", "stop_words": "english_plus"},
            "word-2k-lower-stop-english_plus-stem-english",
        ),
        ({"type": "file", "file": "/models/My BERT/tokenizer.json"}, "file-my-bert"),
        ({"type": "file", "file": "/models/spm_32k.model"}, "file-spm-32k"),
    ],
)
def test_ids_say_what_differs_from_the_defaults(settings, id):
    assert TokenizerSettings(**settings).id == id


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"type": "wordpiece"}, "unknown tokenizer 'wordpiece' .did you mean 'wordpiece-bpe'"),
        ({"vocabulary_size": 256}, "257 entries at least"),
        ({"type": "byte", "vocabulary_size": 300}, "leave vocabulary_size out"),
        ({"type": "word", "prefix_space": True}, "prefix_space is for the types bpe, byte, not for word"),
        (
            {"type": "byte", "pretokenization": "digits"},
            "pretokenization is for the types bpe, wordpiece-bpe, unigram",
        ),
        ({"type": "word", "hashed": True}, "hashed is for the type character, not for word"),
        ({"hashes": 2}, "hashes is for the type ngram, not for bpe"),
        ({"type": "ngram", "shortest_ngram": 6}, "shortest_ngram is 6, longer than longest_ngram, 5"),
        ({"stemming": "english"}, "stemming is for the type word, not for bpe"),
        (
            {"type": "word", "stemming": "englsh"},
            "stemming: no stemmer is called 'englsh' .did you mean 'english'",
        ),
        (
            {"type": "word", "stop_words": "latin"},
            "stop_words: no list is called 'latin': known are english, .*german",
        ),
        ({"file": "tokenizer.json"}, "file is for the type file, not for bpe"),
        ({"type": "file"}, "needs the setting file"),
        ({"type": "file", "file": "t.json", "lowercase": True}, "lowercase is for the types .*, not for file"),
    ],
)
def test_settings_that_a_kind_does_not_take_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        TokenizerSettings(**settings)


def test_every_kind_has_a_label_and_settings_that_exist():
    for name in TOKENIZERS:
        assert TOKENIZERS[name].label and TOKENIZERS[name].takes <= set(TokenizerSettings.model_fields)


class Vowels:
    """A toy: words are cut before each vowel; entries are the pieces seen, the unknown and the separator."""

    unknown_id, separator_id = 0, 1

    def __init__(self, pieces):
        self._known = pieces
        self._ids = {piece: i for i, piece in enumerate(pieces, start=2)}
        self.vocabulary_size = len(pieces) + 2

    def _cut(self, text):
        starts = [i for i, c in enumerate(text) if i == 0 or c in "aeiou "] + [len(text)]
        return [(a, b) for a, b in pairwise(starts) if text[a:b].strip()]

    def encode(self, texts):
        return [[self._ids.get(text[a:b].strip(), 0) for a, b in self._cut(text)] for text in texts]

    def decode(self, ids):
        return "".join((["?", "\n", *self._known])[i] for i in ids)

    def normalize(self, text):
        return text

    def pieces(self, text):
        return [text[a:b] for a, b in self._cut(text)]

    def spans(self, text):
        return [Span(a, b, text[a:b].strip() in self._ids, False) for a, b in self._cut(text)]

    def word_lengths(self, words):
        return [len(self._cut(word)) for word in words]

    def save(self, path):
        write_json(path, {"type": "vowels", "pieces": self._known})


class VowelsKind(TokenizerKind):
    label = "pieces from vowel to vowel"
    takes = frozenset()

    @classmethod
    def train(cls, texts, settings):
        found = {piece.strip() for text in texts for piece in Vowels([]).pieces(text)}
        return Vowels(sorted(found)[: settings.vocabulary_size - 2])

    @classmethod
    def load(cls, path):
        return Vowels(json.loads(path.read_text("utf-8"))["pieces"])


@pytest.fixture
def vowels(monkeypatch):
    monkeypatch.setattr(TOKENIZERS, "_entries", dict(TOKENIZERS._entries))
    TOKENIZERS.add("vowels", VowelsKind)


def test_a_kind_from_outside_the_package_needs_no_change_inside(vowels, passages, tmp_path):
    settings = TokenizerSettings(type="vowels", vocabulary_size=5000)
    assert settings.id == "vowels-5k"
    with pytest.raises(ValidationError, match="lowercase is for"):
        TokenizerSettings(type="vowels", lowercase=True)
    tokenizer = train_tokenizer(passages, settings)
    assert tokenizer.pieces("who painted it") == ["wh", "o", " p", "a", "int", "ed", "it"]
    tokenizer.save(tmp_path / "vowels.json")
    for again in (
        load(tmp_path / "vowels.json"),
        train_tokenizer([], TokenizerSettings(type="file", file=str(tmp_path / "vowels.json"))),
    ):
        assert isinstance(again, Vowels) and again.encode(passages) == tokenizer.encode(passages)
    assert intrinsic_measures(tokenizer, passages).lost_bits_per_character > 0


def test_a_file_in_a_format_of_its_own_is_found_by_the_settings_beside_it(vowels, tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"pieces": ["a"]}')
    with pytest.raises(TokirError, match="no tokenizer can be read"):
        load(tmp_path / "tokenizer.json")
    (tmp_path / "training.json").write_text('{"type": "vowels"}')
    assert load(tmp_path / "tokenizer.json").encode(["a"]) == [[2]]
    (tmp_path / "training.json").write_text("damaged")
    with pytest.raises(TokirError, match="no tokenizer can be read"):
        load(tmp_path / "tokenizer.json")


def test_a_query_is_cut_without_loading_numpy_or_the_settings(tmp_path, tokenizer):
    tokenizer.save(tmp_path / "tokenizer.json")
    code = (
        "import sys; from pathlib import Path; from tokir.tokenizers import load;"
        "load(Path(sys.argv[1])).encode(['who painted it']);"
        "print(sorted({'numpy', 'scipy', 'pydantic', 'torch', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(tmp_path) / "tokenizer.json")], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"
