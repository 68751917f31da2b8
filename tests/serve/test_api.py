"""What programs get: equal to the opened run, in the shapes that the OpenAPI document says, and errors that help."""

from __future__ import annotations

import base64
import json
import shutil

import numpy as np
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from serve.conftest import LSTM, STATIC
from tokir import open_run
from tokir.run import Run
from tokir.serve.answers import ErrorAnswer
from tokir.serve.app import create_app
from tokir.serve.endpoints import ENDPOINTS
from tokir.serve.limits import Limits

TEXTS = ["history of anarchism", "naïve 東京 <|endoftext|>"]


@pytest.fixture(scope="module")
def opened(run) -> Run:
    return open_run(run)


@pytest.mark.parametrize("system", [STATIC, LSTM])
def test_the_client_of_openai_gets_the_vectors_of_the_run(address, opened, system):
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    expected, tokens = opened.encode_counted(TEXTS, system)
    for form in (
        {},
        {"encoding_format": "float"},
        {"dimensions": expected.shape[1], "user": "me"},
    ):  # base64 unless told
        answer = client.embeddings.create(model=system, input=TEXTS, **form)
        assert np.array_equal(np.array([row.embedding for row in answer.data], dtype=np.float32), expected)
        assert [row.index for row in answer.data] == [0, 1] and answer.model == system
        assert answer.usage.prompt_tokens == answer.usage.total_tokens == tokens > 4
    single = client.embeddings.create(model=system, input=TEXTS[0])
    assert np.allclose(single.data[0].embedding, expected[0], atol=1e-6)
    assert [model.id for model in client.models.list()] == list(opened.embedders)
    assert client.models.retrieve(system).id == system
    with pytest.raises(openai.NotFoundError, match="did you mean"):
        client.embeddings.create(model=system[:-1], input="a")
    with pytest.raises(openai.BadRequestError, match="token ids"):
        client.embeddings.create(model=system, input=[[1, 2], [3]])


@settings(max_examples=30)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), min_size=1, max_size=4
    )
)
def test_whatever_the_texts_the_two_formats_hold_the_same_numbers(client, texts):
    answers = {
        form: client.post("/v1/embeddings", json={"model": STATIC, "input": texts, "encoding_format": form})
        for form in ("float", "base64")
    }
    if not all(text.strip() for text in texts):
        assert {answer.status_code for answer in answers.values()} == {400}
        return
    floats, encoded = ([row["embedding"] for row in answers[form].json()["data"]] for form in ("float", "base64"))
    assert [np.float32(row).tobytes() for row in floats] == [base64.b64decode(row) for row in encoded]


def test_search_finds_what_the_opened_run_finds(client, opened):
    for system in (STATIC, "bm25", "best+bm25.weighted"):
        answer = client.post("/search", json={"query": TEXTS, "system": system, "top": 4}).json()
        assert [result["query"] for result in answer["results"]] == TEXTS and answer["system"] == system
        for query, result in zip(TEXTS, answer["results"], strict=True):
            hits = opened.search(query, 4, [system])[system].hits
            assert [(hit["id"], hit["title"], hit["text"]) for hit in result["hits"]] == [
                (hit.id, hit.title, hit.text) for hit in hits
            ]
            assert [hit["score"] for hit in result["hits"]] == pytest.approx([hit.score for hit in hits], rel=1e-5)
    alone = client.post("/search", json={"query": TEXTS[0]}).json()
    assert alone["system"] == STATIC and len(alone["results"][0]["hits"]) == 10
    hit = alone["results"][0]["hits"][0]
    assert client.get(f"/passages/{hit['id']}").json() == {name: hit[name] for name in ("id", "title", "text")}


def test_what_this_machine_cannot_answer_with_is_said(client):
    systems = {row["id"]: row for row in client.get("/systems").json()["systems"]}
    assert systems["canine"]["status"] == "unavailable" and "not on this machine" in systems["canine"]["reason"]
    assert systems[STATIC]["status"] == "ready" and systems[STATIC]["tokenizers"] == ["bpe-500"]
    assert systems["best+bm25.weighted"]["tokenizers"] == ["bpe-500"] and systems["bm25"]["recall_at_10"] > 0
    refused = client.post("/search", json={"query": "a", "system": "canine"})
    assert refused.status_code == 404 and "unavailable on this machine" in refused.json()["error"]["message"]
    assert client.get("/health").json()["systems"]["unavailable"] == 1


