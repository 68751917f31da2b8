"""What the files of a system are made of."""

from __future__ import annotations

from types import SimpleNamespace

from tokir.config import check_config
from tokir.study.searchers import Searchers
from tokir.systems import trained_systems


def whitened_by(weights):
    """What the whitening of queries in a teacher's space depends on, where the model has these weights."""
    objective = {"static": ["query-distillation"]}
    config = check_config({"architectures": ["static"], "objectives": objective, "poolings": ["learned-white"]})
    [system] = trained_systems(config)
    asked = []
    folder = SimpleNamespace(
        key=lambda name: f"bytes of {name}", ensure=lambda names, inputs, make: asked.append(inputs)
    )
    teacher = SimpleNamespace(name="minilm")
    models = SimpleNamespace(plan=lambda point: point, ensure=lambda plan: weights, teacher=teacher)
    embeddings = SimpleNamespace(indexed=lambda *files, **more: None, pretrained_files=lambda name: None)
    searchers = Searchers(
        SimpleNamespace(folder=folder, validation=None, validation_inputs=None), models, embeddings
    )
    searchers._raw = lambda raw: (None, "embeddings/minilm/corpus.npy")
    searchers._made(system)
    return asked


def test_a_whitening_of_the_teachers_vectors_depends_on_the_model_that_makes_the_queries():
    assert whitened_by("these") == whitened_by("these") != whitened_by("others")
