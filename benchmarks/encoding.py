"""Texts to vectors, many at once and one at a time, beside the libraries that one would use instead.

    python benchmarks/encoding.py runs/quickstart-wiki

Takes the first static system over BPE, the first LSTM and the first Transformer of a run. `bulk` is from passages
to a file of vectors, as a study embeds them: all of the run for the static system, and for networks the same as
for MiniLM, drawn evenly, which is asked at the batch size that is fastest for it, and read by tokir too. model2vec
has the same table and tokenizer, torch the same networks. A tokenizer remembers the words that it has cut, and in a
study it has read the passages for the training before they are embedded. *First reading* is by a tokenizer that has
not; its loading is included. On a processor that computes in bf16, networks and
MiniLM are also read in that precision, as the presets read passages there; the peer is as it comes. `one query` is
a query of the run from its words to the ten best passages; behind MiniLM the same index searches as many vectors
of its width. Jobs take turns, and of each job, or each query, the best of a few rounds counts, which other
programs disturb least. The last column is the share of the rate at which this machine multiplies matrices.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from latency import first_page
from machine import matrix_rate, torch_matrix_rate
from minilm import answering, sentence_transformer
from ratios import Ratio, of_speeds, of_times, report, seconds

from tokenizers import Tokenizer
from tokir import Run, open_run
from tokir.encoders.files import NetworkFiles, StaticFiles
from tokir.encoders.pretrained import load_pretrained
from tokir.encoders.runtime import RuntimeEncoder
from tokir.encoders.static import StaticEncoder
from tokir.encoders.store import embed_corpus
from tokir.progress import Silent
from tokir.retrieval.files import DenseFiles
from tokir.retrieval.searchers import DenseSearcher
from tokir.study.embeddings import Texts
from tokir.tokenizers.huggingface import HuggingFaceTokenizer
from tokir.training.device import resolve_precision

BATCH_SIZES = (8, 16, 32, 64)
KINDS = ("static", "lstm", "transformer")


def main() -> None:
    """Print one line per path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run with a static system, an LSTM and a Transformer")
    parser.add_argument("--sample", type=int, default=256, help="passages that networks and MiniLM encode")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    run = open_run(asked.run)
    systems = {kind: name for kind in KINDS if (name := system(run, kind))}
    sample = np.linspace(0, len(run.passages) - 1, min(asked.sample, len(run.passages))).astype(int).tolist()
    queries = [line.split("\t", 1)[1] for line in (asked.run / "queries.tsv").read_text("utf-8").splitlines()]
    minilm = sentence_transformer()
    records = [
        *bulk(run, systems, minilm, run.passages.select(sample), asked.rounds),
        *one_query(run, systems, minilm, queries[: asked.queries], asked.rounds),
    ]
    report(records, asked.json)


def system(run: Run, kind: str) -> str | None:
    """The first system of a kind: static over BPE, or with a network of an architecture."""
    for name in run.systems:
        found = run._opener.files.get(name)
        if not isinstance(found, DenseFiles) or found.index_kind != "exact":
            continue
        encoder = found.encoder
        if isinstance(encoder, StaticFiles) and kind == "static" and name.startswith("bpe"):
            return name
        if isinstance(encoder, NetworkFiles) and encoder.read(run._opener).architecture == kind:
            return name
    return None


def files(run: Run, name: str) -> Any:
    """The files of a system's encoder."""
    found: Any = run._opener.files[name]
    return found.encoder


# -- many texts -----------------------------------------------------------------------------------------------


