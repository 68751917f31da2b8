"""How fast a training step is, beside the same step in plain PyTorch; prints a table of ratios.

    python benchmarks/training.py [--rounds 3] [--windows 32] [--device cuda] [--json FILE]

The static models are those of the preset `best` (8,000 entries, the embedded corpus, a teacher of random vectors,
since only time counts), the language models those of `quickstart` (2,000 entries, 16 windows of 128 tokens, bf16
where the processor computes in it; with 32 windows, of `reference`). A peer is the same step in float32, written as
one first writes it: lists of tensors, `embedding_bag`, `cross_entropy`, `torch.optim.Adam`, `nn.LSTM`,
`nn.TransformerEncoder`. It runs in a process of its own in which tokir is not imported, once on one thread and once
on as many as torch takes; the faster one counts. Ours runs on as many threads as a study gives it. Each figure is the
median of the rounds, each of them the median of nine steps. On a GPU only language models are timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import torch_matrix_rate
from ratios import of_speeds, report

PASSAGES, WIDTH, TEACHER, ENTRIES = 5627, 256, 384, 8000
BATCH, TEXTS, GROUPS, GROUP, NEAR = 512, 128, 16, 32, 128
LENGTH, LM_ENTRIES = 128, 2000
STEPS, WARM = 9, 2
STATIC = {"static, taught": BATCH, "static, query encoder": TEXTS}  # pairs of a step
NETWORKS = ("lstm", "transformer")


# -- peers: nothing of tokir ------------------------------------------------------------------------------------------


def peer_static(path: str, data: dict[str, Any]) -> Callable[[], None]:
    """A bag of weighted token vectors that follows a teacher and finds its passage."""
    import torch
    from torch.nn import functional

    taught = path == "static, taught"
    passages, crops = (
        [torch.from_numpy(part) for part in torch_split(data, name)] for name in ("passages", "crops")
    )
    teacher, asked = torch.from_numpy(data["teacher"]), torch.from_numpy(data["asked"])
    table = torch.nn.Parameter(torch.randn(ENTRIES, WIDTH if taught else TEACHER) / 16)
    weight, scale = torch.nn.Parameter(torch.zeros(ENTRIES)), torch.nn.Parameter(torch.tensor(3.0))
    optimizer = torch.optim.Adam([table, weight, scale], lr=1e-3)
    each = len(crops) // len(passages)

    def crop(ids: torch.Tensor, least: int, most: int) -> torch.Tensor:
        size = min(int(torch.randint(least, most + 1, ())), len(ids))
        start = int(torch.randint(0, len(ids) - size + 1, ()))
        return ids[start : start + size]

    def thin(ids: torch.Tensor) -> torch.Tensor:
        kept = torch.rand(len(ids)) >= 0.1
        return ids[kept] if kept.any() else ids[:1]

    def vectors(texts: list[torch.Tensor]) -> torch.Tensor:
        ids = torch.cat(texts)
        starts = torch.tensor([0, *map(len, texts)][:-1]).cumsum(0)
        sums = functional.embedding_bag(
            ids, table, starts, mode="sum", per_sample_weights=weight.exp().index_select(0, ids)
        )
        return functional.normalize(sums, dim=1)

    def divergence(scores: torch.Tensor, wanted: torch.Tensor, dim: int) -> torch.Tensor:
        one, other = torch.log_softmax(wanted, dim), torch.log_softmax(scores, dim)
        return functional.kl_div(other, one, reduction="sum", log_target=True) / scores.shape[1 - dim]

    def loss_of_pairs() -> torch.Tensor:
        seeds = torch.randperm(len(passages))[:GROUPS]
        near = (teacher[seeds] @ teacher.T).topk(NEAR).indices
        chosen = torch.cat([row[torch.randperm(NEAR)[:GROUP]] for row in near]).unique()  # type: ignore[no-untyped-call]
        drawn = chosen * each + torch.randint(each, chosen.shape)
        left = vectors([thin(crops[i]) for i in drawn])
        right = vectors([thin(crop(passages[i], 60, 160)) for i in chosen])
        scores, wanted = left @ right.T * scale.exp(), asked[drawn] @ teacher[chosen].T / 0.03
        own = torch.arange(len(chosen))
        found = functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)
        return (divergence(scores, wanted, 1) + divergence(scores, wanted, 0) + 0.3 * found) / 2

    def loss_of_queries() -> torch.Tensor:
        if torch.rand(()) < 0.5:
            drawn = torch.randperm(len(crops))[:TEXTS]
            texts, own, wanted = [crops[i] for i in drawn], drawn // each, asked[drawn]
        else:
            own = torch.randperm(len(passages))[:TEXTS]
            texts, wanted = [crop(passages[i], 20, 60) for i in own], teacher[own]
        scores = vectors([thin(ids) for ids in texts]) @ teacher.T * scale.exp()
        found = functional.cross_entropy(scores, own)
        found = found + functional.cross_entropy(scores[:, own].T, torch.arange(len(own)))
        return divergence(scores, wanted @ teacher.T / 0.03, 1) + 0.15 * found

    return stepping(optimizer, loss_of_pairs if taught else loss_of_queries)


def torch_split(data: dict[str, Any], name: str) -> list[Any]:
    """The texts of a name, one array each."""
    import numpy as np

    return np.split(data[name], np.cumsum(data[f"{name}_lengths"])[:-1])


def peer_language_model(path: str, data: dict[str, Any], device: str, windows: int) -> Callable[[], None]:
    """Next tokens by torch's own layers."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_default_device(device)
    embedding, output = nn.Embedding(LM_ENTRIES, WIDTH), nn.Linear(WIDTH, LM_ENTRIES)
    if path == "lstm":
        body: nn.Module = nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)
    else:
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
        body = nn.TransformerEncoder(layer, 3, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
    positions = nn.Parameter(torch.zeros(LENGTH, WIDTH))
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
    parameters = [*embedding.parameters(), *body.parameters(), *output.parameters()]
    optimizer = torch.optim.Adam(parameters if path == "lstm" else [*parameters, positions], lr=1e-3)
    stream = torch.from_numpy(data["stream"]).to(device)

    def loss() -> torch.Tensor:
        starts = torch.randint(len(stream) - LENGTH - 1, (windows,), device="cpu").tolist()
        tokens = torch.stack([stream[i : i + LENGTH + 1] for i in starts])
        vectors = embedding(tokens[:, :-1])
        states = body(vectors)[0] if path == "lstm" else body(vectors + positions, mask=mask, is_causal=True)
        return functional.cross_entropy(output(states).flatten(0, 1), tokens[:, 1:].flatten())

    return stepping(optimizer, loss)


def stepping(optimizer: Any, loss: Callable[[], Any]) -> Callable[[], None]:
    """A step down the gradient of ``loss``, clipped."""
    import torch

    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def peer(path: str, file: Path, threads: int, device: str, windows: int) -> float:
    """Seconds of a step."""
    import numpy as np
    import torch

    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    data = dict(np.load(file))
    step = peer_static(path, data) if path in STATIC else peer_language_model(path, data, device, windows)
    times = []
    for _ in range(WARM + STEPS):
        start = time.perf_counter()
        step()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[WARM:])


