"""Tokenizers from files that were made elsewhere."""

import gc
import json
from pathlib import Path

import pytest

from tokir.config import TokenizerSettings
from tokir.data.sources import absolute
from tokir.errors import TokirError
from tokir.tokenizers import load, train_tokenizer
from tokir.tokenizers.intrinsic import intrinsic_measures


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
    assert intrinsic_measures(spm, passages[:9]).fertility > 1


def test_a_file_that_is_not_a_tokenizer_is_named(tmp_path):
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


def test_a_vocabulary_that_the_library_reads_but_cannot_write_is_one_sentence(tmp_path):
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "ab": 4, "cd": 4}, "merges": ["a b", "c d"]}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": []}))
    with pytest.raises(TokirError, match=r"incomplete.*out of vocabulary"):
        load(tmp_path / "tokenizer.json").spans("ab")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says how much memory is in use")
def test_tokenizers_that_are_let_go_leave_no_memory(tokenizer, passages, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")

    def megabytes() -> float:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    def cut(times: int) -> None:
        for _ in range(times):
            load(tmp_path / "tokenizer.json").encode(passages)

    cut(20)
    before = megabytes()
    cut(60)
    assert megabytes() - before < 30  # each of them once left a megabyte; what is free is not always given back


def test_a_file_is_read_by_the_name_of_its_link_and_called_by_its_folder_in_any_script(tmp_path):
    """As files lie in the cache of a model hub: links to blobs without a suffix."""
    train_tokenizer(["a b c"] * 9, TokenizerSettings(type="bpe", vocabulary_size=257)).save(tmp_path / "blob")
    names = []
    for folder in ("日本", "中文", "snap"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tokenizer.json").symlink_to(tmp_path / "blob")
        settings = TokenizerSettings(type="file", file=str(tmp_path / folder / "tokenizer.json"))
        assert train_tokenizer([], settings).vocabulary_size == 257
        names.append(settings.id)
    assert len(set(names)) == 3 and names[2] == "file-snap"
    (tmp_path / "rows").write_text('{"_id": "a", "text": "x"}\n')
    (tmp_path / "snap/corpus.jsonl").symlink_to(tmp_path / "rows")
    assert absolute(str(tmp_path / "snap/corpus.jsonl")).endswith("snap/corpus.jsonl")