def bulk(run: Run, systems: dict[str, str], minilm: Any, sample: list[str], rounds: int) -> list[Ratio]:
    """Passages a second of each system, of MiniLM, and where it is static of model2vec; of its tokenizer alone."""
    passages, rate = run.passages.passages(0, len(run.passages)), {"": matrix_rate()}
    encoders: dict[str, Any] = {kind: run._opener.encoder(files(run, name)) for kind, name in systems.items()}
    encoders |= {"MiniLM in tokir": load_pretrained("minilm")}
    encoders |= {f"{kind}, torch": in_torch(run, name) for kind, name in systems.items() if kind != "static"}
    halves: dict[str, Any] = {}
    if resolve_precision("auto", torch.device("cpu")) == "bf16":
        halves = {f"{kind}, bf16": in_bf16(run, name) for kind, name in systems.items() if kind != "static"}
        halves["MiniLM in tokir, bf16"] = encoders["MiniLM in tokir"]
        rate[", bf16"] = torch_matrix_rate("cpu", "bf16")
    corpus: dict[str, Any] = dict.fromkeys(encoders | halves, Texts(sample))
    corpus |= dict.fromkeys(("static", "static, anew"), run.passages)
    size = max(BATCH_SIZES, key=lambda size: 1 / seconds(lambda: minilm.encode(sample[:64], batch_size=size)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def embed(kind: str, encoder: Any) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=kind in halves):
                embed_corpus(encoder, corpus[kind], folder / "vectors.npy", "", "", Silent())

        jobs: dict[str, Callable[[], Any]] = {
            kind: partial(embed, kind, encoder) for kind, encoder in (encoders | halves).items()
        }
        jobs["minilm"] = lambda: minilm.encode(sample, batch_size=size)
        if "static" in systems:
            other = model2vec(run, systems["static"], folder / "model2vec")
            jobs["model2vec"] = lambda: other.encode(passages, max_length=None)
            path = run._opener.file(files(run, systems["static"]).tokenizer)
            known, bare = HuggingFaceTokenizer.load(path), Tokenizer.from_file(str(path))
            table, new = encoders["static"].table, partial(HuggingFaceTokenizer.load, path)
            jobs["static, anew"] = lambda: embed("static, anew", StaticEncoder(table, new()))
            jobs["tokens, anew"] = lambda: new().encode(passages)
            jobs["tokens"] = lambda: known.encode(passages)
            jobs["HF"] = lambda: [text.ids for text in bare.encode_batch_fast(passages, add_special_tokens=False)]
        best = in_turn(jobs, rounds)
    count = {name: len(corpus.get(name, sample if name == "minilm" else passages)) for name in jobs}
    speed = {name: count[name] / taken for name, taken in best.items()}
    records = []

    def add(path: str, ours: str, peer: str, theirs: str, limit: float | None = None) -> None:
        records.append(of_speeds(path, peer, speed[ours], speed[theirs], "passages/s", limit))

    def share(kind: str, precision: str) -> float:
        return speed[kind + precision] * work[kind] / 1e9 / rate[precision]

    work = {  # of a passage
        kind: sum(map(len, encoders[kind].tokenize(sample))) / len(sample) * operations(run, name)
        for kind, name in systems.items()
        if kind != "static"
    }
    pretrained = f"MiniLM, batches of {size}"
    for kind in systems:
        of_rate = share(kind, "") if isinstance(encoders[kind], RuntimeEncoder) else None
        add(f"bulk, {kind}", kind, pretrained, "minilm", of_rate)
        if kind != "static":
            add(f"bulk, {kind}", kind, "the same network by torch", f"{kind}, torch")
        if (half := f"{kind}, bf16") in halves:
            add(f"bulk, {half}", half, pretrained, "minilm", share(kind, ", bf16"))
    for ours in ("MiniLM in tokir", "MiniLM in tokir, bf16"):
        if ours in speed:
            add(f"bulk, {ours}", ours, pretrained, "minilm")
    if "static" in systems:
        add("bulk, static, first reading", "static, anew", pretrained, "minilm")
        for end, ours in (("", ""), (", first reading", ", anew")):
            add(f"bulk, static{end}", f"static{ours}", "model2vec, same table", "model2vec")
            add(f"tokens, BPE{end}", f"tokens{ours}", "HF tokenizers", "HF")
    return records


def in_torch(run: Run, name: str) -> Any:
    """The encoder of a network as torch computes it."""
    return files(run, name).open_in_torch(run._opener)


def in_bf16(run: Run, name: str) -> Any:
    """The encoder of a network as torch computes it in bf16."""
    return files(run, name).open_in_bf16(run._opener)


def operations(run: Run, name: str) -> float:
    """Multiplications and additions that the matrices of a network need for a token; attention comes on top."""
    arrays = files(run, name).read(run._opener).network
    tables = ("embedding.weight", "position.weight", "output.weight")
    return float(sum(2 * array.size for name, array in arrays.items() if array.ndim > 1 and name not in tables))


def model2vec(run: Run, name: str, folder: Path) -> Any:
    """The static system in model2vec."""
    from model2vec import StaticModel

    run.export(name, "model2vec", folder)
    return StaticModel.from_pretrained(folder)


# -- one query ------------------------------------------------------------------------------------------------


def one_query(run: Run, systems: dict[str, str], minilm: Any, queries: list[str], rounds: int) -> list[Ratio]:
    """Milliseconds of a query, the median over all, for each system and for MiniLM."""
    searchers: dict[str, Any] = {kind: run._opener.searcher(name) for kind, name in systems.items()}
    for kind, name in systems.items():
        if kind != "static":
            own = searchers[kind]
            searchers[f"{kind}, torch"] = DenseSearcher(in_torch(run, name), own.index, own.transform)
    ask: dict[str, Callable[[str], Any]] = {
        name: partial(first_page, searcher) for name, searcher in searchers.items()
    }
    ask["minilm"] = answering(run, minilm)
    times: dict[str, dict[str, float]] = {name: {} for name in ask}
    for _ in range(rounds + 1):  # the first warms up
        for name, answer in ask.items():
            for query in queries[:: 10 if name == "minilm" else 1]:
                taken = seconds(partial(answer, query))
                times[name][query] = min(taken, times[name].get(query, taken))
    p50 = {name: 1000 * statistics.median(values.values()) for name, values in times.items()}
    peers = {kind: {"MiniLM": "minilm", "the same network by torch": f"{kind}, torch"} for kind in systems}
    return [
        of_times(f"one query, {kind}", peer, p50[kind], p50[theirs], "ms, p50")
        for kind in systems
        for peer, theirs in peers[kind].items()
        if theirs in p50
    ]


# -- the clock ------------------------------------------------------------------------------------------------


def in_turn(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of each job, the best of all rounds; the jobs take turns."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, work in jobs.items():
            times[name].append(seconds(work))
    return {name: min(values) for name, values in times.items()}


if __name__ == "__main__":
    main()
