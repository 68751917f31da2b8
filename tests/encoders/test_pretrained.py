"""The real loading and pooling code, on small random weights of exactly the baselines' model classes."""

import errno
import logging
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from small_models import TEXTS, make_byt5, make_canine, make_roberta
from tokir.cli.terminal import errors_as_sentences
from tokir.encoders import pretrained
from tokir.encoders.hub import snapshot
from tokir.encoders.model2vec import Model2VecEncoder
from tokir.encoders.pretrained import load_pretrained, quiet
from tokir.encoders.registry import PRETRAINED
from tokir.errors import TokirError, Unavailable

MAKERS = {"canine": make_canine, "roberta": make_roberta, "byt5": make_byt5}
CLASSES = {"canine": "CanineModel", "roberta": "RobertaModel", "byt5": "T5EncoderModel"}


@pytest.mark.parametrize("name", MAKERS)
def test_a_local_folder_is_loaded_and_mean_pooled(name, tmp_path):
    torch.manual_seed(0)
    MAKERS[name](tmp_path / name)
    encoder = load_pretrained(name, folder=str(tmp_path / name))
    assert type(encoder.model).__name__ == CLASSES[name]
    vectors = encoder.embed(encoder.tokenize(TEXTS))
    assert vectors.shape == (3, 32) and encoder.dimensions == 32
    assert encoder.count(TEXTS) == (0, sum(map(len, encoder.tokenize(TEXTS))), 0)
    # the definition, one text at a time and without padding
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(tmp_path / name)
    for text, vector in zip(TEXTS, vectors, strict=True):
        length = len(reference(text)["input_ids"])
        padded = length + 16 if name == "canine" else length  # what lies beyond a text reaches CANINE's states
        inputs = reference(text, padding="max_length", max_length=padded, return_tensors="pt")
        with torch.no_grad():
            states = encoder.model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        assert_allclose(vector, states.last_hidden_state[0, :length].mean(0).numpy(), atol=1e-5)


def test_what_is_too_long_is_cut_counted_and_still_ends_with_its_special_token(tmp_path):
    make_roberta(tmp_path / "roberta")
    encoder = load_pretrained("roberta", folder=str(tmp_path / "roberta"))
    assert encoder.longest == 128  # two of RoBERTa's positions are never used
    [ids] = encoder.tokenize(["many words " * 90])
    cut = [*ids[:127], encoder.tokenizer.sep_token_id]
    assert np.array_equal(encoder.embed([ids]), encoder.embed([cut]))
    assert encoder.count(["many words " * 90, "few"])[0] == 1


@pytest.mark.parametrize("name", MAKERS)
def test_a_special_token_in_a_text_is_text(name, tmp_path):
    MAKERS[name](tmp_path / name)
    encoder = load_pretrained(name, folder=str(tmp_path / name))
    special = set(encoder.tokenizer.all_special_ids) - {encoder.tokenizer.unk_token_id}
    [ids], [plain] = (encoder.tokenize([text]) for text in ("a</s>b<pad>[SEP]", "ab"))
    assert sum(i in special for i in ids) == sum(i in special for i in plain)  # those put around every text


def test_a_special_token_in_a_text_is_text_for_model2vec_too(tmp_path):
    model2vec = pytest.importorskip("model2vec")
    pytest.importorskip("skeletoken")
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[SEP]": 1, "[": 2, "SEP": 3, "]": 4}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Punctuation()
    tokenizer.add_special_tokens(["[UNK]", "[SEP]"])
    model2vec.StaticModel(np.eye(5, dtype=np.float32), tokenizer).save_pretrained(str(tmp_path))
    [vector] = Model2VecEncoder(tmp_path).embed(["[SEP]"])
    assert (vector > 0).tolist() == [False, False, True, True, True]


def test_missing_weights_name_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"not on this machine.*--download.*google/canine-s.*pretrained_folders"):
        load_pretrained("canine")
    with pytest.raises(TokirError, match=r"pretrained_folders\.byt5: .* holds no config\.json"):
        load_pretrained("byt5", folder=str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TokirError, match=r"pretrained_folders\.roberta: .* holds no weights as safetensors"):
        load_pretrained("roberta", folder=str(tmp_path))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(TokirError, match="no RoBERTa base can be read from it"):
        load_pretrained("roberta", folder=str(tmp_path))


def test_whatever_a_download_ends_in_is_one_sentence(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise Refused("403 Forbidden")

    class Refused(Exception):
        """As a proxy's refusal in whichever library of the network."""

    monkeypatch.setattr("huggingface_hub.snapshot_download", refused)
    with pytest.raises(Unavailable, match=r"its download failed \(Refused\).*names a local folder"):
        load_pretrained("canine", download=True)


def test_a_download_that_fills_the_disk_is_no_fault_of_the_network(monkeypatch):
    def full(*_, **__):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise RuntimeError("data processing error") from error

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(OSError, match="No space left"):
        snapshot("google/canine-s", ["*"], True, "pretrained_folders.canine=FOLDER")


def test_damaged_weights_of_a_named_folder_are_an_error_and_a_half_filled_cache_is_not(tmp_path, monkeypatch):
    make_canine(tmp_path / "canine")
    weights = tmp_path / "canine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(TokirError, match="no CANINE-S can be read from it") as error:
        load_pretrained("canine", folder=str(tmp_path / "canine"))
    assert not isinstance(error.value, Unavailable)
    monkeypatch.setattr(pretrained, "find_weights", lambda *_: tmp_path / "canine")
    with pytest.raises(Unavailable, match="no CANINE-S can be read from it"):
        load_pretrained("canine")


def test_minilm_equals_sentence_transformers_and_its_weights_are_checked(passages, monkeypatch):
    package = pytest.importorskip(PRETRAINED["minilm"].package)
    encoder = load_pretrained("minilm")
    assert encoder.num_parameters() == pytest.approx(22.7e6, rel=0.01)
    texts = [*passages[:6], "a short one", " ".join(passages[:5])]  # the last is longer than it reads
    vectors = encoder.embed(encoder.tokenize(texts))
    expected = package.load_model(device="cpu").encode(texts, normalize_embeddings=True)
    assert_allclose(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), expected, atol=1e-4)
    assert encoder.count(texts)[0] == 1
    other = replace(PRETRAINED["minilm"], sha256="0" * 64)
    monkeypatch.setitem(PRETRAINED._entries, "minilm", other)
    with pytest.raises(TokirError, match="not the official weights"):
        load_pretrained("minilm")


@pytest.mark.parametrize("enabled", [True, False])
def test_progress_bars_of_the_libraries_are_given_back_as_they_were(enabled):
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    try:
        (logging.enable_progress_bar if enabled else logging.disable_progress_bar)()
        with pytest.raises(RuntimeError), quiet():
            assert not logging.is_progress_bar_enabled()
            raise RuntimeError
        assert logging.is_progress_bar_enabled() == enabled
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()


def test_one_thread_at_a_time_keeps_the_libraries_quiet_and_gives_stderr_back():
    before, inside = sys.stderr, threading.Event()

    def first():
        with quiet(), quiet():
            inside.set()
            time.sleep(0.2)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    with quiet():
        assert not thread.is_alive() or sys.stderr is before
    thread.join()
    assert sys.stderr is before


def test_what_the_program_says_while_a_library_is_kept_quiet_is_heard(capsys):
    with errors_as_sentences(), quiet():
        logging.getLogger("tokir").error("heard")
    assert capsys.readouterr().err == "error: heard\n"
