"""Nothing reaches the network unless it was named: the guard of all tests works, and models are read without it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import loopback
import pytest

from tokir.config import load_config
from tokir.encoders.named import find, load
from tokir.errors import TokirError, Unavailable

ADDRESS = ("192.0.2.1", 80)  # of no machine, by RFC 5737


@pytest.fixture
def attempts(tmp_path, monkeypatch) -> Path:
    """Where this test's own attempts are written down, so that they are not held against it."""
    monkeypatch.setenv(loopback.LEFT, str(tmp_path / "attempts"))
    return tmp_path / "attempts"


def test_the_guard_refuses_whatever_leaves_the_machine_and_lets_loopback_be(attempts):
    for family, address in ((socket.AF_INET, ADDRESS), (socket.AF_INET6, ("2001:db8::1", 80))):
        with pytest.raises(OSError, match="no other machine"), socket.socket(family) as one:
            one.connect(address)
    with pytest.raises(OSError, match="no other machine"):
        socket.create_connection(("huggingface.co", 443))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        socket.create_connection(listening.getsockname()).close()
    assert attempts.read_text().split() == ["192.0.2.1", "2001:db8::1", "huggingface.co"]


def test_the_guard_is_in_processes_that_tests_start_too(attempts):
    code = f"import socket; socket.socket().connect({ADDRESS!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no other machine" in done.stderr
    assert attempts.read_text() == "192.0.2.1\n"


@pytest.mark.parametrize("preset", ["quickstart", "best"])
def test_whatever_a_preset_names_is_found_or_missed_without_the_network(preset):
    """Each model is asked for, as a study does it; what libraries swallow, the guard of all tests writes down."""
    config = load_config(preset)
    assert config.data.source == "wiki"
    for name in config.pretrained_models:
        try:
            path = find(name)
        except Unavailable:
            continue
        encoder = load(name, folder=str(path))
        assert encoder.embed(encoder.tokenize(["a chapel in Rome"])).shape == (1, encoder.dimensions)


def test_a_folder_that_is_gone_is_not_looked_for_on_the_hub(tmp_path):
    from tokir.encoders.model2vec import Model2VecEncoder

    pytest.importorskip("model2vec")
    with pytest.raises(TokirError, match="owner/model: missing"):
        Model2VecEncoder(tmp_path / "owner/model")
