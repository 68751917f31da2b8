"""Who reads input from elsewhere: each target writes the input where its reader looks for it, and reads.

A reader may refuse with :class:`tokir.errors.TokirError`, or with ``OSError``, which the command line turns into a
sentence; a server answers with a status below 500. Anything else is a finding.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

from fuzzing import mutations as change
from tokir.errors import TokirError

REFUSALS = (TokirError, OSError)
TEXTS = ["history of anarchism, naïve 東京 <|endoftext|>", " a\tb \n"]
QUERY = "history of philosophy"


@dataclass(frozen=True)
class Target:
    """A parser: how valid samples of its input are changed, and what reads them."""

    name: str
    samples: Sequence[bytes]
    mutate: change.Mutation
    read: Callable[[bytes], None]
    share: float = 1.0  # of the inputs that others get, where reading takes longer

    def mutated(self, random: Random) -> bytes:
        """One of the samples, changed once or twice."""
        data = self.mutate(random.choice(self.samples), random)
        return self.mutate(data, random) if random.random() < 0.2 else data

    def tried(self, data: bytes) -> None:
        """Read; whatever is no refusal is raised."""
        with suppress(*REFUSALS):
            self.read(data)


def targets(folder: Path, group: str) -> dict[str, Target]:
    """The targets of one of ``GROUPS``, by name; ``folder`` is one that :func:`fuzzing.samples.prepare` has filled."""
    (folder / "parsed").mkdir(exist_ok=True)
    return {target.name: target for target in GROUPS[group](folder)}


def _file(path: Path, read: Callable[[], Any]) -> Callable[[bytes], None]:
    """Write the input to ``path``, then read."""

    def run(data: bytes) -> None:
        path.write_bytes(data)
        read()

    return run


# -- data sets --------------------------------------------------------------------------------------------


def _data(folder: Path) -> Iterator[Target]:
    from tokir.data import beir, qrels, tables
    from tokir.data.files import Folder
    from tokir.retrieval.ranking import read_run

    data, work = folder / "data", folder / "parsed"
    there, cache = Folder(work), work / "cache"
    corpus, queries, judged = (data / name for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"))
    lines = b"".join(corpus.read_bytes().splitlines(keepends=True)[:5])
    rows = [json.loads(line) for line in lines.splitlines()]

    def documents(name: str) -> Callable[[], Any]:
        return lambda: list(tables.documents(tables.Table(there, name)))

    def table(separator: str) -> bytes:
        cells = [["_id", "title", "text"], *([row[name] for name in ("_id", "title", "text")] for row in rows)]
        quote = '"' if separator == "," else ""
        return "\n".join(separator.join(f"{quote}{cell}{quote}" for cell in line) for line in cells).encode()

    yield Target(
        "corpus.jsonl",
        [lines],
        change.in_lines(change.in_json),
        _file(work / "corpus.jsonl", documents("corpus.jsonl")),
    )
    for suffix, separator in (("csv", ","), ("tsv", "\t")):
        name = f"corpus.{suffix}"
        yield Target(
            name,
            [table(separator)],
            change.in_lines(change.in_cells(separator)),
            _file(work / name, documents(name)),
        )
    yield Target(
        "corpus.parquet",
        [_parquet(rows)],
        change.in_bytes,
        _file(work / "corpus.parquet", documents("corpus.parquet")),
    )
    yield Target(
        "queries.jsonl",
        [b"".join(queries.read_bytes().splitlines(keepends=True)[:5])],
        change.in_lines(change.in_json),
        _file(work / "queries.jsonl", lambda: tables.queries(tables.Table(there, "queries.jsonl"))),
    )
    yield Target(
        "qrels",
        [b"".join(judged.read_bytes().splitlines(keepends=True)[:6])],
        change.in_lines(change.in_cells("\t")),
        _file(work / "test.tsv", lambda: qrels.read(there, "test.tsv")),
    )

    def zipped() -> None:
        try:
            beir.read(work / "set.zip", cache)
        finally:
            shutil.rmtree(cache, ignore_errors=True)

    parts = {"corpus.jsonl": lines, "queries.jsonl": b'{"_id": "q", "text": "a"}\n'}
    parts["qrels/test.tsv"] = f"query-id\tcorpus-id\tscore\nq\t{rows[0]['_id']}\t1\n".encode()
    yield Target(
        "zip",
        [_zip(parts), _zip({f"top/{name}": part for name, part in parts.items()})],
        change.in_bytes,
        _file(work / "set.zip", zipped),
    )
    ranked = b"".join(next((folder / "run/rankings").glob("*.trec")).read_bytes().splitlines(keepends=True)[:6])
    ids = [line.split()[2].decode() for line in ranked.splitlines()]
    yield Target(
        "TREC run",
        [ranked],
        change.in_lines(change.in_cells(" ")),
        _file(work / "run.trec", lambda: read_run(work / "run.trec", ids)),
    )


def _parquet(rows: list[dict[str, str]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def _zip(parts: dict[str, bytes]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return stream.getvalue()


# -- settings ---------------------------------------------------------------------------------------------

SETTINGS = b"""\
name: mine
data: {source: wiki, queries: 30}
tokenizers:
- {type: bpe, vocabulary_size: 500, lowercase: true}
- {type: ngram, vocabulary_size: 2000, shortest_ngram: 3}
architectures: [static, lstm]
models:
  static: {steps: 30, batch_size: 64}