MISTAKES = [
    ("/v1/embeddings", b"", 400, "not JSON", None),
    ("/v1/embeddings", b"\xff", 400, "not JSON", None),
    ("/v1/embeddings", b"[" * 100_000, 400, "not JSON", None),
    ("/v1/embeddings", b'"a"', 400, "not an object", None),
    ("/v1/embeddings", {"input": "a"}, 400, "model is missing", "model"),
    ("/v1/embeddings", {"model": "bm25", "input": "a"}, 400, "bm25 has no vector", "model"),
    ("/v1/embeddings", {"model": STATIC, "input": []}, 400, "empty list", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": ["a", " "]}, 400, r"input[1] is blank", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": ["a", None]}, 400, "input[1] is null", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": ["a", 3]}, 400, "input[1] is a number", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": [3, 4]}, 400, "holds token ids", "input"),
    (
        "/v1/embeddings",
        {"model": STATIC, "input": "a", **dict.fromkeys(map(str, range(30)))},
        400,
        "30 fields",
        None,
    ),
    ("/v1/embeddings", {"model": STATIC, "input": {"a": 1}}, 400, "input is an object", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": "a" * 40_000}, 400, "at most 32,768", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": ["a"] * 3_000}, 400, "3,000 texts", "input"),
    ("/v1/embeddings", {"model": STATIC, "input": "a", "dimensions": 12}, 400, "256 dimensions", "dimensions"),
    ("/v1/embeddings", {"model": STATIC, "input": "a", "inputs": 1}, 400, "did you mean 'input'", "inputs"),
    (
        "/v1/embeddings",
        {"model": STATIC, "input": "a", "encoding_format": "int8"},
        400,
        "'base64'",
        "encoding_format",
    ),
    ("/v1/embeddings", b'{"model": "x", "input": "\\ud800"}', 400, "not JSON", None),
    ("/v1/embeddings", b" " * 9_000_000, 413, "longer than", None),
    ("/search", {"query": " "}, 400, "empty", "query"),
    ("/search", {"query": "a" * 5_000}, 400, "5,000 characters", "query"),
    ("/search", {"query": ["a"] * 200}, 400, "200 queries", "query"),
    ("/search", {"query": "a", "top": 0}, 400, "greater than or equal to 1", "top"),
    ("/search", {"query": "a", "top": 10**30}, 400, "at most 1,000", "top"),
    ("/search", {"query": "a", "top": True}, 400, "top", "top"),
    ("/search", {"query": "a", "system": "bm52"}, 404, "did you mean 'bm25'", "system"),
]


@pytest.mark.parametrize(("path", "body", "status", "said", "param"), MISTAKES)
def test_a_mistake_is_said_in_a_sentence(client, path, body, status, said, param):
    answer = client.post(path, content=body if isinstance(body, bytes) else json.dumps(body))
    error = TypeAdapter(ErrorAnswer).validate_json(answer.content)["error"]
    assert answer.status_code == status and said in error["message"] and error["param"] == param, error
    assert error["type"] == "invalid_request_error" and "\n" not in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "a", "system": "x" * 8_000_000},
        {"query": "a", "x" * 8_000_000: 1},
        {"query": "a", **dict.fromkeys(map(str, range(500_000)))},
    ],
)
def test_the_answer_to_a_huge_mistake_is_short(client, body):
    answer = client.post("/search", content=json.dumps(body))
    assert answer.status_code in (400, 404) and len(answer.content) < 2_000


def test_a_body_of_unknown_length_is_cut_off_too(client):
    answer = client.post("/search", content=(b" " * 1_000_000 for _ in range(10)))
    assert answer.status_code == 413 and answer.headers["connection"] == "close"


