import pytest
import yaml

from command import tokir
from tokir.config import PRESETS, Objective, Pooling, StudyConfig, check_config, dump_config, load_config
from tokir.config.description import descriptions
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
        (["models.\udcfftatic.steps=30"], ["--set", "not valid Unicode"]),
        (["objectives.lstm=[contrastve]"], ["objectives.lstm.0", "did you mean 'contrastive'"]),
        (["objectives.lstm=[contrastive-then-lm]"], ["lm comes first"]),
        (["objectives.static=[lm]"], ["objectives.static", "for retrieval alone"]),
        (["poolings=[mean]"], ["contrastive+queries", "learned"]),
        (["fusions=[{systems: [bm25]}]"], ["fusions.0.systems", "at least 2"]),
        (["variants=[{name: x, retrieval: {pairs: cloz}}]"], ["variant x", "retrieval.pairs"]),
        (
            ["variants=[{name: x, retrieval: {teacher: canine}}]"],
            ["variants.0", "one for all models"],
        ),
        (
            ["retrieval.interaction=late", "objectives.lstm=[contrastive]"],
            ["retrieval.interaction", "lstm is a network"],
        ),
        (
            ["variants=[{name: x, retrieval: {interaction: late}}]", "objectives.transformer=[contrastive]"],
            ["variant x: retrieval.interaction", "transformer is a network"],
        ),
        (["late_interaction.kept=0"], ["late_interaction.kept is 0", "greater than 0"]),
        (["architecture_seeds.lstm=[0, 0]"], ["architecture_seeds.lstm", "more than once"]),
        (["architecture_seeds.lstm=[]"], ["architecture_seeds.lstm", "at least 1 item"]),
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
        (["tokenizers=[{type: file, file: a.json, vocabulary_size: 9}]"], ["tokenizers.0", "entries of its file"]),
        (["tokenizers=[{type: wordpiece}]"], ["tokenizers.0.type", "did you mean 'wordpiece-bpe'"]),
        (["models.lsmt.steps=3"], ["models.lsmt", "did you mean 'lstm'"]),
        (["models.lstm.step=3"], ["models.lstm.step", "did you mean 'steps'", "retrieval_learning_rate"]),
        (["models.lstm.steps=0"], ["models.lstm.steps", "greater than or equal to 1"]),
        (["models.static.learning_rate=0.1"], ["models.static.learning_rate", "leave it out"]),
        (["models.lstm.learning_rate=null"], ["models.lstm.learning_rate", "0.01"]),
        (["retrieval.steps=500"], ["retrieval.steps is now models.<architecture>.steps"]),
        (["variants=[{name: x, retrieval: {steps: {static: 9}}}]"], ["variants.0", "models.<architecture>"]),
        (["variants=[{name: x, retrieval: {pairs: cloze}, models: {}}]"], ["variants.0", "models.<architecture>"]),
        (
            ["variants=[{name: x, retrieval: {query_tokens: [9, 3]}}]"],
            ["variant x", "query_tokens", "[3, 9]"],
        ),
        (["retrieval.query_tokens=[20, 2]"], ["retrieval.query_tokens", "[2, 20]"]),
        (["retrieval.passage_tokens=[-5, 3]"], ["retrieval.passage_tokens.0", "greater than or equal to 1"]),
        (["retrieval.query_tokens=[0, 0]"], ["retrieval.query_tokens.0", "greater than or equal to 1"]),
        (["poolings=[mean-whte]"], ["poolings.0", "did you mean 'mean-white'"]),
        (["poolings=[3]"], ["poolings.0", "name"]),
        (["training=null"], ["training is None: input should be a mapping of settings"]),
        (["models.static=5"], ["models.static is 5: input should be a mapping of settings"]),
        (["seeds=[]"], ["seeds is []: list should have at least 1 item, not 0"]),
        (["seeds.0.x=1"], ["seeds.0 is not a group of settings"]),
        (
            ["tokenizers=[{type: file, file: a/bert/tokenizer.json}, {type: file, file: b/bert/tokenizer.json}]"],
            ["file-bert is named more than once: put one file into a folder of another name"],
        ),
        (["tokenizers.9.type=byte"], ["name one of tokenizers by its number", "tokenizers.0"]),
        (["tokenizers.².type=byte"], ["name one of tokenizers by its number"]),
        (["training.epochs=yes"], ["training.epochs is True: write a number"]),
        (["retrieval.query_tokens=[2, 100000000000000000000]"], ["retrieval.query_tokens.1"]),
        (["tokenizers=[{type: bpe, vocabulary_size: []}]"], ["tokenizers.0.vocabulary_size is an empty list"]),
        (["fusions=[{systems: [bm25, bm25]}]"], ["fusions.0.systems", "bm25 is named more than once"]),
        (["objectives.static=[contrastive+queries, queries+contrastive]"], ["named more than once"]),
        (["variants=[{name: same, retrieval: {titles: true}}]"], ["variant same changes nothing"]),
        (
            ["architectures=[static]", "variants=[{name: x, retrieval: {titles: false, neighbours: 1}}]"],
            ["variant x", "retrieval.neighbours changes nothing", "static for contrastive+queries"],
        ),
        (
            ["architectures=[static]", "variants=[{name: x, retrieval: {dropout: 0.3}}]"],
            ["dropout changes nothing"],
        ),
        (["architectures=[static]", "objectives={static: []}", "baselines=[]"], ["there is no system to make"]),
        (
            [f"tokenizers=[{{type: bpe, vocabulary_size: {[*range(300, 700)]}, lowercase: {[True] * 400}}}]"],
            ["their lists of values make 160,000 tokenizers, and a study has 1,000"],
        ),
    ],
)
def test_a_wrong_setting_gets_one_sentence_with_the_field(overrides, words):
    with pytest.raises(TokirError) as error:
        load_config("quickstart", overrides)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_an_override_leaves_all_else_as_it_was_said(tmp_path):
    preset, one = load_config("quickstart"), load_config("quickstart", ["training={epochs: 7}"])
    assert one.training == preset.training.model_copy(update={"epochs": 7})
    file = tmp_path / "study.yaml"
    file.write_text("architectures: [static]\narchitecture_seeds: {lstm: [5, 6]}\ntokenizers: [{type: bpe}]\n")
    changed = load_config(str(file), ["architectures=[lstm]", "tokenizers.0.type=byte"])
    assert changed.architecture_seeds == {"lstm": [5, 6]} and changed.tokenizers[0].id == "byte"
    assert load_config("tokenizers", ["tokenizers.6.type=bpe"]).tokenizers[6].id == "bpe-2k-lower"


