"""Real text for every test: passages of the embedded Wikipedia excerpt, built once."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from itertools import combinations
from pathlib import Path

import loopback
import pytest
import torch
from filelock import FileLock
from hypothesis import settings

from command import SMALL, tokir
from tokir.config import TokenizerSettings
from tokir.data import Dataset, beir, load
from tokir.tokenizers import Tokenizer, train_tokenizer
from tokir.training.device import resolve_device
from words import WORDS

HOME = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--network", action="store_true", help="let the tests reach other machines")


def pytest_configure(config: pytest.Config) -> None:
    """Neither the tests nor the processes that they start reach another machine, and none of them tries to."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell that has begun the tests in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # the workers take it over
        config.stash[HOME] = tempfile.TemporaryDirectory(prefix="tokir-tests-", ignore_cleanup_errors=True)
        at_home(Path(config.stash[HOME].name))
    if config.getoption("--network"):
        return
    loopback.only()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parent / "offline"), os.environ.get("PYTHONPATH")])
    )


def at_home(folder: Path) -> None:
    """Nothing is written into the user's home folder, and nothing that lies there counts."""
    for name in ("TOKIR_CACHE", "HF_HUB_CACHE", "IR_DATASETS_HOME"):
        os.environ[name] = str(folder / name.lower())
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # some tests import onnxruntime before tokir does


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what stood for the home folder."""
    if HOME in config.stash:
        config.stash[HOME].cleanup()


@pytest.fixture(autouse=True)
def stays_on_this_machine(tmp_path_factory, monkeypatch, request):
    """A test fails where something in it, or in a process that it starts, tried to reach another machine."""
    attempts = tmp_path_factory.getbasetemp() / "attempts.txt"
    attempts.unlink(missing_ok=True)
    monkeypatch.setenv(loopback.LEFT, str(attempts))
    yield
    if not request.config.getoption("--network"):
        assert not attempts.exists(), attempts.read_text()


settings.register_profile("tokir", deadline=None)  # a slow machine is no fault
settings.load_profile("tokir")


@pytest.fixture(scope="session")
def wiki() -> Dataset:
    return load("wiki")


@pytest.fixture(scope="session")
def passages(wiki: Dataset) -> list[str]:
    return wiki.corpus.passages(0, 300)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device that trains and embeds; the test is skipped where this machine lacks it."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no GPU")
    return resolve_device(request.param)


@pytest.fixture(scope="session")
def tokenizer(passages: list[str]) -> Tokenizer:
    return train_tokenizer(passages, TokenizerSettings(vocabulary_size=600))


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that all of its workers see."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def data(tmp_path_factory, wiki) -> Path:
    """The first 800 passages of the embedded set, 30 words of each, and the queries that lie wholly among them."""
    folder = _shared(tmp_path_factory) / "first-passages"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _write(folder, wiki)
    return folder


def _write(folder: Path, wiki: Dataset) -> None:
    folder.mkdir()
    whole = wiki.corpus.records(0, 800)
    documents = [document._replace(text=" ".join(document.text.split()[:30])) for document in whole]
    ids = {document.id for document in documents}
    qrels = {
        split: {query: row for query, row in judged.items() if row.keys() <= ids}
        for split, judged in wiki.qrels.items()
    }
    queries = {query: wiki.queries[query] for judged in qrels.values() for query in judged}
    beir.write(folder, documents, queries, qrels)


@pytest.fixture(scope="session")
def run(tmp_path_factory, data) -> Path:
    """A small finished study, made once for all workers; tests that change it work on a copy."""
    folder = _shared(tmp_path_factory) / "small"
    with FileLock(f"{folder}.lock"):
        if not (folder / "report.html").exists():
            tokir("run", "quickstart", "--data", data, "--out", folder, "--quiet", *SMALL)
    return folder


@pytest.fixture
def duplicates_folder(tmp_path) -> Path:
    """Each test query is a passage, as in Quora, and its answer is the same text with a word more.

    Of two train queries one has the text of a test query.
    """
    folder = tmp_path / "duplicates"
    (folder / "qrels").mkdir(parents=True)
    texts = [f"{one} {other}" for one, other in combinations(WORDS, 2)]
    queries = {f"a{number}": text for number, text in enumerate(texts)}
    passages = queries | {f"b{number}": f"{text} again" for number, text in enumerate(texts)}
    train = {"t0": texts[0].upper(), "t1": "another grove of birch"}
    for name, rows in (("corpus", passages), ("queries", queries | train)):
        lines = (json.dumps({"_id": id, "text": text}) for id, text in rows.items())
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    for split, ids in (("test", queries), ("train", train)):
        lines = (f"{id}\tb{id[1:]}\t1" for id in ids)
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]))
    return folder
