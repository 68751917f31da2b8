"""BM25 over the tokens of a tokenizer: its index, made where it is missing, and its row."""

from __future__ import annotations

from pathlib import Path

from tokir.artifacts import Names
from tokir.results.records import System as Row
from tokir.retrieval.bm25 import K1, B, BM25Index, Postings
from tokir.retrieval.files import LexicalFiles
from tokir.retrieval.terms import tokens_of
from tokir.study.context import Context
from tokir.study.tokenizers import Tokenizers
from tokir.systems import LexicalSystem


def lexical_files(system: LexicalSystem, context: Context, tokenizers: Tokenizers) -> LexicalFiles:
    """Index the passages; Unavailable where the tokenizer knows nothing in them."""
    index, tokenizer = Names.index(system.id), tokenizers.get(system.tokenizer)
    corpus = context.dataset.corpus
    context.keep_passages()

    def make(folder: Path) -> None:
        postings = Postings((document.passage for document in corpus.records()), tokens_of(tokenizer))
        BM25Index.of(postings, context.opener.tie_order).save(folder)

    inputs = {"corpus": corpus.checksum, "tokenizer": tokenizers.key(system.tokenizer), "k1": K1, "b": B}
    context.folder.ensure_folder(index, inputs, make)
    return LexicalFiles(index, tokenizers.file(system.tokenizer))


def lexical_row(system: LexicalSystem) -> Row:
    """What it is, but for its tokenizer."""
    return Row(
        id=system.id,
        kind="lexical",
        title="BM25 over tokens",
        architecture="bm25",
        architecture_label=f"matches tokens, k1 {K1:g}, b {B:g}; nothing is trained",
    )
