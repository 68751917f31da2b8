"""A server takes up what is added to its run and deleted from it, and lets go of what was before."""

from __future__ import annotations

import gc
import json
import shutil
import time

from starlette.testclient import TestClient

from serve.conftest import STATIC
from tokir import add_passages, delete_passages
from tokir.additions.state import is_held
from tokir.artifacts import Names
from tokir.serve.app import create_app
from tokir.serve.limits import Limits

PATIENCE = 120  # seconds, for a busy machine


def test_added_and_deleted_passages_are_found_and_missed_without_a_restart(run, tmp_path):
    folder, new = tmp_path / "run", tmp_path / "new.jsonl"
    shutil.copytree(run, folder)
    client = TestClient(create_app(folder, Limits(), None))

    def passages() -> int:
        return client.get("/health").json()["passages"]

    def wait_for(count: int) -> None:
        end = time.monotonic() + PATIENCE
        while passages() != count:
            assert time.monotonic() < end
            time.sleep(0.02)

    before = passages()
    new.write_text(json.dumps({"_id": "new", "text": "quince zephyr " * 8}))
    add_passages(folder, new)
    wait_for(before + 1)
    found = client.post("/search", json={"query": "quince zephyr", "system": STATIC, "top": 1}).json()
    assert found["results"][0]["hits"][0]["id"] == "new"
    delete_passages(folder, ["new"])
    wait_for(before)
    assert client.get("/passages/new").status_code == 404
    gc.collect()
    assert not is_held(folder / Names.GENERATIONS / "1")


def test_a_run_that_cannot_be_opened_any_more_leaves_the_answers_as_they_are(run, tmp_path, caplog):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    client = TestClient(create_app(folder, Limits(), None))
    (folder / Names.ADDITIONS).write_text("{")
    end = time.monotonic() + PATIENCE
    while not caplog.messages:
        assert client.get("/health").status_code == 200 and time.monotonic() < end
    assert "damaged" in caplog.text