def test_paths_and_methods_that_there_are_not(client):
    assert "listed at /docs" in client.get("/searches").json()["error"]["message"]
    wrong = client.get("/search")
    assert wrong.status_code == 405 and wrong.headers["allow"] == "POST" and "use POST" in wrong.text
    gone = client.get("/passages/no/such?one")
    assert gone.status_code == 404 and "no passage 'no/such'" in gone.json()["error"]["message"]
    assert client.head("/health").status_code == 200
    assert client.post("/health").headers["allow"] == "GET, HEAD"


def test_another_sites_name_for_this_machine_is_refused(run):
    guarded = create_app(run, Limits(), frozenset({"localhost", "127.0.0.1", "[::1]"}))
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
        assert TestClient(guarded, headers={"host": host}).get("/health").status_code == 200
    for host in ("evil.example", "localhost.evil.example:8000", ""):
        assert TestClient(guarded, headers={"host": host}).get("/health").status_code == 421


def test_what_fails_unexpectedly_is_an_answer_without_a_traceback_and_one_line_of_the_log(
    client, monkeypatch, caplog
):
    def fail(*_: object) -> None:
        raise RuntimeError("a secret\nof two lines")

    monkeypatch.setattr(Run, "find", fail)
    answer = client.post("/search", json={"query": "a"})
    assert answer.status_code == 500 and "secret" not in answer.text and "Traceback" not in answer.text
    assert [record.getMessage().count("\n") for record in caplog.records] == [0] and "a secret" in caplog.text
    page = client.get("/", params={"query": "a"})
    assert page.status_code == 200 and "The server failed" in page.text and "secret" not in page.text


def test_too_many_at_once_are_sent_away(run):
    answer = TestClient(create_app(run, Limits(waiting=0), None)).post("/search", json={"query": "a"})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"


def test_answers_are_as_the_document_says(client, opened):
    document = client.get("/openapi.json").json()
    passage = opened.passages.record(0).id
    bodies = {"embeddings": {"model": STATIC, "input": "a"}, "search": {"query": "a"}}
    ids = {"/v1/models/{id}": STATIC, "/passages/{id}": passage}
    assert set(document["paths"]) == {endpoint.path for endpoint in ENDPOINTS}
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{id}", ids.get(endpoint.path, ""))
        answer = client.request(endpoint.method, path, json=bodies.get(endpoint.name))
        assert answer.status_code == 200 and answer.headers["x-content-type-options"] == "nosniff"
        if not isinstance(endpoint.answer, str):
            TypeAdapter(endpoint.answer).validate_json(answer.content)
    references = set(json.dumps(document).split('"#/components/schemas/')[1:])
    assert {text.partition('"')[0] for text in references} == set(document["components"]["schemas"])


def test_metrics_count_requests_texts_and_tokens(client, opened):
    def counts() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    before = counts()
    tokens = len(opened.tokenize(TEXTS[0]))
    client.post("/v1/embeddings", json={"model": STATIC, "input": TEXTS[0]})
    client.post("/v1/embeddings", json={"model": STATIC, "input": " "})
    client.get("/no-such-path")
    after = counts()
    for name, more in {
        'tokir_requests_total{path="/v1/embeddings",status="200"}': 1,
        'tokir_requests_total{path="/v1/embeddings",status="400"}': 1,
        'tokir_requests_total{path="other",status="404"}': 1,
        'tokir_request_seconds_count{path="/v1/embeddings"}': 2,
        f'tokir_texts_total{{system="{STATIC}",work="embed"}}': 1,
        f'tokir_tokens_total{{system="{STATIC}"}}': tokens,
    }.items():
        assert after[name] - before.get(name, 0) == more, name
    assert after["tokir_requests_running"] == 1  # that of the metrics


def test_a_damaged_file_is_the_servers_fault_and_logged(run, tmp_path, caplog):
    folder = shutil.copytree(run, tmp_path / "run")
    client = TestClient(create_app(folder, Limits(), None))
    model = LSTM.replace(".mean-white", "")
    (folder / f"models/{model}/best.safetensors").write_bytes(b"")
    answer = client.post("/search", json={"query": "history", "system": LSTM})
    assert answer.status_code == 500 and str(tmp_path) not in answer.text
    assert "best.safetensors: damaged" in caplog.text
