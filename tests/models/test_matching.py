import pytest

from tokir.config import RetrievalSettings, TrainingSettings
from tokir.errors import TokirError
from tokir.models import build_language_model, build_retriever
from tokir.models.matching import count, matched_width


def language_model(architecture):
    return lambda vocabulary, width: build_language_model(architecture, vocabulary, TrainingSettings(), width)


def static(vocabulary, width):
    return build_retriever("static", vocabulary, RetrievalSettings().model_copy(update={"dimensions": width}), 1)


@pytest.mark.parametrize("architecture", ["lstm", "transformer"])
def test_widths_make_up_for_vocabularies(architecture):
    build = language_model(architecture)
    wanted = count(lambda: build(2000, 256), "total")
    assert wanted == build(2000, 256).num_parameters()
    for vocabulary in (257, 2000, 8000):
        width = matched_width(lambda width, size=vocabulary: build(size, width), 256, wanted, "total")
        assert build(vocabulary, width).num_parameters() == pytest.approx(wanted, rel=0.04)
        assert (width > 256) == (vocabulary < 2000) and (width < 256) == (vocabulary > 2000)
    # Outside of the tables of tokens a model of the same width has the same parameters already.
    inner = count(lambda: build(2000, 256), "non-embedding")
    assert matched_width(lambda width: build(8000, width), 256, inner, "non-embedding") == 256


def test_a_static_model_is_nothing_but_its_table():
    wanted = count(lambda: static(2000, 256), "total")
    width = matched_width(lambda width: static(257, width), 256, wanted, "total")
    assert static(257, width).num_parameters() == pytest.approx(514_001, rel=0.01)
    with pytest.raises(TokirError, match="even the narrowest model"):
        matched_width(lambda width: static(100_000, width), 256, wanted, "total")
    with pytest.raises(TokirError, match="even the widest model"):
        matched_width(lambda width: static(257, width), 256, 10 * 8192 * 257, "total")
    inner = count(lambda: static(2000, 256), "non-embedding")
    assert matched_width(lambda width: static(257, width), 256, inner, "non-embedding") == 256
