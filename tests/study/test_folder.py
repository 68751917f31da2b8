import json

import pytest

from tokir.artifacts import Names, RunFolder, durable
from tokir.config import load_config
from tokir.errors import TokirError
from tokir.study import Study
from tokir.study.folder import read_config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nseeds: [0", r"study\.yaml:2: not YAML"),
        ("- 1", r"study\.yaml: damaged: it holds no settings"),
        ("training: {epochs: 0}", r"study\.yaml: training\.epochs is 0"),
        ("\0", r"study\.yaml: not YAML"),
    ],
)
def test_a_damaged_configuration_is_one_sentence_with_its_place(text, said, tmp_path):
    (tmp_path / Names.STUDY).write_text(text)
    with pytest.raises(TokirError, match=said) as error:
        read_config(RunFolder(tmp_path))
    assert "\n" not in str(error.value)


class Killed(BaseException):
    pass


def test_a_kill_in_the_very_first_step_does_not_block_the_folder_and_a_users_files_do(data, tmp_path):
    config = load_config("quickstart", [f"data.source={json.dumps(str(data))}", "baselines=[bm25]"])
    number = 0
    while True:  # killed at every step in which a study is begun
        taken, number = [], number + 1
        place = tmp_path / str(number)

        def dying(step, taken=taken, number=number):
            if not step.path.name.endswith(".holder"):  # the lock of a process that is gone is free
                taken.append(step)
                if len(taken) >= number:
                    raise Killed
            return step.do()

        try:
            with durable.watched(dying):
                Study(config, place)
        except Killed:
            Study(config, place)
            assert not list(place.rglob(".tokir-*")) and RunFolder(place).whole()
        else:
            break
    assert number > 20
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "study.yaml").write_text("name: mine\n")
    with pytest.raises(TokirError, match="is not a run folder and not empty"):
        Study(config, mine)
    assert (mine / "study.yaml").read_text() == "name: mine\n" and len(list(mine.iterdir())) == 1


def test_a_damaged_beginning_is_written_again_by_the_same_words_and_refused_otherwise(data, tmp_path, caplog):
    words = [f"data.source={json.dumps(str(data))}", "baselines=[bm25]", "architectures=[static]"]
    config, place = load_config("quickstart", words), tmp_path / "run"
    study = Study(config, place)
    study.folder.ensure(["made"], 0, lambda: (place / "made").write_text("something"))
    whole = {name: (place / name).read_bytes() for name in (Names.STUDY, Names.OMISSIONS, Names.SOURCE)}
    for name, content in whole.items():
        for damage in (content[: len(content) // 2], content[:-3] + b"0" + content[-2:], b"", None):
            (place / name).unlink()
            if damage is not None:
                (place / name).write_bytes(damage)
            caplog.clear()
            if name == Names.STUDY and damage is not None:
                with pytest.raises(TokirError, match=r"study\.yaml: damaged"):
                    read_config(RunFolder.open(place))
            other = load_config("quickstart", [*words, "seeds=[7]"])
            with pytest.raises(TokirError):
                Study(other, place)
            Study(config, place)
            assert damage is None or f"{name}: damaged" in caplog.text
            assert {name: (place / name).read_bytes() for name in whole} == whole
