import copy
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tokir.artifacts import file_digest, write_tensors
from tokir.config import ArchitectureSettings, TrainingSettings
from tokir.encoders.graphs.weights import ModelWeights
from tokir.errors import Stopped, TokirError
from tokir.models import build_language_model
from tokir.progress import Silent
from tokir.training import language_model, loop
from tokir.training.checkpoint import forget_state, load_trained
from tokir.training.device import resolve_device
from tokir.training.language_model import LanguageModelObjective

SETTINGS = TrainingSettings(epochs=2, sequence_length=32, batch_size=16, validations_per_epoch=2)
CPU = torch.device("cpu")


class StopAt(Silent):
    """A real Ctrl-C, which arrives wherever the loop is."""

    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, task, done, total, detail=""):
        if done >= self.at:
            self.at = math.inf
            signal.raise_signal(signal.SIGINT)


LSTM = ArchitectureSettings.of("lstm")


@pytest.fixture(scope="module")
def objective(tokenizer, passages):
    return LanguageModelObjective(tokenizer, passages[:100], passages[100:110], SETTINGS, LSTM)


def train(objective, folder, architecture="lstm", progress=None, width=64, device=CPU, **inputs):
    loop.train(
        lambda: build_language_model(architecture, 600, SETTINGS, width),
        objective,
        SETTINGS,
        folder,
        about={"architecture": architecture, "objective": "lm"},
        seed=3,
        device=device,
        progress=progress or Silent(),
        inputs=inputs,
    )


def digests(folder: Path) -> list[str]:
    return [file_digest(folder / name) for name in ("best.safetensors", "final.safetensors")]


