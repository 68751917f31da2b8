"""Static systems in the folders of sentence-transformers and model2vec."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from command import tokir
from small_models import make_sentence_encoder
from small_runs import SYSTEM, static_run
from tokir import open_run
from tokir.artifacts import file_digest
from tokir.config import TokenizerSettings
from tokir.encoders.named import checksum
from tokir.errors import TokirError
from tokir.models.whitening import Whitening
from tokir.retrieval.index import normalize
from tokir.tokenizers import load, train_tokenizer

sentence_transformers = pytest.importorskip("sentence_transformers")
model2vec = pytest.importorskip("model2vec")
STATIC = "bpe-500.static.contrastive+queries.learned.s0"
LSTM = "bpe-500.lstm.lm.mean-white.s0"
TOKENIZERS = {
    "bpe": {"type": "bpe", "vocabulary_size": 400},
    "bpe-lower-space": {
        "type": "bpe", "vocabulary_size": 400, "lowercase": True, "prefix_space": True, "normalization": "NFKC",
        "pretokenization": "digits",
    },
    "wordpiece": {"type": "wordpiece-bpe", "vocabulary_size": 500, "lowercase": True},
    "unigram": {"type": "unigram", "vocabulary_size": 500, "normalization": "NFC"},
    "byte": {"type": "byte", "lowercase": True},
    "character": {"type": "character", "vocabulary_size": 60},
    "word": {"type": "word", "vocabulary_size": 300, "lowercase": True},
}  # fmt: skip


def read(folder):
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def encode(model, texts):
    return model.encode(list(texts), show_progress_bar=False)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The static system of a real study, in both layouts."""
    base = tmp_path_factory.mktemp("exported")
    for form in ("sentence-transformers", "model2vec"):
        tokir("export", run, STATIC, "--to", form, base / form)
    return base


def test_both_libraries_give_the_vectors_of_the_run(run, exported, nasty):
    opened = open_run(run)
    expected = opened.encode(nasty, STATIC)
    assert_allclose(encode(read(exported / "sentence-transformers"), nasty), expected, atol=1e-5)
    other = model2vec.StaticModel.from_pretrained(exported / "model2vec")
    assert_allclose(other.encode(nasty), expected, atol=1e-5)
    assert not encode(read(exported / "sentence-transformers"), [""]).any()


@pytest.fixture(scope="module")
def encoders(run, exported):
    opened = open_run(run)
    other = model2vec.StaticModel.from_pretrained(exported / "model2vec")
    model = read(exported / "sentence-transformers")
    return lambda texts: opened.encode(texts, STATIC), lambda texts: encode(model, texts), other.encode


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_of_any_text(encoders, texts):
    own, *others = encoders
    expected = own(texts)
    for other in others:
        assert_allclose(other(texts), expected, atol=1e-5)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_of_every_tokenizer_that_the_format_knows(name, corpus, passages, nasty, tmp_path):
    tokenizer = train_tokenizer(passages, TokenizerSettings(**TOKENIZERS[name]))
    opened = static_run(tmp_path / "run", corpus, tokenizer)
    expected = opened.encode(nasty, SYSTEM)
    opened.export(SYSTEM, "sentence-transformers", tmp_path / "st")
    assert_allclose(encode(read(tmp_path / "st"), nasty), expected, atol=1e-5)
    if tokenizer.unknown_id is not None:
        with pytest.raises(TokirError, match="model2vec leaves out: export it to sentence-transformers or onnx"):
            opened.export(SYSTEM, "model2vec", tmp_path / "m2v")
        assert not (tmp_path / "m2v").exists()
    else:
        opened.export(SYSTEM, "model2vec", tmp_path / "m2v")
        assert_allclose(model2vec.StaticModel.from_pretrained(tmp_path / "m2v").encode(nasty), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({"type": "ngram", "vocabulary_size": 300}, "no letter n-grams"),
        ({"type": "word", "vocabulary_size": 300, "stemming": "english"}, "neither stems nor stop words"),
    ],
)
def test_a_tokenizer_that_the_format_does_not_know_is_refused(kind, said, corpus, passages, tmp_path):
    opened = static_run(tmp_path / "run", corpus, train_tokenizer(passages, TokenizerSettings(**kind)))
    for form in ("sentence-transformers", "model2vec"):
        with pytest.raises(
            TokirError, match=f"tokenizers/t cannot be written as a tokenizer.json.*{said}"
        ) as error:
            opened.export(SYSTEM, form, tmp_path / "out" / "deep")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_sentencepiece_model_is_refused_and_so_is_whitening(corpus, passages, tmp_path):
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(passages), model_prefix=str(tmp_path / "spm"), vocab_size=400, minloglevel=3
    )
    opened = static_run(tmp_path / "run", corpus, load(tmp_path / "spm.model"), suffix=".model")
    with pytest.raises(TokirError, match="since sentencepiece normalizes and cuts by rules"):
        opened.export(SYSTEM, "model2vec", tmp_path / "out")
    tokenizer = train_tokenizer(passages, TokenizerSettings(vocabulary_size=400))
    rng = np.random.default_rng(0)
    whitening = Whitening.fit([rng.normal(size=(90, 24)).astype(np.float32)])
    whitening.save(tmp_path / "white/embeddings/white.safetensors")
    opened = static_run(tmp_path / "white", corpus, tokenizer, whitening="embeddings/white.safetensors")
    with pytest.raises(TokirError, match=r"no module for the whitening of .*: export it to onnx"):
        opened.export(SYSTEM, "sentence-transformers", tmp_path / "out")
    opened.export(SYSTEM, "onnx", tmp_path / "out")  # where it is held against the run
    assert "model.onnx: over" in (tmp_path / "out/README.md").read_text()