# -- ours -------------------------------------------------------------------------------------------------------------


def prepared(file: Path, windows: int) -> dict[str, tuple[Callable[[], Any], Any, Any]]:
    """Of each path how its model is built, its objective and its settings; what the peers read is written to a file."""
    import numpy as np

    from tokir.config import ArchitectureSettings, RetrievalSettings, TokenizerSettings, TrainingSettings
    from tokir.data import load
    from tokir.models import build_language_model, build_retriever
    from tokir.retrieval.index import normalize
    from tokir.tokenizers import train_tokenizer
    from tokir.training.distillation import TaughtPairs, query_like
    from tokir.training.language_model import LanguageModelObjective
    from tokir.training.pairs import TokenisedPassages
    from tokir.training.query_distillation import TaughtTexts
    from tokir.training.retrieval import RetrievalObjective, ValidationPool
    from tokir.training.texts import Texts

    corpus = load("wiki").corpus
    records = [corpus.record(index) for index in range(min(PASSAGES, len(corpus)))]
    titles, texts = [r.title for r in records], [r.text for r in records]
    tokenizer = train_tokenizer(
        texts, TokenizerSettings(vocabulary_size=ENTRIES, lowercase=True, prefix_space=True)
    )
    rng = np.random.default_rng(0)
    crops, owners = query_like(titles, texts, 8, 0)
    asked, teacher = (
        normalize(rng.normal(size=(n, TEACHER)).astype(np.float32)) for n in (len(crops), len(texts))
    )
    passages = TokenisedPassages(tokenizer, titles, texts)
    wholes = [f"{title} {text}" for title, text in zip(titles, texts, strict=True)]

    def encode(some: Any) -> Texts:
        return Texts.of(tokenizer.encode(some))

    pool = ValidationPool(Texts.of([]), [], [])
    settings = RetrievalSettings()
    taught = TaughtPairs(
        passages,
        encode(crops),
        owners,
        settings.passage_tokens,
        (asked, teacher),
        GROUP,
        settings.passage_parts,
        settings.part_tokens,
    )
    read = TaughtTexts(crops, [[owner] for owner in owners], (asked, teacher), encode)
    own = TaughtTexts(wholes, [[i] for i in range(len(texts))], (teacher, teacher), encode, parts=(20, 60))
    large, small = (ArchitectureSettings(steps=9, batch_size=size) for size in (BATCH, TEXTS))
    fixed = RetrievalSettings(dimensions=TEACHER)
    jobs: dict[str, tuple[Callable[[], Any], Any, Any]] = {
        "static, taught": (
            lambda: build_retriever("static", ENTRIES, settings, 1),
            RetrievalObjective(passages, [(taught, 1.0)], pool, settings, large, False, 10**9, 0.3),
            settings,
        ),
        "static, query encoder": (
            lambda: build_retriever("static", ENTRIES, fixed, 1),
            RetrievalObjective(
                passages, [(read, 0.5), (own, 0.5)], pool, fixed, small, False, 10**9, 0.3, teacher
            ),
            fixed,
        ),
    }
    training = TrainingSettings(
        epochs=1, batch_size=windows, sequence_length=LENGTH, dropout=0.0, precision="auto"
    )
    words = train_tokenizer(texts, TokenizerSettings(vocabulary_size=LM_ENTRIES))
    for kind in NETWORKS:
        jobs[kind] = (
            lambda kind=kind: build_language_model(kind, LM_ENTRIES, training),  # type: ignore[misc]
            LanguageModelObjective(words, texts[:2000], texts[:4], training, ArchitectureSettings.of(kind)),
            training,
        )
    laid = {"passages": encode(wholes), "crops": encode(crops)}
    arrays: dict[str, Any] = {name: part.ids for name, part in laid.items()}
    arrays |= {f"{name}_lengths": part.lengths for name, part in laid.items()}
    stream = jobs["lstm"][1].stream.astype(np.int64)
    np.savez(file, teacher=teacher, asked=asked, stream=stream, **arrays)
    return jobs


