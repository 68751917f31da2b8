"""Every model as ONNX, run by onnxruntime from Python and from JavaScript."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from numpy.testing import assert_allclose

from browser import CHROMIUM, Browser
from command import tokir
from networks import NETWORKS, SIZE, WINDOW, Ids, network
from small_runs import SYSTEM, static_run
from tokir import open_run
from tokir.config import TokenizerSettings
from tokir.encoders.graphs.model import network_model
from tokir.encoders.trained import TrainedEncoder
from tokir.errors import TokirError
from tokir.export.exporter import Check
from tokir.models.whitening import Whitening
from tokir.retrieval.index import normalize
from tokir.tokenizers import train_tokenizer

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
STATIC = "bpe-500.static.contrastive+queries.learned.s0"
LSTM = "bpe-500.lstm.lm.mean-white.s0"
NODE_MODULES = os.environ.get("TOKIR_NODE_MODULES", "")  # a folder with the npm packages that the test needs
CUTS = "@huggingface/tokenizers"


@lru_cache
def session_of(model):
    return runtime.InferenceSession(model, providers=["CPUExecutionProvider"])


def vectors(model, ids):
    """What a model, a file or bytes, gives for the ids of texts, all in one batch."""
    session = session_of(model)
    width = max(map(len, ids))
    padded = np.array([[*row, *[0] * (width - len(row))] for row in ids], dtype=np.int64).reshape(len(ids), width)
    mask = (np.arange(width) < np.array([[len(row)] for row in ids])).astype(np.int64)
    return session.run(None, {"input_ids": padded, "attention_mask": mask})[0]


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    base = tmp_path_factory.mktemp("onnx")
    for name, system in (("static", STATIC), ("lstm", LSTM)):
        tokir("export", run, system, "--to", "onnx", base / name)
    return base


@pytest.mark.parametrize(("name", "system"), [("static", STATIC), ("lstm", LSTM)])
def test_the_files_give_the_vectors_of_the_run(run, exported, nasty, name, system):
    from tokenizers import Tokenizer

    texts = sorted(nasty[:100], key=len)  # neighbours share a batch
    expected = open_run(run).encode(texts, system)
    tokenizer = Tokenizer.from_file(str(exported / name / "tokenizer.json"))
    ids = [text.ids for text in tokenizer.encode_batch(texts)]
    files = {file: exported / name / file for file in ("model.onnx", "model_int8.onnx")}
    batches = [ids[start : start + 4] for start in range(0, len(ids), 4)]
    exact, small = (np.concatenate([vectors(file, batch) for batch in batches]) for file in files.values())
    assert_allclose(exact, expected, atol=1e-4)
    assert (small * expected).sum(1)[expected.any(1)].min() > 0.99
    sizes = [file.stat().st_size for file in files.values()]
    assert sizes[0] > 2.5 * sizes[1]


@pytest.mark.parametrize("whitened", [None, "as it is", "of unit length"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_reads_in_windows_and_pools_and_whitens_as_it_does_here(name, whitened):
    rng = np.random.default_rng(4)
    model, arrays = network(name)
    weights = rng.uniform(0.2, 2, SIZE).astype(np.float32)
    encoder = TrainedEncoder(model, Ids(), WINDOW, weights)
    ids = [rng.integers(0, SIZE, length).tolist() for length in (0, 1, 5, 16, 17, 33, 80)]
    found = encoder.embed(ids)
    others = rng.normal(size=(200, found.shape[1])).astype(np.float32)
    whitening = Whitening.fit([others], unit=whitened == "of unit length") if whitened else None
    expected = normalize(whitening(found) if whitening else found)
    exact, small = (
        network_model(arrays, WINDOW, weights, whitening, int8).SerializeToString() for int8 in (False, True)
    )
    assert_allclose(vectors(exact, ids), expected, atol=2e-5)
    for one, other in zip(ids, expected, strict=True):  # alone, so without padding
        assert_allclose(vectors(exact, [one])[0], other, atol=2e-5)
    cosines = (vectors(small, ids) * expected).sum(1)[expected.any(1)]
    assert cosines.min() > 0.98


def test_whitened_vectors_are_held_to_their_direction():
    expected = normalize(np.random.default_rng(0).normal(size=(3, 256)).astype(np.float32))
    for off, fault in ((1e-3, None), (3e-2, "too little")):
        moved = normalize(expected + np.float32(off) * expected[::-1])
        check = Check("model.onnx", lambda _, moved=moved: moved, ["", "", ""], expected, None, 0.9999)
        found = check.measure().fault
        assert found is None if fault is None else fault in found


def test_a_tokenizer_that_cannot_be_written_is_refused(corpus, passages, tmp_path):
    tokenizer = train_tokenizer(passages, TokenizerSettings(type="character", hashed=True, vocabulary_size=64))
    letters = train_tokenizer(passages, TokenizerSettings(type="ngram", vocabulary_size=64))
    with pytest.raises(TokirError, match="no letter n-grams"):
        static_run(tmp_path / "run", corpus, letters).export(SYSTEM, "onnx", tmp_path / "out")
    assert tokenizer.vocabulary_size > 1_000_000 and not (tmp_path / "out").exists()


def test_the_card_is_right(exported, monkeypatch):
    card = (exported / "lstm/README.md").read_text()
    assert "model_int8.onnx: over" in card and "the cosine with" in card and "Recall@10" in card
    code = card.split("```python\n")[1].split("```")[0]
    names: dict = {}
    monkeypatch.chdir(exported)
    exec(code, names)
    assert names["vectors"].shape == (1, 256)


ENCODE = """
export async function encode(ort, Tokenizer, folder, read) {
  const described = await Promise.all(["", "_config"].map((end) => read(`${folder}/tokenizer${end}.json`)));
  const tokenizer = new Tokenizer(...described);
  const found = { ids: [], vectors: {} };
  for (const file of ["model.onnx", "model_int8.onnx"]) {
    const session = await ort.InferenceSession.create(`${folder}/${file}`);
    found.vectors[file] = [];
    for (const text of await read("texts.json")) {
      const ids = tokenizer.encode(text, { add_special_tokens: false }).ids;
      if (file === "model.onnx") found.ids.push(ids);
      const tensor = (values) => new ort.Tensor("int64", values, [1, values.length]);
      const numbers = BigInt64Array.from(ids, BigInt);
      const given = { input_ids: tensor(numbers), attention_mask: tensor(numbers.map(() => 1n)) };
      found.vectors[file].push(Array.from((await session.run(given)).sentence_embedding.data));
    }
  }
  return JSON.stringify(found);
}
"""
IN_NODE = """
import fs from "node:fs";
import * as ort from "onnxruntime-node";
import { Tokenizer } from "@huggingface/tokenizers";
import { encode } from "./encode.mjs";

