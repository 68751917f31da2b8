"""Small tokenizers as others make them: one of each family whose files are read."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import sentencepiece

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LETTERS = sorted({chr(i) for i in range(33, 127)} | set("éüß語本"))
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def bert(passages):
    """BertNormalizer and WordPiece, as of bert-base-uncased: white space and accents are lost."""
    hf = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    hf.normalizer = normalizers.BertNormalizer()
    hf.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    hf.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    hf.train_from_iterator(
        passages, trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False)
    )
    hf.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", hf.token_to_id("[CLS]")), ("[SEP]", hf.token_to_id("[SEP]"))]
    )
    hf.enable_truncation(8)
    hf.enable_padding(length=16)
    return hf


def gpt2(passages, prefix_space=False):
    """Byte-level BPE; with a prefix space as RoBERTa has it."""
    hf = Tokenizer(models.BPE())
    hf.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    hf.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    hf.train_from_iterator(
        passages,
        trainers.BpeTrainer(
            vocab_size=600, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    return hf


def _llama(passages):
    """BPE over marked spaces with bytes for what is rare."""
    special = ["<unk>", "<s>", "</s>"]
    hf = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    hf.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=[*special, *BYTES], initial_alphabet=LETTERS, show_progress=False
    )
    # Trained over words; the real ones then cut whole texts.
    hf.pre_tokenizer = pre_tokenizers.Split(Regex("(?=▁)"), "isolated")
    hf.train_from_iterator(passages, trainer)
    hf.pre_tokenizer = None
    stored = json.loads(hf.to_str())
    stored["added_tokens"] = [token for token in stored["added_tokens"] if token["content"] in special]
    hf = Tokenizer.from_str(json.dumps(stored))
    hf.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return hf


def llama(passages):
    """As of Llama 2: the normalizer puts the space before a text."""
    return _llama(passages)


def llama_metaspace(passages):
    """As later conversions of it: Metaspace does."""
    hf = _llama(passages)
    hf.normalizer = None
    hf.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    return hf


def gemma(passages):
    """No space before a text."""
    hf = _llama(passages)
    hf.normalizer = normalizers.Replace(" ", "▁")
    hf.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return hf


def t5(passages):
    """Unigram over words: white space is lost."""
    special = ["<pad>", "</s>", "<unk>"]
    hf = Tokenizer(models.Unigram())
    hf.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    hf.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", prepend_scheme="always")]
    )
    hf.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    hf.train_from_iterator(
        copy.copy(passages),
        trainers.UnigramTrainer(
            vocab_size=600,
            special_tokens=special,
            unk_token="<unk>",
            initial_alphabet=LETTERS,
            show_progress=False,
        ),
    )
    return hf


FAMILIES = {
    "bert": bert,
    "gpt2": gpt2,
    "roberta": lambda passages: gpt2(passages, prefix_space=True),
    "llama": llama,
    "llama-metaspace": llama_metaspace,
    "gemma": gemma,
    "t5": t5,
}
SENTENCEPIECE = {
    "spm-unigram": {"model_type": "unigram"},
    "spm-bytes": {"model_type": "bpe", "byte_fallback": True, "vocab_size": 700},
    "spm-identity": {
        "model_type": "unigram",
        "byte_fallback": True,
        "vocab_size": 700,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
    },
    "spm-symbols": {"model_type": "unigram", "user_defined_symbols": ["[SEP]"], "control_symbols": ["<ctl>"]},
}
LOSSLESS = ("gpt2", "roberta", "llama", "llama-metaspace", "gemma", "spm-bytes", "spm-identity")
"""Those that lose nothing of any text that they have normalized."""


def save(name: str, passages: list[str], folder: Path) -> Path:
    """The file of a family, trained on ``passages``."""
    if name in FAMILIES:
        path = folder / f"{name}.json"
        FAMILIES[name](passages).save(str(path))
        return path
    settings = {"vocab_size": 500, **SENTENCEPIECE[name]}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(passages), model_prefix=str(folder / name), minloglevel=3, **settings
    )
    return folder / f"{name}.model"
