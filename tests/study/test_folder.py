import pytest

from tokir.artifacts import Names, RunFolder
from tokir.errors import TokirError
from tokir.study.folder import read_config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nseeds: [0", r"study\.yaml:2: damaged"),
        ("- 1", r"study\.yaml: damaged: it holds no settings"),
        ("training: {epochs: 0}", r"study\.yaml: training\.epochs is 0"),
        ("\0", r"study\.yaml: damaged"),
    ],
)
def test_a_damaged_configuration_is_one_sentence_with_its_place(text, said, tmp_path):
    (tmp_path / Names.STUDY).write_text(text)
    with pytest.raises(TokirError, match=said) as error:
        read_config(RunFolder(tmp_path))
    assert "\n" not in str(error.value)