def ours(path: str, job: tuple[Callable[[], Any], Any, Any], device: str) -> float:
    """Seconds of a step."""
    import torch

    from tokir.threads import computing_on, training_threads
    from tokir.training.loop import seconds_per_step

    build, objective, settings = job
    with computing_on(training_threads(path in STATIC, torch.get_num_threads())):
        return seconds_per_step(build, objective, settings, torch.device(device), 0)


def theirs(path: str, file: Path, device: str, windows: int) -> float:
    """Seconds of a step of the peer: on one thread or on torch's own number of them, whichever is faster."""
    from tokir.threads import SHORTLY

    clean = {name: value for name, value in os.environ.items() if name not in SHORTLY}
    times = []
    for threads in ("1", "0") if device == "cpu" else ("0",):
        words = [sys.executable, __file__, "--peer", path, str(file), threads, "--device", device]
        words += ["--windows", str(windows)]
        times.append(float(subprocess.run(words, env=clean, capture_output=True, text=True, check=True).stdout))
    return min(times)


def rate(threads: int, device: str, precision: str) -> float:
    """Operations a second of products of matrices on so many threads, in 10^9."""
    from tokir.threads import computing_on

    with computing_on(threads):
        return torch_matrix_rate(device, precision)


def operations(path: str, windows: int) -> float:
    """Of a step of a language model, in its matrix products; its gradient takes twice as many as its value."""
    weights = {"lstm": 2 * 8 * WIDTH**2, "transformer": 3 * (12 * WIDTH**2 + LENGTH * WIDTH)}
    return 3 * 2 * (weights[path] + WIDTH * LM_ENTRIES) * windows * LENGTH


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=16, help="in a batch of a language model")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="train there")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        path, name, threads = given.peer
        print(peer(path, Path(name), int(threads), given.device, given.windows))
        return
    import torch

    from tokir.training.device import resolve_precision

    device, ratios = given.device, []
    precision = resolve_precision("auto", torch.device(device))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        jobs = prepared(file, given.windows)
        threads = sorted({1, torch.get_num_threads()}) if device == "cpu" else [1]
        rates = {kind: max(rate(n, device, kind) for n in threads) for kind in sorted({"fp32", precision})}
        print("matrix products: " + ", ".join(f"{r:,.0f} GFLOP/s in {kind}" for kind, r in rates.items()))
        for path in ([*STATIC] if device == "cpu" else []) + [*NETWORKS]:
            pairs = [
                (ours(path, jobs[path], device), theirs(path, file, device, given.windows))
                for _ in range(given.rounds)
            ]
            mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
            name, amount, unit, share = path, STATIC.get(path, given.windows * LENGTH), "pairs/s", None
            if path in NETWORKS:
                share = operations(path, given.windows) / mine / 1e9 / rates[precision]
                name, unit = path + ", bf16" * (precision == "bf16"), "tokens/s"
            ratios.append(of_speeds(name, "plain PyTorch", amount / mine, amount / other, unit, share))
    report(ratios, given.json)


if __name__ == "__main__":
    main()