console.log(await encode(ort, Tokenizer, "exported", (file) => JSON.parse(fs.readFileSync(file))));
"""
IN_A_BROWSER = """<!doctype html>
<script type="module">
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { Tokenizer } from "./node_modules/@huggingface/tokenizers/dist/tokenizers.min.mjs";
import { encode } from "./encode.mjs";

const read = async (file) => (await fetch(file)).json();
window.found = await encode(ort, Tokenizer, "exported", read).catch((error) => `${error}`);
</script>
"""


def in_node(folder):
    """What Node makes of the texts in ``folder``."""
    (folder / "node.mjs").write_text(IN_NODE)
    return subprocess.run(["node", "node.mjs"], cwd=folder, check=True, capture_output=True, text=True).stdout


def in_a_browser(folder):
    """What Chromium makes of them."""
    (folder / "index.html").write_text(IN_A_BROWSER)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    browser = Browser(str(folder / "profile"))
    try:
        browser.open(f"http://127.0.0.1:{server.server_port}/")
        browser.wait_for("window.found !== undefined")
        return browser.value("window.found")
    finally:
        browser.close()
        server.shutdown()
        server.server_close()


def lacks(program, *packages):
    """Skip a case where a program or its npm packages are missing."""
    ready = NODE_MODULES and program and all((Path(NODE_MODULES) / name).is_dir() for name in packages)
    why = "TOKIR_NODE_MODULES names no folder with the npm packages, or their program is missing"
    return pytest.mark.skipif(not ready, reason=why)


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(in_node, marks=lacks(shutil.which("node"), "onnxruntime-node", CUTS), id="node"),
        pytest.param(in_a_browser, marks=lacks(CHROMIUM, "onnxruntime-web", CUTS), id="browser"),
    ],
)
@pytest.mark.parametrize(("name", "system"), [("static", STATIC), ("lstm", LSTM)])
def test_javascript_cuts_and_encodes_the_same(run, exported, nasty, tmp_path, encode, name, system):
    texts = [text for text in nasty if len(text) < 1000][:150]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    (tmp_path / "encode.mjs").write_text(ENCODE)
    (tmp_path / "node_modules").symlink_to(Path(NODE_MODULES).resolve())
    (tmp_path / "exported").symlink_to(exported / name)
    found = json.loads(encode(tmp_path))
    opened = open_run(run)
    expected = opened.encode(texts, system)
    tokenizer = opened._opener.tokenizer("tokenizers/bpe-500/tokenizer.json")
    assert found["ids"] == tokenizer.encode(texts)
    assert_allclose(np.array(found["vectors"]["model.onnx"]), expected, atol=1e-4)
    small = np.array(found["vectors"]["model_int8.onnx"])
    assert (small * expected).sum(1)[expected.any(1)].min() > 0.99
