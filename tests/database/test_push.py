"""A collection is made equal to the passages of a run, whatever it held before and however often it was stopped."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from typer.testing import CliRunner

from small_runs import SYSTEM, static_run
from tokir import open_run
from tokir.artifacts import Names, RunFolder, write_array
from tokir.cli import app
from tokir.config import TokenizerSettings
from tokir.data import corpus as corpora
from tokir.data.corpus import Document
from tokir.errors import TokirError
from tokir.tokenizers import train_tokenizer

MilvusClient = pytest.importorskip("pymilvus").MilvusClient
grpc = pytest.importorskip("grpc")
milvus_pb2 = pytest.importorskip("pymilvus.grpc_gen.milvus_pb2")
server_manager_instance = pytest.importorskip("milvus_lite.server_manager").server_manager_instance
milvus = pytest.importorskip("tokir.database.milvus")
pushing = pytest.importorskip("tokir.database.push")

WORDS = [
    "the",
    "chapel",
    "ceiling",
    "was",
    "painted",
    "by",
    "a",
    "young",
    "master",
    "in",
    "four",
    "years",
    "on",
    "wet",
]
ODD = ['a"quote', "back\\slash", "it's", "naïve😀"]  # ids that a filter must not take for more than ids


def documents(count=60):
    rng = np.random.default_rng(0)
    ids = [*ODD, *(f"d{number}" for number in range(count - len(ODD)))]
    return [Document(id, f"Title {id}", " ".join(rng.choice(WORDS, 12))) for id in ids]


@pytest.fixture
def run(tmp_path):
    """A static run whose index is that of its vectors."""
    corpus = corpora.write(tmp_path / "c.arrow", lambda: enumerate(documents()), str)
    tokenizer = train_tokenizer(WORDS * 3, TokenizerSettings(type="bpe", vocabulary_size=280))
    made = static_run(tmp_path / "run", corpus, tokenizer)
    vectors = made.encode([document.passage for document in corpus.records()], SYSTEM)
    name = f"{Names.index(SYSTEM)}/vectors.npy"
    write_array(made.path / name, vectors)
    RunFolder(made.path).ensure([name], "these vectors", lambda: None)
    return open_run(made.path)


def contents(address, name="c"):
    collection = milvus.Collection(address, name)
    try:
        ids = sorted(id for some in collection.ids() for id in some)
        return ids, collection.search(np.ones((1, 24), dtype=np.float32), 100)[0]
    finally:
        collection.close()


def test_a_collection_holds_what_the_run_holds_and_answers_alike(run, tmp_path):
    address = str(tmp_path / "a.db")
    made = run.push(SYSTEM, address, "c")
    assert (made.passages, made.sent, made.deleted, made.shortened) == (60, 60, 0, 0)
    assert made.recall == 1 and made.queries == 60
    again = run.push(SYSTEM, address, "c")
    assert (again.passages, again.sent, again.deleted) == (60, 0, 0)
    ids, found = contents(address)
    assert ids == sorted(document.id for document in documents())
    assert sorted(found) == ids


def test_equally_near_passages_count_alike_and_a_query_without_tokens_does_not_count(run, tmp_path):
    vectors = np.asarray(run._opener.searcher(SYSTEM).index.vectors).copy()
    vectors[:] = vectors[np.arange(len(vectors)) // 20]  # three times twenty copies
    name = f"{Names.index(SYSTEM)}/vectors.npy"
    write_array(run.path / name, vectors)
    RunFolder(run.path).ensure([name], "copies", lambda: None)
    again = open_run(run.path)
    again._opener.queries = lambda: ["ceiling", "", "chapel wet", "young master"]
    assert again.push(SYSTEM, f"{tmp_path}/a.db/", "c").recall == 1


def test_the_client_of_milvus_finds_what_was_pushed(run, tmp_path):
    address = str(tmp_path / "a.db")
    run.push(SYSTEM, address, "c")
    server_manager_instance.release_server(address)  # as when the process that pushed has ended
    client = MilvusClient(address)
    client.load_collection("c")
    found = client.search("c", data=list(run.encode(["ceiling"], SYSTEM)), limit=3, output_fields=["title"])
    assert [hit["id"] for hit in found[0]] == [hit.id for hit in run.find(["ceiling"], SYSTEM, 3)[0]]
    assert found[0][0]["entity"]["title"] == f"Title {found[0][0]['id']}"


def test_a_part_that_moves_from_the_title_to_the_text_makes_another_passage():
    vector = np.ones(3, dtype=np.float32)
    parts = (("whale", "storm\0river"), ("whale\0storm", "river"))
    assert len({pushing._row(Document("a", *some), "model", vector).version for some in parts}) == 2


@pytest.mark.parametrize("index", ["exact", "hnsw"])
def test_a_stopped_push_goes_on_where_it_stopped(run, tmp_path, monkeypatch, index):
    monkeypatch.setattr(pushing, "ROWS", 25)

    class Stop:
        def step(self, task, done, total, detail=""):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.push(SYSTEM, str(tmp_path / "a.db"), "c", index=index, progress=Stop())
    made = run.push(SYSTEM, str(tmp_path / "a.db"), "c", index=index)
    assert (made.passages, made.sent) == (60, 35) and made.recall > 0.95


def test_changes_of_the_run_are_sent_and_rows_it_does_not_hold_deleted(run, tmp_path, monkeypatch):
    monkeypatch.setattr(milvus, "LISTED_AT_ONCE", 7)
    address = str(tmp_path / "a.db")
    run.push(SYSTEM, address, "c")
    collection = milvus.Collection(address, "c")
    version, vector = collection.some_version(), np.ones(24, dtype=np.float32)
    stray = [milvus.Row(id, "", "", version, vector) for id in ('s"tray', "st\\ray")]
    collection.upsert([*stray, milvus.Row(ODD[0], "", "", version[: pushing.MODEL], vector)])
    collection.close()
    made = run.push(SYSTEM, address, "c")
    assert (made.passages, made.sent, made.deleted) == (60, 1, 2)
    assert contents(address)[0] == sorted(document.id for document in documents())


def test_what_another_model_made_is_not_mixed_in(run, tmp_path):
    address = str(tmp_path / "a.db")
    collection = milvus.Collection(address, "c")
    collection.create(24, "exact")
    collection.upsert([milvus.Row("d1", "", "", "another", np.ones(24, dtype=np.float32))])
    collection.close()
    with pytest.raises(TokirError, match="not of this model"):
        run.push(SYSTEM, address, "c")
    assert contents(address)[0] == ["d1"]


def test_long_texts_lose_their_end_and_the_same_push_does_not_repeat_it(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pushing, "LONGEST_TEXT", 10)
    made = run.push(SYSTEM, str(tmp_path / "a.db"), "c")
    assert made.shortened == 60
    assert run.push(SYSTEM, str(tmp_path / "a.db"), "c").sent == 0


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("nowhere.txt", "nowhere.txt"),
        ("http://127.0.0.1:9", "127.0.0.1:9"),
        ("missing/x.db", "missing"),
        ("http://localhost:99999", "is no address of a database"),
        ("http://[::1", "is no address of a database"),
    ],
)
def test_a_database_that_is_not_there_is_one_sentence(run, tmp_path, monkeypatch, to, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TokirError, match=said):
        run.push(SYSTEM, to, "c")


class Refusing(grpc.GenericRpcHandler):
    """Lets a client connect and then tells it that it may do nothing."""

    def service(self, call):
        def answer(request, context):
            if call.method.endswith("/Connect"):
                return milvus_pb2.ConnectResponse(identifier=1).SerializeToString()
            asked.append(context.time_remaining())
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "this is not for you")

        asked = self.asked
        return grpc.unary_unary_rpc_method_handler(answer)

    def __init__(self):
        self.asked: list[float] = []


def test_a_server_that_refuses_is_one_sentence_and_has_a_minute_to_answer(run):
    server, refusing = grpc.server(ThreadPoolExecutor(2)), Refusing()
    server.add_generic_rpc_handlers([refusing])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(TokirError, match=f"127.0.0.1:{port}, collection c: .*this is not for you"):
            run.push(SYSTEM, f"http://127.0.0.1:{port}", "c")
    finally:
        server.stop(None)
    assert refusing.asked and max(refusing.asked) <= 61


def test_a_folder_that_another_process_has_opened_is_one_sentence(run, tmp_path):
    address = str(tmp_path / "a.db")
    collection = milvus.Collection(address, "c")
    try:
        words = ["push", str(run.path), SYSTEM, "--to", address, "--collection", "c"]
        done = subprocess.run([sys.executable, "-m", "tokir", *words], capture_output=True, text=True)
        assert done.returncode == 2 and "is it open in another process?" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        collection.close()


def test_a_server_over_loopback_takes_the_same_push(run, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        "milvus_lite",
        "server",
        "--data-dir",
        str(tmp_path / "served"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    server = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        done = CliRunner().invoke(
            app,
            ["push", str(run.path), SYSTEM, "--to", f"http://127.0.0.1:{port}", "--collection", "c", "--quiet"],
        )
        assert done.exit_code == 0, done.output
        assert "60 passages (60 sent, 0 deleted)" in done.output and "over 60 queries" in done.output
    finally:
        server.terminate()
        server.wait()
