"""Valid input to change: a small data set, a finished run over it, the same with additions, tokenizers."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

SETTINGS = {
    "architectures": ["static"],
    "objectives": {"static": ["contrastive"]},
    "poolings": ["learned", "learned-white", "maxsim"],
    "tokenizers": [{"type": "bpe", "vocabulary_size": 300}],
    "training.documents": 30,
    "models": {"static": {"steps": 3, "batch_size": 16}},
    "retrieval.validations": 1,
    "retrieval.dimensions": 32,
    "baselines": ["bm25"],
    "fusions": [{"method": "rrf", "systems": ["bpe-300.static.contrastive.learned.s0", "bm25"]}],
    "evaluation.bootstrap": 100,
    "evaluation.latency_queries": 2,
}
KINDS: dict[str, dict[str, Any]] = {
    "bpe": {},
    "wordpiece-bpe": {},
    "unigram": {"vocabulary_size": 500},
    "word": {"stemming": "english", "stop_words": "english"},
    "byte": {"vocabulary_size": 257},
    "ngram": {},
    "character": {"hashed": True, "vocabulary_size": 64},
}


def prepare(folder: Path) -> None:
    """Make everything in an empty folder; some seconds."""
    from tokir import Study, add_passages, load_config, load_dataset

    folder.mkdir(parents=True, exist_ok=True)
    write_data(folder)
    (folder / "set").rename(folder / "data")
    values = {"data.source": str(folder / "data"), **SETTINGS}
    config = load_config("quickstart", [f"{key}={json.dumps(value)}" for key, value in values.items()])
    Study(config, folder / "run").run()
    for copy in ("grown", "served"):
        shutil.copytree(folder / "run", folder / copy)
    add_passages(folder / "grown", folder / "more/corpus.jsonl")
    texts = load_dataset("wiki").corpus.passages(0, 80)
    _tokenizers(folder / "tokenizers", [text[:120] for text in texts])


def write_data(folder: Path) -> None:
    """Sixty short passages with judged queries in ``set``, and twenty more passages in ``more``."""
    from tokir import load_dataset
    from tokir.data import beir

    wiki = load_dataset("wiki")
    documents = [document._replace(text=document.text[:80]) for document in wiki.corpus.records(0, 80)]
    ids = {document.id for document in documents[:60]}
    judged = {query: row for split in wiki.qrels.values() for query, row in split.items() if row.keys() <= ids}
    for name in ("set", "more"):
        (folder / name).mkdir(parents=True)
    beir.write(folder / "set", documents[:60], {query: wiki.queries[query] for query in judged}, {"test": judged})
    beir.write_documents(folder / "more", documents[60:])


def _tokenizers(folder: Path, texts: list[str]) -> None:
    import sentencepiece

    from tokir.config import TokenizerSettings
    from tokir.tokenizers import train_tokenizer

    folder.mkdir()
    for kind, more in KINDS.items():
        name = "code-points" if more.get("hashed") else kind
        settings = TokenizerSettings(**{"type": kind, "vocabulary_size": 300, **more})
        train_tokenizer(texts, settings).save(folder / f"{name}.json")
    for kind in ("bpe", "unigram"):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type=kind,
            vocab_size=600,
            byte_fallback=kind == "bpe",
            hard_vocab_limit=False,
            minloglevel=2,
            num_threads=1,
        )
        (folder / f"{kind}.model").write_bytes(model.getvalue())