def test_what_yaml_would_lose_or_change_is_not(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("training: {epochs: 3}\nseeds: [0]\ntraining: {documents: 10}\n")
    with pytest.raises(TokirError, match=r"study\.yaml:3: .*training is given twice"):
        load_config(str(file))
    assert load_config("quickstart", ["training.epochs=010"]).training.epochs == 10
    with pytest.raises(TokirError, match=r"training\.epochs"):
        load_config("quickstart", ["training.epochs=1:30"])


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


OLD = """
architectures: [lstm, static]
objectives: {lstm: [lm-then-contrastive], static: [contrastive+distillation]}
training: {learning_rate: {lstm: 0.02}}
retrieval:
  steps: {static: 7, lstm: 3}
  batch_size: {static: 16}
  learning_rate: {tokens: 0.03, trained_tokens: 0.004, lstm: 0.005}
  related: 4
variants: [{name: alone, retrieval: {related: 1, learning_rate: {tokens: 0.2}}}]
"""


def test_settings_of_what_is_not_trained_are_named(tmp_path, caplog):
    file = tmp_path / "study.yaml"
    file.write_text("architectures: [static]\nobjectives: {lstm: [lm]}\nmodels: {static: {steps: 3}}\n")
    load_config(str(file), ["models={transformer: {steps: 3}}", "architecture_seeds.lstm=[1]"])
    assert [record.message.partition(" is not read")[0] for record in caplog.records] == [
        f"{file}: objectives.lstm", "--set: models.transformer", "--set: architecture_seeds.lstm",
    ]  # fmt: skip
    caplog.clear()
    load_config("objectives", ["architectures=[static]", "models.static.steps=3"])
    assert not caplog.records


def test_old_names_are_understood_and_the_new_ones_are_named_in_one_line(caplog):
    config = check_config(yaml.safe_load(OLD), "old.yaml")
    lstm, static = config.models["lstm"], config.models["static"]
    assert (lstm.learning_rate, lstm.retrieval_learning_rate, lstm.steps, lstm.batch_size) == (0.02, 0.005, 3, 128)
    assert (static.steps, static.batch_size) == (7, 16)
    retrieval, alone = config.retrieval, config.retrieval_of("alone")
    assert (retrieval.token_learning_rate, retrieval.trained_token_learning_rate) == (0.03, 0.004)
    assert (retrieval.neighbours, alone.neighbours, alone.token_learning_rate) == (4, 1, 0.2)
    [record] = caplog.records
    for words in (
        "old.yaml: ",
        "retrieval.steps.static is now models.static.steps",
        "variants.0.retrieval.related is now variants.0.retrieval.neighbours",
    ):
        assert words in record.getMessage()


def test_old_names_in_overrides_win_over_what_the_preset_says(caplog):
    old = ["retrieval.steps.static=9", "retrieval.batch_size={static: 8, lstm: 4}", "retrieval.related=2"]
    config = load_config("best", [*old, "architectures=[lstm]", "objectives.lstm=[contrastive]", "poolings=[learned]",
                                  "fusions=[]"])  # fmt: skip
    assert (config.models["static"].steps, config.models["static"].batch_size) == (9, 8)
    assert (config.models["lstm"].batch_size, config.retrieval.neighbours) == (4, 2)
    assert len(caplog.records) == 1
    with pytest.raises(
        TokirError, match=r"x\.yaml: retrieval\.related is now retrieval\.neighbours, and both are set"
    ):
        check_config({"retrieval": {"related": 3, "neighbours": 4}}, "x.yaml")


def test_a_configuration_holds_the_settings_of_what_it_trains_and_equal_studies_are_equal():
    dumped = yaml.safe_load(dump_config(load_config("reference")))
    assert dumped["models"] == {
        "lstm": {"learning_rate": 0.01, "retrieval_learning_rate": 0.002, "steps": 400, "batch_size": 128},
        "transformer": {"learning_rate": 0.001, "retrieval_learning_rate": 0.001, "steps": 200, "batch_size": 128},
    }
    assert dumped["objectives"] == {"lstm": ["lm"], "transformer": ["lm"]}
    # Networks that are trained to retrieve start from a static model.
    config = check_config({"architectures": ["lstm"], "objectives": {"lstm": ["simcse"]}})
    assert (config.models["static"].steps, config.models["static"].batch_size) == (2000, 256)
    # What the preset says of an architecture holds when an override brings it in, and nothing is left of the others.
    config = load_config("objectives", ["architectures=[transformer]", "objectives.transformer=[lm]"])
    assert config.models["transformer"].steps == 100
    assert list(config.models) == list(config.objectives) == ["transformer"]


def test_an_objective_is_read_and_written_once():
    objective = Objective.parse("lm-then-contrastive-then-contrastive+queries")
    assert str(objective) == "lm-then-contrastive-then-contrastive+queries"
    assert [str(stage) for stage in objective.stages] == ["lm", "contrastive", "contrastive+queries"]
    assert str(objective.before) == "lm-then-contrastive" and objective.parts == ("contrastive", "queries")
    assert objective.needs == {"train queries"} and objective.models_language and objective.retrieves
    assert objective.label == "LM → contrastive → contrastive + queries"
    assert objective == Objective.parse(str(objective)) and len({objective, Objective.parse(str(objective))}) == 1
    assert str(objective.without({"queries"})) == "lm-then-contrastive"
    assert Objective.parse("queries").without({"queries"}) is None
    twice = Objective.parse("contrastive-then-simcse-then-contrastive")
    assert twice.without({"queries"}) is twice
    language_model = Objective.parse("lm")
    assert language_model.before is None and language_model.parts == () and not language_model.retrieves


def test_poolings_say_what_they_are_made_of():
    names = ["mean", "mean-white", "mean-top", "sif", "sif-white", "sif-top", "learned", "learned-white", "maxsim"]
    poolings = [Pooling.parse(name) for name in names]
    assert [str(pooling) for pooling in poolings] == names
    assert [str(pooling.unprocessed) for pooling in poolings] == ["mean"] * 3 + ["sif"] * 3 + ["learned"] * 3
    assert [pooling.label for pooling in poolings] == [
        "raw mean",
        "whitened mean",
        "common components removed mean",
        "SIF",
        "whitened SIF",
        "common components removed SIF",
        "",
        "whitened",
        "late interaction",
    ]
    assert [pooling.fits(Objective.parse("lm")) for pooling in poolings] == [True] * 6 + [False] * 3
    assert [pooling.late for pooling in poolings] == [False] * 8 + [True]


def flatten(values, prefix=""):
    """Nested settings as dotted keys."""
    if isinstance(values, list) and values and isinstance(values[0], dict):
        values = dict(enumerate(values))
    if not isinstance(values, dict) or not values:
        return {prefix: values}
    parts = (flatten(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in values.items())
    return {key: value for part in parts for key, value in part.items()}


def test_every_setting_is_shown_with_its_default(capsys):
    assert [one.name for one in descriptions() if not one.meaning] == []
    tokir("settings")
    shown = {line.partition("  ")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")}
    config = check_config(
        {"fusions": [{}], "architectures": ["static"], "objectives": {"static": ["contrastive"]}}
    )
    known = {name.replace(".static", ".NAME") for name in flatten(config.model_dump(mode="json"))}
    assert known - {"variants", "objectives.NAME"} <= shown and {"variants.0.name", "objectives"} <= shown
    tokir("settings", "retrieval.query_tokens")
    assert capsys.readouterr().out.startswith("retrieval.query_tokens  [2, 20]\n    shortest and longest crop")
    tokir("settings", "pool")
    assert capsys.readouterr().out.startswith("poolings  [mean, mean-white, learned]\n")
    tokir("settings", "retrieval_", code=2)
    assert "no setting begins with 'retrieval_' (did you mean 'retrieval'?)" in capsys.readouterr().err


def test_what_is_said_of_an_architecture_that_is_not_trained_is_a_mistake():
    with pytest.raises(ValueError, match=r"objectives\.static: architectures is not set"):
        StudyConfig(objectives={"static": ["contrastive"]})
    with pytest.raises(ValueError, match=r"architecture_seeds\.static"):
        StudyConfig(architecture_seeds={"static": [0, 1]})
    with pytest.raises(TokirError, match="variants is empty"):
        load_config("quickstart", ["variants.0.name=x"])
