"""A small share of what ``benchmarks/fuzz.py`` tries: changed input raises nothing but tokir's own errors."""

from __future__ import annotations

from random import Random

import pytest

pytest.importorskip("starlette")

from fuzzing.samples import prepare
from fuzzing.targets import GROUPS, targets

SEED, INPUTS = 18, 120  # of each parser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("fuzzing") / "samples"
    prepare(made)
    return made


@pytest.mark.parametrize("group", GROUPS)
def test_changed_input_is_read_or_refused(folder, group):
    for name, target in targets(folder, group).items():
        for sample in target.samples:
            target.read(sample)  # as it is, it is valid
        for number in range(round(INPUTS * target.share)):
            data = target.mutated(Random(SEED + number))
            try:
                target.tried(data)
            except BaseException as error:  # a panic of Rust is no Exception
                raise AssertionError(f"{name}: input {number} ({data[:200]!r})") from error