@pytest.mark.parametrize("architecture", ["lstm", "transformer"])
def test_stopped_and_resumed_equals_unbroken_bit_for_bit(objective, tmp_path, architecture, device):
    train(objective, tmp_path / "unbroken", architecture, device=device)
    for step in (20, 50):  # the second is in the last epoch
        with pytest.raises(loop.Interrupted, match="the same command resumes there"):
            train(objective, tmp_path / "broken", architecture, StopAt(step), device=device)
    train(objective, tmp_path / "broken", architecture, device=device)
    assert digests(tmp_path / "broken") == digests(tmp_path / "unbroken")
    forget_state(tmp_path / "broken")
    assert not (tmp_path / "broken" / "resume").exists()
    history = [json.loads(line) for line in (tmp_path / "broken" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["loss"] < history[0]["loss"] < math.log(600)


def test_a_signal_after_the_last_question_stops_what_comes_next(objective, tmp_path, monkeypatch):
    def save(self):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_SAVES", -1.0)
    monkeypatch.setattr(loop._Training, "save", save)
    monkeypatch.setattr(loop._Training, "batches", lambda self: iter(list(objective.batches(3, 0)[:1])))
    with pytest.raises(Stopped) as stopped:
        train(objective, tmp_path / "model")
    assert stopped.value.number == signal.SIGTERM and not (tmp_path / "model/config.json").exists()


KILLED = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[2])
from test_loop import *
from tokir.data import load
from tokir.config import TokenizerSettings
from tokir.tokenizers import train_tokenizer
torch.set_num_threads(1)
loop.SECONDS_BETWEEN_SAVES = 0.05
passages = load("wiki").corpus.passages(0, 300)
tokenizer = train_tokenizer(passages, TokenizerSettings(vocabulary_size=600))
objective = LanguageModelObjective(tokenizer, passages[:100], passages[100:110], SETTINGS, LSTM)
train(objective, Path(sys.argv[1]), width=256)  # large enough to be killed under way
"""


def test_a_killed_training_resumes_where_it_stopped(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(Path(__file__).parent)]
    state = tmp_path / "killed" / "resume" / "state.safetensors"
    for _ in range(2):
        process = subprocess.Popen(command)
        seen = state.stat().st_mtime_ns if state.exists() else 0
        while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns > seen):
            time.sleep(0.01)
        process.kill()
        process.wait()
        assert state.exists(), "it ended before it could be killed"
    subprocess.run(command, check=True)
    whole = [*command[:3], str(tmp_path / "whole"), command[4]]
    subprocess.run(whole, check=True)
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_weights_of_another_model_are_refused_in_one_line(objective, tmp_path):
    train(objective, tmp_path / "model")
    write_tensors(tmp_path / "model/best.safetensors", {"embedding.weight": torch.zeros(3, 2)})
    with pytest.raises(
        TokirError, match=r"best\.safetensors: not the weights of the model that config\.json"
    ) as said:
        load_trained(tmp_path / "model", "best", CPU)
    assert "\n" not in str(said.value)
    with pytest.raises(TokirError, match="not the weights of the model"):
        _ = ModelWeights.read(tmp_path / "model", "best").network["recurrent.0.bias_ih_l0"]
    assert load_trained(tmp_path / "model", "final", CPU)


def test_one_bit_of_a_saved_state_is_noticed(objective, tmp_path, caplog):
    with pytest.raises(loop.Interrupted):
        train(objective, tmp_path / "a", progress=StopAt(20))
    train(objective, tmp_path / "unbroken")
    state = tmp_path / "a/resume/state.safetensors"
    whole = state.read_bytes()
    for place in (len(whole) // 3, len(whole) - 5):  # weights, and a random state
        state.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        shutil.rmtree(tmp_path / "b", ignore_errors=True)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        caplog.clear()
        train(objective, tmp_path / "b")
        assert [record.getMessage() for record in caplog.records] == [
            f"{tmp_path / 'b/resume/state.safetensors'}: damaged; the training starts again"
        ]
        assert digests(tmp_path / "b") == digests(tmp_path / "unbroken")


def test_a_damaged_or_foreign_state_starts_again(objective, tmp_path, caplog):
    with pytest.raises(loop.Interrupted):
        train(objective, tmp_path / "a", progress=StopAt(20), data=1)
    train(objective, tmp_path / "unbroken", data=2)
    train(objective, tmp_path / "a", data=2)
    assert "of other settings or data" in caplog.text
    assert digests(tmp_path / "a") == digests(tmp_path / "unbroken")
    state = tmp_path / "b" / "resume" / "state.safetensors"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"nothing of use")
    train(objective, tmp_path / "b", data=2)
    assert "state.safetensors: damaged" in caplog.text
    assert digests(tmp_path / "b") == digests(tmp_path / "unbroken")


def test_the_state_of_another_number_of_steps_starts_again(objective, tmp_path, caplog):
    """A budget of seconds gives other steps on another number of threads."""
    with pytest.raises(loop.Interrupted):
        train(objective, tmp_path / "a", progress=StopAt(20))
    fewer = copy.copy(objective)
    fewer.steps = 15
    train(fewer, tmp_path / "a")
    assert "of other settings or data" in caplog.text
    train(fewer, tmp_path / "unbroken")
    assert digests(tmp_path / "a") == digests(tmp_path / "unbroken")


@pytest.mark.parametrize("cells", [None, 1])
def test_validation_scores_divide_one_summed_loss(tokenizer, passages, monkeypatch, cells):
    """Against the definition, one token at a time, without batches or padding."""
    if cells:  # as with a large vocabulary: one window at a time
        monkeypatch.setattr(language_model, "VALIDATION_CELLS", cells)
    held_out = [passages[3], "naïve café", passages[5]]
    objective = LanguageModelObjective(tokenizer, passages[:20], held_out, SETTINGS, LSTM)
    torch.manual_seed(0)
    model = build_language_model("transformer", 600, SETTINGS).eval()
    scores = objective.validate(model)
    total, tokens = 0.0, 0
    for ids in tokenizer.encode(held_out):
        inputs = [tokenizer.separator_id, *ids[:-1]]
        for start in range(0, len(ids), 32):
            with torch.no_grad():
                logits = model(torch.tensor([inputs[start : start + 32]]))[0]
            for position, target in enumerate(ids[start : start + 32]):
                total -= float(torch.log_softmax(logits[position], -1)[target])
                tokens += 1
    assert scores["perplexity"] == pytest.approx(math.exp(total / tokens), rel=1e-4)
    text = "".join(held_out)
    assert scores["bits_per_character"] == pytest.approx(total / math.log(2) / len(text), rel=1e-4)
    assert scores["bits_per_byte"] == pytest.approx(total / math.log(2) / len(text.encode()), rel=1e-4)


def test_batches_cover_every_window_once_and_skip_what_is_done(objective):
    batches = objective.batches(seed=1, epoch=0)
    starts = sorted(int(start) for batch in batches for start in batch)
    assert len(starts) == objective.windows and len(set(starts)) == objective.windows
    assert set(np.diff(starts)) == {32}
    assert starts[-1] + 32 < len(objective.stream)
    later = objective.batches(seed=1, epoch=0, skip=3)
    assert all((a == b).all() for a, b in zip(batches[3:], later, strict=True))


def test_the_schedule_warms_up_and_decays():
    rates = [loop.learning_rate(step, 100, 0.01, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.001) and max(rates) == pytest.approx(0.01)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-5


def test_a_device_that_is_not_there_is_named():
    if not torch.cuda.is_available():
        with pytest.raises(TokirError, match="--device cuda: there is none on this machine"):
            resolve_device("cuda")


def test_too_little_text_for_one_window_is_named(tokenizer):
    with pytest.raises(TokirError, match="fewer than one window"):
        LanguageModelObjective(tokenizer, ["short"], ["x"], SETTINGS, LSTM)


def test_held_out_documents_without_text_are_an_error_and_not_a_perplexity_of_one(tokenizer, passages):
    with pytest.raises(TokirError, match=r"the held-out documents hold no tokens.*data\.seed"):
        LanguageModelObjective(tokenizer, passages[:20], ["", ""], SETTINGS, LSTM)
    assert LanguageModelObjective(tokenizer, passages[:20], ["", "a"], SETTINGS, LSTM).steps