objectives: {static: [contrastive+queries], lstm: [lm]}
poolings: [mean-white, learned]
training: {documents: 80, epochs: 1}
retrieval: {validations: 1, query_tokens: [2, 20]}
variants: [{name: small, retrieval: {query_tokens: [2, 4]}}]
baselines: [bm25, canine]
fusions: [{method: weighted, systems: [best, bm25]}]
evaluation: {bootstrap: 200, latency_queries: 5}
seeds: [0, 1]
"""
SETS = (
    b"training.epochs=3",
    b"seeds=[0,1]",
    b"tokenizers=[{type: bpe, vocabulary_size: 500}]",
    b"models.static.steps=30",
    b"retrieval.steps.static=9",
    b"tokenizers.0.type=word",
    b"data.source=wiki",
)


def _settings(folder: Path) -> Iterator[Target]:
    from tokir.config import load_config

    path = folder / "parsed/study.yaml"
    yield Target("study.yaml", [SETTINGS], change.in_yaml, _file(path, lambda: load_config(str(path))), 0.1)

    def override(data: bytes) -> None:
        load_config("quickstart", [data.decode("utf-8", "surrogateescape")])

    def changed(data: bytes, random: Random) -> bytes:
        return change.in_bytes(data, random) if random.random() < 0.5 else change.in_cells("=")(data, random)

    yield Target("setting", SETS, changed, override, 0.3)


# -- run folders ------------------------------------------------------------------------------------------


def _run_files(folder: Path) -> Iterator[Target]:
    from tokir import open_run
    from tokir.artifacts import RunFolder, read_array, read_tensors
    from tokir.data.corpus import Corpus
    from tokir.results.reading import read_examples, read_explorer, read_results

    run, grown = folder / "run", folder / "grown"

    def searched(of: Path) -> Callable[[], None]:
        def search() -> None:
            opened = open_run(of)
            for answer in opened.answers(QUERY, 3):
                assert len(answer.hits) <= 3
            opened.passages.record(0)
            _ = opened.notes

        return search

    def manifest() -> None:
        opened = RunFolder(run)
        opened.whole()
        opened.fingerprint(())
        opened.seconds("systems.json")

    def spare(path: Path, name: str, mutate: change.Mutation, read: Callable[[], Any]) -> Target:
        """A file that is put back after each input, since other targets read it too."""
        valid = path.read_bytes()

        def run(data: bytes) -> None:
            path.write_bytes(data)
            try:
                read()
            finally:
                path.write_bytes(valid)

        return Target(name, [valid], mutate, run)

    yield spare(run / "manifest.jsonl", "manifest.jsonl", change.in_lines(change.in_json), manifest)
    yield spare(run / "systems.json", "systems.json", change.in_json, searched(run))
    yield spare(grown / "additions.json", "additions.json", change.in_json, searched(grown))
    yield spare(run / "corpus/source.json", "source.json", change.in_json, lambda: open_run(run).notes)
    yield spare(run / "results.json", "results.json", change.in_json, lambda: read_results(RunFolder(run)))
    yield spare(run / "examples.json", "examples.json", change.in_json, lambda: read_examples(RunFolder(run)))
    yield spare(run / "explorer.json", "explorer.json", change.in_json, lambda: read_explorer(RunFolder(run)))
    table = next(run.glob("embeddings/*/table.npy"))
    yield spare(table, "npy", change.in_npy, lambda: read_array(table).tobytes())
    model = folder / "parsed/model.safetensors"
    weights = next(run.glob("models/*/best.safetensors")).read_bytes()
    yield Target(
        "safetensors", [weights], change.in_safetensors, _file(model, lambda: read_tensors(model, "numpy"))
    )
    stored = run / "corpus/passages.arrow"
    yield spare(stored, "arrow", change.in_bytes, lambda: list(Corpus.open(stored, verify=False).records()))
    facts = run / "corpus/passages.json"
    yield spare(facts, "arrow's facts", change.in_json, lambda: Corpus.open(stored, verify=False).checksum)
    for file in sorted((run / "indexes/bm25").glob("*.json")):
        yield spare(
            file, f"BM25 {file.name}", change.in_json, lambda: list(open_run(run).answers(QUERY, 3, ["bm25"]))
        )


# -- tokenizers -------------------------------------------------------------------------------------------


def _tokenizers(folder: Path) -> Iterator[Target]:
    from tokir.tokenizers import load
    from tokir.tokenizers.protocol import overlaps

    work = folder / "parsed"

    def used(path: Path) -> Callable[[], None]:
        def use() -> None:
            tokenizer = load(path)
            for text, ids in zip(TEXTS, tokenizer.encode(TEXTS), strict=True):
                assert all(0 <= i < tokenizer.vocabulary_size for i in ids)
                tokenizer.normalize(text)
                tokenizer.pieces(text)
                tokenizer.spans(text)
                if not overlaps(tokenizer):  # else a row stands for many n-grams, which is said
                    tokenizer.decode(ids)
            tokenizer.word_lengths(["philosophy", "東京"])

        return use

    made = {path.stem: path.read_bytes() for path in sorted((folder / "tokenizers").glob("*.json"))}
    own = [made.pop(name) for name in ("ngram", "word", "code-points")]
    yield Target(
        "tokenizer.json",
        list(made.values()),
        change.in_json,
        _file(work / "tokenizer.json", used(work / "tokenizer.json")),
    )
    yield Target(
        "word, n-gram, code points", own, change.in_json, _file(work / "own.json", used(work / "own.json"))
    )
    models = [path.read_bytes() for path in sorted((folder / "tokenizers").glob("*.model"))]
    yield Target("sentencepiece .model", models, change.in_bytes, _file(work / "a.model", used(work / "a.model")))


# -- the server -------------------------------------------------------------------------------------------


def _server(folder: Path) -> Iterator[Target]:
    from tokir import open_run
    from tokir.serve.app import create_app
    from tokir.serve.limits import Limits

    run = folder / "served"
    app = create_app(run, Limits(), None)
    loop = asyncio.new_event_loop()
    system = open_run(run).embedders[0]

    def ask(method: str, path: str, query: bytes = b"", body: bytes = b"") -> None:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(b"host", b"localhost")],
        }
        sent: list[MutableMapping[str, Any]] = []

        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return parts.pop() if parts else await loop.create_future()  # the client stays, and says no more

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        loop.run_until_complete(app(scope, receive, send))
        status, answer = sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])
        assert status < 500, (status, answer[:200])
        if status >= 400 and path != "/":
            assert json.loads(answer)["error"]["message"]
        assert path != "/" or b"<script>" not in answer

    def body(path: str, *samples: dict[str, Any]) -> Target:
        valid = [json.dumps(sample).encode() for sample in samples]
        return Target(path, valid, change.in_json, lambda data: ask("POST", path, body=data))

    yield body(
        "/v1/embeddings",
        {"model": system, "input": TEXTS, "encoding_format": "base64", "dimensions": 64, "user": "me"},
        {"model": system, "input": "a", "encoding_format": "float"},
    )
    yield body("/search", {"query": QUERY, "system": "bm25", "top": 3}, {"query": TEXTS, "top": 1})

    def escaped(data: bytes, random: Random) -> bytes:
        return change.in_cells(random.choice("=&%"))(change.in_bytes(data, random), random)

    yield Target(
        "query string",
        [b"query=who+painted+%3Cscript%3E&top=3", b"query=a%00b"],
        escaped,
        lambda data: ask("GET", "/", data),
    )
    paths = [b"/passages/1-0", b"/v1/models/bm25", b"/health", b"/docs"]

    def known(data: bytes) -> None:
        ask("GET", data.decode("utf-8", "replace"))  # as uvicorn does

    yield Target("path", paths, change.in_cells("/"), known)


GROUPS: dict[str, Callable[[Path], Iterator[Target]]] = {
    "data": _data,
    "settings": _settings,
    "run": _run_files,
    "tokenizers": _tokenizers,
    "server": _server,
}
