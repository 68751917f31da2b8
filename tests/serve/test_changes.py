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
from tokir.serve import current
from tokir.serve.app import create_app
from tokir.serve.limits import Limits

PATIENCE = 120  # seconds, for a busy machine


def test_added_and_deleted_passages_are_found_and_missed_without_a_restart(run, tmp_path, monkeypatch):
    folder, new = tmp_path / "run", tmp_path / "new.jsonl"
    shutil.copytree(run, folder)
    monkeypatch.setattr(current, "SECONDS", 0.05)
    app = create_app(folder, Limits(), None)
    client = TestClient(app)

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
    held = app.answers.get()
    delete_passages(folder, ["new"])
    end = time.monotonic() + PATIENCE
    while app.answers.get() is held:  # nobody has to ask for it to be taken up
        assert time.monotonic() < end
        time.sleep(0.02)
    del held
    assert passages() == before
    assert client.get("/passages/new").status_code == 404
    gc.collect()
    assert not is_held(folder / Names.GENERATIONS / "1")


def test_another_run_in_the_place_of_the_one_that_is_served_is_opened(run, tmp_path, monkeypatch):
    folder, other, link = tmp_path / "run", tmp_path / "other", tmp_path / "current"
    for copy in (folder, other):
        shutil.copytree(run, copy)
    (tmp_path / "new.jsonl").write_text(json.dumps({"_id": "new", "text": "quince zephyr " * 8}))
    add_passages(other, tmp_path / "new.jsonl")
    link.symlink_to(folder)
    monkeypatch.setattr(current, "SECONDS", 0.05)
    client = TestClient(create_app(link, Limits(), None))
    assert client.get("/passages/new").status_code == 404
    link.unlink()
    link.symlink_to(other)
    end = time.monotonic() + PATIENCE
    while client.get("/passages/new").status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_that_cannot_be_opened_leaves_the_answers_as_they_are_until_it_can(
    run, tmp_path, monkeypatch, caplog
):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    for seconds in ("SECONDS", "SECONDS_AFTER_A_FAULT"):
        monkeypatch.setattr(current, seconds, 0.05)
    client = TestClient(create_app(folder, Limits(), None))
    (folder / Names.ADDITIONS).write_text("{")
    end = time.monotonic() + PATIENCE
    while not caplog.messages:
        assert client.get("/health").status_code == 200 and time.monotonic() < end
    assert "damaged" in caplog.text
    before = client.get("/health").json()["passages"]
    (folder / Names.ADDITIONS).unlink()
    (tmp_path / "new.jsonl").write_text(json.dumps({"_id": "new", "text": "quince zephyr"}))
    add_passages(folder, tmp_path / "new.jsonl")
    while client.get("/health").json()["passages"] != before + 1:
        assert time.monotonic() < end
