"""What tokir costs over the bare libraries below it, measured in the same run; prints one line per job.

    python benchmarks/overheads.py

Each job is done by tokir and by its peer, alternating, on the embedded data; the ratio is that of the medians. Below
1.10 tokir costs less than a tenth over the library.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from indexes import exact_index

from tokir.config import ArchitectureSettings, TokenizerSettings, TrainingSettings
from tokir.data import load
from tokir.models import build_language_model
from tokir.progress import Silent
from tokir.retrieval.ranking import descending, inverse
from tokir.tokenizers import train_tokenizer
from tokir.training.language_model import LanguageModelObjective
from tokir.training.loop import train

ROUNDS = 7
ALPHABET = 131  # characters that tokir's WordPiece keeps of these texts


def main() -> None:
    """Run every job."""
    texts = load("wiki").corpus.passages(0, 5000)
    print(f"{'job':<42} {'tokir':>9} {'peer':>9} {'ratio':>7}")
    for kind in ("bpe", "wordpiece-bpe", "unigram"):
        settings = TokenizerSettings(type=kind)
        report(f"{kind} of 2,000, training", partial(train_tokenizer, texts, settings), PEERS[kind](texts), ROUNDS)
    report("LSTM, 40 training steps", *lstm(texts), 3)
    report("MiniLM, 256 passages", *minilm(texts[:256]), 3)
    report("exact search, one query, 100 times", *search(), ROUNDS)


def report(job: str, ours: Callable[[], Any], peer: Callable[[], Any], rounds: int) -> None:
    """Time both, alternating."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for taken, work in zip(times, (ours, peer), strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    mine, theirs = (statistics.median(values) for values in times)
    print(f"{job:<42} {mine:>8.3f}s {theirs:>8.3f}s {mine / theirs:>7.2f}", flush=True)


def bare_bpe(texts: list[str]) -> Callable[[], Any]:
    """HF tokenizers: ByteLevelBPETokenizer."""
    from tokenizers import ByteLevelBPETokenizer

    def work() -> None:
        ByteLevelBPETokenizer().train_from_iterator(texts, vocab_size=2000, show_progress=False)

    return work


def bare_wordpiece(texts: list[str]) -> Callable[[], Any]:
    """HF tokenizers: its WordPiece trainer, whose vocabulary differs from one training to the next.

    With the alphabet of tokir's, so that both merge as often.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    def work() -> None:
        hf = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        hf.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=2000, limit_alphabet=ALPHABET, special_tokens=["[SEP]", "[UNK]"], show_progress=False
        )
        hf.train_from_iterator(texts, trainer)

    return work


def bare_unigram(texts: list[str]) -> Callable[[], Any]:
    """Sentencepiece with the settings that matter for time: threads, steps of EM, all sentences."""
    import sentencepiece

    def work() -> None:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=io.BytesIO(),
            model_type="unigram",
            vocab_size=2000,
            byte_fallback=True,
            normalization_rule_name="identity",
            max_sentence_length=1 << 30,
            num_threads=2,
            num_sub_iterations=1,
            minloglevel=3,
        )

    return work


PEERS = {"bpe": bare_bpe, "wordpiece-bpe": bare_wordpiece, "unigram": bare_unigram}


def lstm(texts: list[str]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The one training loop against the shortest loop in PyTorch, same model, same batches."""
    tokenizer = train_tokenizer(texts, TokenizerSettings())
    settings = TrainingSettings(epochs=1)
    objective = LanguageModelObjective(tokenizer, texts, texts[:4], settings, ArchitectureSettings.of("lstm"))
    objective.steps, objective.steps_per_validation = 40, 10**9

    def build() -> Any:
        return build_language_model("lstm", tokenizer.vocabulary_size, settings)

    def ours() -> None:
        with TemporaryDirectory() as folder:
            train(
                build,
                objective,
                settings,
                Path(folder) / "model",
                about={"architecture": "lstm", "objective": "lm"},
                seed=0,
                device=torch.device("cpu"),
                progress=Silent(),
                inputs={},
            )

    def peer() -> None:
        torch.manual_seed(0)
        model = build()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        for batch in objective.batches(0, 0)[:40]:
            optimizer.zero_grad(set_to_none=True)
            objective.loss(model, batch).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return ours, peer


def minilm(texts: list[str]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The pretrained encoder against sentence-transformers on its own."""
    from sentence_transformers import SentenceTransformer

    from tokir.encoders.pretrained import find_weights, load_pretrained

    encoder = load_pretrained("minilm", device=torch.device("cpu"))
    bare = SentenceTransformer(str(find_weights("minilm", None)), device="cpu")
    return lambda: encoder.embed(encoder.tokenize(texts)), lambda: bare.encode(texts, batch_size=32)


def search() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The exact index against a product and a partial sort in numpy."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(7247, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = vectors[:100]
    index = exact_index(vectors, inverse(descending([str(i) for i in range(len(vectors))])))

    def peer() -> None:
        for query in queries:
            scores = vectors @ query
            best = np.argpartition(-scores, 10)[:10]
            best[np.argsort(-scores[best])]

    return lambda: [index.search(query[None], 10) for query in queries], peer


if __name__ == "__main__":
    main()
