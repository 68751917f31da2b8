import pytest

from tokir.config import RetrievalSettings, TrainingSettings
from tokir.errors import TokirError
from tokir.models import build_language_model, build_retriever
from tokir.models.matching import matched_width


def language_model(architecture):
    return lambda vocabulary, width: build_language_model(architecture, vocabulary, TrainingSettings(), width)


def static(vocabulary, width):
    return build_retriever("static", vocabulary, RetrievalSettings(dimensions=width), 1)


@pytest.mark.parametrize("architecture", ["lstm", "transformer"])
def test_widths_make_up_for_vocabularies(architecture):
    build = language_model(architecture)
    wanted = build(2000, 256).num_parameters()
    for vocabulary in (257, 2000, 8000):
        width = matched_width(build, vocabulary, (2000, 256), "total")
        assert build(vocabulary, width).num_parameters() == pytest.approx(wanted, rel=0.04)
        assert (width > 256) == (vocabulary < 2000) and (width < 256) == (vocabulary > 2000)
    # Outside of the tables of tokens a model of the same width has the same parameters already.
    assert matched_width(build, 8000, (2000, 256), "non-embedding") == 256
    assert matched_width(build, 8000, (2000, 256), "none") == 256


def test_a_static_model_is_nothing_but_its_table():
    width = matched_width(static, 257, (2000, 256), "total")
    assert static(257, width).num_parameters() == pytest.approx(514_001, rel=0.01)
    with pytest.raises(TokirError, match="even the narrowest model has more"):
        matched_width(static, 100_000, (2000, 256), "total")