@pytest.fixture(scope="module")
def asymmetric(corpus, passages, tmp_path_factory):
    """A run whose queries are a static model's and whose passages are a teacher's with a prompt."""
    base = tmp_path_factory.mktemp("asymmetric")
    make_sentence_encoder(base / "Tiny.v1", {"query": "query: ", "document": "passage: "})
    teacher = str(base / "Tiny.v1")
    tokenizer = train_tokenizer(passages, TokenizerSettings(vocabulary_size=400))
    reads = {
        "kind": "pretrained",
        "name": teacher,
        "folder": None,
        "checksum": checksum(teacher, base / "Tiny.v1"),
    }
    vectors = "embeddings/tiny-v1/corpus.npy"
    return static_run(base / "run", corpus, tokenizer, index="tiny-v1", passage_encoder=reads, vectors=vectors)


def test_queries_and_passages_take_the_routes_of_two_models(asymmetric, nasty, passages, tmp_path):
    from tokir.encoders.sentence import load_sentence_encoder

    asymmetric.export(SYSTEM, "sentence-transformers", tmp_path / "out")
    model = read(tmp_path / "out")
    queries = model.encode_query(nasty, show_progress_bar=False)
    # the width of the teacher is not that of these random vectors, which no training would leave so
    assert_allclose(queries, asymmetric.encode(nasty, SYSTEM), atol=1e-5)
    teacher = load_sentence_encoder(str(asymmetric.path.parent / "Tiny.v1")).of_passages
    texts = ["", *passages[:9], "a [SEP] b"]
    expected = normalize(teacher.embed(teacher.tokenize(texts)))
    assert_allclose(model.encode_document(texts, show_progress_bar=False), expected, atol=1e-5)
    card = (tmp_path / "out/README.md").read_text()
    assert "the vectors of passages are those of Tiny.v1" in card and str(tmp_path) not in card
    asymmetric.export(SYSTEM, "model2vec", tmp_path / "m2v")
    assert "passages = " not in (tmp_path / "m2v/README.md").read_text()


def test_the_card_says_what_it_is_what_it_scores_and_how_it_is_used(run, exported, monkeypatch):
    row = next(row for row in open_run(run).results.systems if row.id == STATIC)
    for form, library in (("sentence-transformers", "SentenceTransformer"), ("model2vec", "StaticModel")):
        card = (exported / form / "README.md").read_text()
        low, high = row.intervals["recall@10"]
        assert f"| Recall@10 | {row.scores['recall@10']:.3f} | [{low:.3f}, {high:.3f}] |" in card
        assert f"`{STATIC}`" in card and "byte-level BPE of 500 entries" in card and "licences" in card
        assert f"library_name: {form}" in card and library in card
        used = card.split("```python\n")[1].split("```")[0]
        assert used.count("\n") <= 6
        assert "Taught by" not in card  # no teacher was asked
        monkeypatch.chdir(exported)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # they look for more files there
        exec(used, names := {})
        assert len(names["queries"]) == 1 and len(names["passages"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bm25", "model2vec"), "bm25 counts terms: export one of"),
        (("canine", "model2vec"), "its weights are not on this machine"),
        (("best+bm25.weighted", "onnx"), "is a fusion of several systems: export one of"),
        ((LSTM, "model2vec"), "model2vec has no module for the network of"),
        ((LSTM, "sentence-transformers"), f"network of {LSTM}: export it to onnx"),
        (("bpe-500.static", "model2vec"), "no system 'bpe-500.static'"),
        ((STATIC, "model2vex"), "did you mean 'model2vec'"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_sentence(run, tmp_path, capsys, words, said):
    tokir("export", run, words[0], "--to", words[1], tmp_path / "out", code=2)
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_an_earlier_one_and_nothing_else(run, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    before = {path: file_digest(path) for path in run.rglob("*") if path.is_file()}
    out.mkdir()
    tokir("export", run, STATIC, "--to", "sentence-transformers", out)
    tokir("export", run, STATIC, "--to", "model2vec", out)
    files = json.loads((out / "tokir.json").read_text())["files"]
    assert sorted(files) == sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert not (out / "1_Normalize").exists()
    (out / "mine.txt").write_text("mine")
    kept = {path: file_digest(path) for path in out.rglob("*") if path.is_file()}
    tokir("export", run, STATIC, "--to", "model2vec", out, code=2)
    assert "holds mine.txt, which is not of an earlier export" in capsys.readouterr().err
    assert {path: file_digest(path) for path in out.rglob("*") if path.is_file()} == kept
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "link").symlink_to(out)
    (out / "mine.txt").unlink()
    tokir("export", run, STATIC, "--to", "sentence-transformers", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (out / "1_Normalize").exists()
    monkeypatch.chdir(tmp_path / "link")
    (out / "inside").mkdir()
    for place, folder in ((".", out), ("..", out / "inside")):
        monkeypatch.chdir(folder)
        tokir("export", run, STATIC, "--to", "model2vec", place, code=2)
        assert "where you are or what that lies in: name another folder" in capsys.readouterr().err
    assert (out / "inside").exists()
    assert {path: file_digest(path) for path in run.rglob("*") if path.is_file()} == before


def test_vectors_that_would_differ_are_noticed_before_the_folder_is_there(run, tmp_path, monkeypatch):
    from tokir.export.source import Source

    right = Source.encode
    monkeypatch.setattr(Source, "encode", lambda source, texts: right(source, texts) + np.float32(2e-5))
    with pytest.raises(TokirError, match=r"vectors would differ by 2\.\de-05, more than 1e-05"):
        open_run(run).export(STATIC, "model2vec", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
