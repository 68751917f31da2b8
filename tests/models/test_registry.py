import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from tokir.config import ArchitectureSettings, RetrievalSettings, TrainingSettings, check_config
from tokir.errors import TokirError
from tokir.models import build_language_model, build_retriever
from tokir.models.network import Network, NetworkShape
from tokir.models.registry import ARCHITECTURES, Architecture
from tokir.progress import Silent
from tokir.training.checkpoint import load_trained
from tokir.training.contrastive import OwnPairs
from tokir.training.language_model import LanguageModelObjective
from tokir.training.loop import train
from tokir.training.pairs import TokenisedPassages
from tokir.training.retrieval import RetrievalObjective, ValidationPool
from tokir.training.texts import Texts

CPU = torch.device("cpu")


@dataclass(frozen=True)
class GRUConfig:
    vocabulary_size: int
    width: int

    @classmethod
    def of(cls, shape: NetworkShape) -> "GRUConfig":
        return cls(shape.vocabulary_size, shape.width)

    def build(self, predicts: bool = True) -> "GRU":
        return GRU(self, predicts)


class GRU(Network):
    """An architecture from outside the package."""

    def __init__(self, config: GRUConfig, predicts: bool) -> None:
        super().__init__()
        self.config, self.dimensions = config, config.width
        self.embedding = torch.nn.Embedding(config.vocabulary_size, config.width)
        self.recurrent = torch.nn.GRU(config.width, config.width, batch_first=True)
        self.output = torch.nn.Linear(config.width, config.vocabulary_size) if predicts else None

    def states(self, tokens, mask=None):
        return self.recurrent(self.embedding(tokens))[0]

    def forward(self, tokens):
        return self.output(self.states(tokens))


@pytest.fixture
def gru(monkeypatch):
    monkeypatch.setattr(ARCHITECTURES, "_entries", dict(ARCHITECTURES._entries))
    entry = Architecture(
        label="GRU",
        network=f"{__name__}:GRUConfig",
        steps=3,
        batch_size=8,
        learning_rate=0.01,
        retrieval_learning_rate=0.002,
    )
    ARCHITECTURES.add("gru", entry)


def run(build, objective, settings, folder, name):
    about = {"architecture": "gru", "objective": name}
    train(build, objective, settings, folder, about=about, seed=0, device=CPU, progress=Silent(), inputs={})
    loaded = load_trained(folder, "final", CPU)
    assert {key: value.shape for key, value in loaded.state_dict().items()} == {
        key: value.shape for key, value in build().state_dict().items()
    }
    return loaded


def test_an_architecture_from_outside_is_trained_both_ways_saved_and_rebuilt(gru, tokenizer, passages, tmp_path):
    config = check_config({"architectures": ["gru"], "objectives": {"gru": ["lm", "simcse"]}})
    own = config.models["gru"]
    assert own == ArchitectureSettings.of("gru") and own.steps == 3
    training = TrainingSettings(epochs=1, sequence_length=32, batch_size=16, validations_per_epoch=1)
    language = LanguageModelObjective(tokenizer, passages[:10], passages[10:12], training, own)
    model = run(lambda: build_language_model("gru", 600, training, 16), language, training, tmp_path / "lm", "lm")
    assert isinstance(model, GRU) and model.output is not None

    settings = RetrievalSettings(validations=1, dimensions=16, query_tokens=(2, 6), passage_tokens=(6, 20))
    tokenised = TokenisedPassages(tokenizer, [""] * 40, passages[:40])
    pairs = OwnPairs(tokenised, "crop", settings.query_tokens, settings.passage_tokens)
    pool = ValidationPool(Texts.of([tokenised.whole(0)[:9]]), [{0}], list(range(40)))
    retrieval = RetrievalObjective(tokenised, [(pairs, 1.0)], pool, settings, own, False, 32)

    def build():
        return build_retriever("gru", 600, settings, 32, width=16)

    retriever = run(build, retrieval, settings, tmp_path / "retriever", "contrastive")
    assert isinstance(retriever.network, GRU) and retriever.network.output is None


def test_a_saved_model_of_an_unknown_architecture_is_an_error_of_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"architecture": "gur", "objective": "lm", "model": {}}')
    with pytest.raises(TokirError, match=r"damaged model configuration .*unknown architecture 'gur'"):
        load_trained(tmp_path, "best", CPU)


def test_names_are_known_without_loading_what_stands_behind_them():
    code = (
        "import sys, tokir.config, tokir.models, tokir.training.registry;"
        "print([name for name in ('torch', 'numpy', 'pyarrow') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
