"""Encoders that sentence-transformers reads: their vectors are the library's, and nothing of theirs is run."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose

from small_models import TEXTS, make_sentence_encoder
from tokir.config import check_config
from tokir.encoders import sentence
from tokir.encoders.named import checksum, load
from tokir.encoders.pretrained import quiet
from tokir.errors import TokirError, Unavailable

library = pytest.importorskip("sentence_transformers")
PROMPTS = {"query": "query: ", "document": "passage: "}
MANY = [
    *TEXTS,
    "",
    "a text of more words than its positions hold " * 9,
    *(f"the number {i}" * 9 for i in range(40)),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "Tiny Encoder_v1.5"
    make_sentence_encoder(folder, PROMPTS)
    return folder


@pytest.fixture
def model(made, tmp_path):
    """A copy, to be changed."""
    shutil.copytree(made, tmp_path / "model")
    return tmp_path / "model"


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def read(folder, texts, side):
    """What the library says itself."""
    with quiet():
        model = library.SentenceTransformer(str(folder), device="cpu")
    return (model.encode_query if side == "query" else model.encode_document)(texts, show_progress_bar=False)


def test_vectors_are_those_of_the_library_on_either_side(made):
    encoder = load(str(made))
    for side, reader in (("query", encoder), ("passage", encoder.of_passages)):
        assert_allclose(reader.embed(reader.tokenize(MANY)), read(made, MANY, side), atol=1e-5)
        assert reader.embed([]).shape == (0, 32)
    queries, passages = encoder.embed(TEXTS), encoder.of_passages.embed(TEXTS)
    assert np.abs(queries - passages).max() > 0.01  # a prompt makes a difference
    assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)  # its own normalisation
    assert encoder.facts() == {
        "parameters": encoder.num_parameters(),
        "dimensions": 32,
        "longest": 64,
        "pooling": "cls",
        "prompts": {"query": "query: ", "passage": "passage: "},
    }


def test_a_prompt_called_passage_is_not_hidden_by_the_empty_one_that_the_library_adds(model):
    change(model / "config_sentence_transformers.json", prompts={"query": "query: ", "passage": "passage: "})
    assert_allclose(
        load(str(model)).of_passages.embed(TEXTS), read(model, [f"passage: {t}" for t in TEXTS], ""), atol=1e-5
    )
    change(model / "config_sentence_transformers.json", prompts={})
    encoder = load(str(model))
    assert np.array_equal(encoder.embed(TEXTS), encoder.of_passages.embed(TEXTS))
    assert encoder.facts()["prompts"] == {"query": "", "passage": ""}


def test_what_is_cut_short_or_unknown_is_counted_after_the_prompt(made):
    encoder = load(str(made)).of_passages
    ids = encoder.model.tokenizer(["passage: a", f"passage: {'a' * 55}"])["input_ids"]
    assert encoder.count(["a", "a" * 55]) == (0 if len(ids[1]) <= 64 else 1, sum(map(len, ids)), 0)
    assert encoder.count(["b" * 70, "naïve 山"])[::2] == (1, 1)


def test_a_folder_without_modules_is_mean_pooled_and_one_without_a_tokenizer_of_transformers_is_not_counted(
    made, tmp_path
):
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    from tokenizers import Tokenizer, models, pre_tokenizers

    bert = made.parent / f"{made.name}-bert"
    assert load(str(bert)).facts()["pooling"] == "mean"
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "one": 1, "two": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    library.SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=4)]).save(
        str(tmp_path / "static")
    )
    encoder = load(str(tmp_path / "static"))
    assert (encoder.longest, encoder.dimensions, encoder.facts()["pooling"]) == (None, 4, None)
    assert_allclose(encoder.embed(["one two"]), read(tmp_path / "static", ["one two"], "query"), atol=1e-6)


def test_a_checksum_is_of_all_that_decides_a_vector(model):
    files = ["config_sentence_transformers.json", "1_Pooling/config.json", "tokenizer.json", "model.safetensors"]
    name, seen = str(model), {checksum(str(model), model)}
    for file in files:
        (model / file).write_bytes((model / file).read_bytes() + b" ")
        seen.add(checksum(name, model))
    assert len(seen) == 1 + len(files)
    (model / "README.md").write_text("other words")
    (model / "onnx").mkdir()
    (model / "onnx/config.json").write_text("{}")
    (model / ".cache").mkdir()
    (model / ".cache/state.json").write_text("{}")
    assert checksum(name, model) in seen


def test_no_code_that_comes_with_a_model_is_run(model, tmp_path):
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\nclass Own:\n    pass\n"
    (model / "modeling_own.py").write_text(code)
    modules = json.loads((model / "modules.json").read_text())
    (model / "modules.json").write_text(json.dumps([modules[0], modules[1] | {"type": "modeling_own.Own"}]))
    with pytest.raises(Unavailable, match=r"needs code of its own \(modeling_own\.Own\), and no code .* is run"):
        load(str(model))
    (model / "modules.json").write_text(json.dumps(modules))
    change(model / "config.json", model_type="own", auto_map={"AutoConfig": "modeling_own.Own"})
    with pytest.raises(Unavailable, match=r"needs code of its own, and no code that comes with a model is run"):
        load(str(model))
    assert not (tmp_path / "ran").exists()


def test_a_pickle_is_not_read(model):
    weights = model / "model.safetensors"
    weights.rename(model / "pytorch_model.bin")
    with pytest.raises(Unavailable, match=r"pytorch_model\.bin: pickled weights are not read.*model\.safetensors"):
        load(str(model))
    (model / "pytorch_model.bin").unlink()
    with pytest.raises(Unavailable, match="holds no weights as safetensors, and pickled weights are not read"):
        load(str(model))


def test_what_is_no_sentence_encoder_or_damaged_is_one_sentence(model, monkeypatch):
    weights = model / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(Unavailable, match=r"model: .*cannot"):
        load(str(model))
    weights.write_bytes(whole)
    change(model / "config_sentence_transformers.json", model_type="SparseEncoder")
    with pytest.raises(Unavailable, match="holds a SparseEncoder, not a model with one vector for each text"):
        load(str(model))
    (model / "modules.json").write_text("{")
    change(model / "config_sentence_transformers.json", model_type="SentenceTransformer")
    with pytest.raises(Unavailable, match=r"modules\.json: damaged"):
        load(str(model))
    with pytest.raises(
        Unavailable, match=r"there is no folder /gone/model: .*pretrained_folders=\{/gone/model: FOLDER\}"
    ):
        load("/gone/model")
    monkeypatch.setattr(sentence, "_LIBRARY", "no_such_library")
    with pytest.raises(Unavailable, match=r"needs the package sentence-transformers: pip install"):
        load("/gone/model")


def test_a_model_of_the_hub_is_read_from_the_local_cache_and_not_fetched_unasked(made, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        Unavailable, match=r"not on this machine: `tokir run \.\.\. --download` fetches some/tiny-v1\.5"
    ):
        load("some/tiny-v1.5")
    commit, repository = "0" * 40, tmp_path / "models--some--tiny-v1.5"
    shutil.copytree(made, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(commit)
    assert np.array_equal(load("some/tiny-v1.5").embed(TEXTS), load(str(made)).embed(TEXTS))
    (repository / "snapshots" / commit / "modules.json").unlink()  # as where transformers alone has fetched it
    with pytest.raises(Unavailable, match=r"holds no modules\.json: run again with --download"):
        load("some/tiny-v1.5")
    assert load("some/other", folder=str(made)).checksum == load(str(made)).checksum


def test_names_of_settings(made, tmp_path, monkeypatch):
    monkeypatch.chdir(made.parent)
    config = check_config(
        {"baselines": ["bm25", made.name, "some/tiny"], "retrieval": {"teacher": f"./{made.name}"}}
    )
    assert config.baselines == ["bm25", str(made.resolve()), "some/tiny"]
    assert config.retrieval.teacher == str(made.resolve())
    again = check_config(config.model_dump(mode="json"))
    assert again == config
    folders = {made.name: "here", "some/tiny": "there", "byt5": "~/byt5"}
    kept = check_config({"pretrained_folders": folders}).pretrained_folders
    assert list(kept) == [str(made.resolve()), "some/tiny", "byt5"]
    assert kept["some/tiny"] == str((made.parent / "there").resolve()) and kept["byt5"].startswith("/")
    (made.parent / "empty").mkdir()
    for values, words in (
        ({"baselines": ["minilmm"]}, "did you mean 'minilm'.*or give a folder or a Hugging Face hub id"),
        ({"retrieval": {"teacher": "minlm"}}, r"retrieval\.teacher: .*did you mean 'minilm'.*hub id"),
        ({"baselines": ["empty"]}, "holds neither modules.json nor config.json"),
        (
            {"baselines": ["one/tiny-v1", "other/Tiny.v1"]},
            "other/Tiny.v1 would be called tiny-v1 .* as one/tiny-v1 is",
        ),
        ({"baselines": ["one/MiniLM"]}, "one/MiniLM would be called minilm .* as minilm is"),
        ({"baselines": ["some/tiny", "some/tiny"]}, "named more than once"),
        ({"baselines": ["/models/日本"]}, "no letter of a to z and no digit"),
    ):
        with pytest.raises(TokirError, match=words):
            check_config(values)
