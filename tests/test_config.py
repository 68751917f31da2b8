import pytest
import yaml

from tokir.config import PRESETS, StudyConfig, check_config, dump_config, load_config
from tokir.errors import TokirError


@pytest.mark.parametrize("preset", PRESETS)
def test_a_dumped_preset_reads_back_as_itself(preset, tmp_path):
    config = load_config(preset)
    file = tmp_path / "study.yaml"
    file.write_text(dump_config(config))
    assert load_config(str(file)) == config


def test_the_reference_preset_is_the_reference_set_up():
    config = load_config("reference")
    training = config.training
    assert (config.tokenizers[0].type, config.tokenizers[0].vocabulary_size) == ("bpe", 2000)
    assert (training.documents, training.epochs, training.sequence_length, training.batch_size) == (
        5000,
        10,
        128,
        32,
    )
    assert set(config.baselines) == {"bm25", "minilm", "canine", "roberta", "byt5"}
    assert config.architectures == ["lstm", "transformer"]


def test_overrides_reach_nested_settings_and_lists():
    config = load_config("quickstart", ["training.epochs=3", "tokenizers.0.lowercase=true", "seeds=[1, 2]"])
    assert (config.training.epochs, config.tokenizers[0].lowercase, config.seeds) == (3, True, [1, 2])
    assert config.tokenizers[0].id == "bpe-2k-lower"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["training.epoch=3"], ["training.epoch", "did you mean 'epochs'", "allowed are"]),
        (["architectures=[lsmt]"], ["architectures.0", "did you mean 'lstm'"]),
        (["baselines=[bm52]"], ["baselines.0", "did you mean 'bm25'"]),
        (["training.epochs=0"], ["training.epochs", "greater than or equal to 1"]),
        (["seeds=[3, 3]"], ["seeds", "3 is named more than once"]),
        (["training.gradient_clip=.inf"], ["training.gradient_clip", "finite"]),
        (["name=2024-13-01"], ["name", "not YAML"]),
        (["training.epochs=[1"], ["training.epochs", "not YAML"]),
        (["epochs"], ["key=value"]),
        (["objectives.lstm=[contrastve]"], ["objectives.lstm.0", "did you mean 'contrastive'"]),
        (["objectives.lstm=[contrastive-then-lm]"], ["lm comes first"]),
        (["objectives.static=[lm]"], ["objectives.static", "no order of words"]),
        (["poolings=[mean]"], ["contrastive+queries", "learned"]),
        (["fusions=[{systems: [bm25]}]"], ["fusions.0.systems", "at least 2"]),
        (["variants=[{name: x, retrieval: {pairs: cloz}}]"], ["variant x", "retrieval.pairs"]),
        (["variants=[{name: x, retrieval: {teacher: canine}}]"], ["variant x", "one for all models"]),
        (["fusions=[{systems: [best-maxsim, bm25]}]"], ["best-maxsim", "pooling maxsim"]),
        (["language_model_seeds=[0, 0]"], ["language_model_seeds", "more than once"]),
        (["objectives.static=[simcse, simcse]"], ["objectives.static", "more than once"]),
        (
            ["variants=[{name: x, retrieval: {pairs: cloze}, objectives: [simcse]}]"],
            ["variant x fits no objective"],
        ),
        (["budget.match=total", "objectives.lstm=[contrastive]"], ["budget.match", "cannot be matched"]),
        (["budget.equal=seconds"], ["budget", "seconds"]),
        (["tokenizers=[{type: byte, vocabulary_size: 300}]"], ["tokenizers.0", "257 entries"]),
        (["tokenizers=[{type: word, prefix_space: true}]"], ["tokenizers.0", "prefix_space"]),
        (["tokenizers=[{type: file}]"], ["tokenizers.0", "setting file"]),
        (["tokenizers=[{type: wordpiece}]"], ["tokenizers.0.type", "did you mean 'wordpiece-bpe'"]),
        (["seeds.0.x=1"], ["seeds.0 is no group of settings"]),
    ],
)
def test_a_wrong_setting_gets_one_sentence_with_the_field(overrides, words):
    with pytest.raises(TokirError) as error:
        load_config("quickstart", overrides)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_unknown_preset_and_missing_file_are_named():
    with pytest.raises(TokirError, match="did you mean 'quickstart'"):
        load_config("quikstart")
    with pytest.raises(TokirError, match=r"none\.yaml"):
        load_config("none.yaml")


def test_every_default_is_within_its_bounds():
    assert check_config(yaml.safe_load(dump_config(StudyConfig()))) == StudyConfig()


def test_lists_in_a_tokenizer_are_a_grid():
    entry = {"type": "bpe", "vocabulary_size": [500, 1000], "lowercase": [False, True]}
    ids = [tokenizer.id for tokenizer in check_config({"tokenizers": [entry]}).tokenizers]
    assert ids == ["bpe-500", "bpe-500-lower", "bpe-1k", "bpe-1k-lower"]
