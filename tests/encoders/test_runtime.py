"""Networks by onnxruntime, held against torch."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from networks import NETWORKS, SIZE, WINDOW, Ids, network
from tokir.encoders import runtime
from tokir.encoders.trained import TrainedEncoder, encoder_of

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
TEXTS = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=3 * WINDOW), max_size=12)


@lru_cache
def encoders(name):
    model, weights = network(name)
    reference = encoder_of(model, Ids(), WINDOW)
    assert isinstance(reference, TrainedEncoder)
    return reference, runtime.RuntimeEncoder(weights, Ids(), WINDOW)


@settings(max_examples=30)
@given(texts=TEXTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_vectors_are_those_of_torch(name, texts):
    reference, encoder = encoders(name)
    expected = reference.embed(texts)
    assert_allclose(encoder.embed(texts), expected, atol=1e-5)
    for ids, vector in zip(texts[:2], expected, strict=False):  # alone, as a query is
        assert_allclose(encoder.embed([ids])[0], vector, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_vectors_are_the_same_bytes_on_any_number_of_threads(name, monkeypatch):
    encoder = encoders(name)[1]
    monkeypatch.setattr(encoder, "tokens_per_batch", 2 * WINDOW)  # many batches
    texts = [[(i * j) % SIZE for j in range(i)] for i in range(3 * WINDOW)]
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(runtime, "computing", lambda threads=threads: threads)
        found.append(encoder.embed(texts))
    assert_array_equal(*found)


def test_an_opened_run_answers_with_a_network_without_torch(run):
    system = "bpe-500.lstm.lm.mean-white.s0"
    code = f"""
import sys, tokir
opened = tokir.open_run({str(run)!r})
assert len(opened.search("history of the moon", systems=[{system!r}])[{system!r}].hits) == 10
print("torch" in sys.modules, "scipy" in sys.modules, "pydantic" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False"] * 3


def test_onnxruntime_keeps_and_sends_no_reports_of_its_use(tmp_path):
    from onnx import TensorProto, helper

    code = "from tokir.encoders.runtime import library; library().InferenceSession(sys.argv[1])"
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Relu", ["x"], ["y"])],
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    (tmp_path / "one.onnx").write_bytes(model.SerializeToString())
    home = tmp_path / "home"
    home.mkdir()
    told = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in told}
    words = [sys.executable, "-c", f"import sys; {code}", str(tmp_path / "one.onnx")]
    subprocess.run(words, check=True, env={**kept, "HOME": str(home)})
    assert not list(home.rglob("*"))
