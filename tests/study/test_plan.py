"""What is decided of a training before it begins."""

from types import SimpleNamespace

import pytest

from tokir.config import check_config
from tokir.errors import TokirError
from tokir.study.plan import Planner
from tokir.systems import model_points


def test_a_teacher_as_wide_as_no_hashed_vectors_is_refused():
    config = check_config(
        {
            "tokenizers": [{"type": "character", "hashed": True}],
            "architectures": ["static"],
            "objectives": {"static": ["query-distillation"]},
        }
    )
    teacher = SimpleNamespace(dimensions=300)
    planner = Planner(SimpleNamespace(config=config), SimpleNamespace(), SimpleNamespace(), teacher)
    with pytest.raises(TokirError, match="multiple of 8 dimensions, those of the teacher 300"):
        planner.plan(model_points(config)[0])
