"""Every setting of a study: its default, its bounds and what it means.

One pydantic model checks a YAML file, a ``--set`` on the command line and a Python call alike, so an
error always names the field, what is allowed and the nearest name.
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from tokir import objectives
from tokir.errors import TokirError, nearest

ArchitectureName = Literal["lstm", "transformer", "static"]
PoolingName = Literal[
    "mean", "mean-white", "mean-top", "sif", "sif-white", "sif-top", "learned", "learned-white", "maxsim"
]
PretrainedName = Literal["minilm", "canine", "roberta", "byt5"]
BaselineName = Literal["bm25", "bm25-tuned", "model2vec", "minilm", "canine", "roberta", "byt5"]
FusionName = Literal["weighted", "rrf"]
Precision = Literal["fp32", "bf16", "auto"]
VariantName = Literal[
    "typo-1",
    "typo-2",
    "drop",
    "swap",
    "upper",
    "lower",
    "strip-diacritics",
    "add-diacritics",
    "look-alike",
    "joined",
    "split",
]
TokenizerName = Literal["bpe", "wordpiece-bpe", "unigram", "byte", "character", "word", "file"]
SUBWORDS = ("bpe", "wordpiece-bpe", "unigram")
BYTE_VOCABULARY = 257  # the bytes and the separator
DEVICES = ("auto", "cpu", "cuda", "mps")


class Settings(BaseModel):
    """Base of every group of settings: unknown keys are errors, values never change after checking."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataSettings(Settings):
    """Which passages and queries."""

    source: str = Field("wiki", min_length=1, description="a built-in data set, a folder or a file")
    split: Literal["train", "dev", "test"] | None = Field(
        None, description="the queries to evaluate on; by default test, or dev where there is no test"
    )
    queries: int | None = Field(None, ge=1, description="evaluate on this many queries, drawn by seed")
    seed: int = Field(0, ge=0, description="draws queries, training documents and held-out documents")
    unknown_documents: Literal["error", "drop"] = Field(
        "error", description="what to do with judgements that name unknown passages or queries"
    )


class TokenizerSettings(Settings):
    """A tokenizer to train on the training documents, or one that is there already."""

    type: TokenizerName = Field(
        "bpe",
        description="byte-level BPE; WordPiece over BPE's merges; Unigram; bytes, characters or words; a file",
    )
    vocabulary_size: int = Field(
        2000,
        ge=2,
        le=1_000_000,
        description="entries, special tokens included; at most so many for characters and words; of hashed ones the "
        "buckets of each table",
    )
    lowercase: bool = Field(False, description="lower-case text first")
    normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = Field(
        None, description="Unicode normalisation form applied first"
    )
    prefix_space: bool = Field(False, description="cut the first word of a text as any other, with its space")
    pretokenization: Literal["words", "digits", "whitespace"] = Field(
        "words",
        description="what no piece of a subword tokenizer crosses: its usual words, also single digits, or white "
        "space alone",
    )
    hashed: bool = Field(
        False, description="characters: no list of them, but vectors made of hash tables, as in CANINE"
    )
    file: str | None = Field(None, description="a tokenizer.json or a sentencepiece .model, for the type file")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        """Bytes have one size of vocabulary; a file brings its own."""
        if isinstance(values, dict) and values.get("type") in ("byte", "file"):
            values = {"vocabulary_size": BYTE_VOCABULARY, **values}
            if isinstance(values.get("file"), str):  # a run goes on from any folder
                values["file"] = str(Path(values["file"]).expanduser().resolve())
        return values

    @model_validator(mode="after")
    def _fits(self) -> TokenizerSettings:
        if self.type == "byte" and self.vocabulary_size != BYTE_VOCABULARY:
            raise ValueError(f"a byte tokenizer has {BYTE_VOCABULARY} entries: leave vocabulary_size out")
        if self.type == "bpe" and self.vocabulary_size < BYTE_VOCABULARY:
            raise ValueError(
                f"a vocabulary of {self.vocabulary_size} is smaller than the alphabet of byte-level BPE: "
                f"{BYTE_VOCABULARY} entries at least"
            )
        if (self.type == "file") != (self.file is not None):
            raise ValueError("the type file goes with the setting file, and no other type does")
        if self.type == "file" and (self.lowercase or self.normalization or self.prefix_space):
            raise ValueError("a tokenizer from a file brings its own normalisation: leave those settings out")
        if self.prefix_space and self.type not in ("bpe", "byte"):
            raise ValueError(f"prefix_space is for bpe and byte; {self.type} cuts the first word as any other")
        if self.pretokenization != "words" and self.type not in SUBWORDS:
            raise ValueError(f"pretokenization is for {', '.join(SUBWORDS)}")
        if self.hashed and self.type != "character":
            raise ValueError("hashed is for the type character")
        return self

    @property
    def buckets(self) -> int:
        """Rows of each of the tables that hashed vectors are made of; 0 where each entry has a row of its own."""
        return self.vocabulary_size if self.hashed else 0

    @property
    def id(self) -> str:
        """The name used in system ids, for example ``bpe-2k`` or ``bpe-8k-lower-nfkc``."""
        if self.file is not None:
            path = Path(self.file)
            stem = path.parent.name if path.stem == "tokenizer" and path.parent.name else path.stem
            return "file-" + re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
        size = self.vocabulary_size
        name = f"{self.type}-{size // 1000}k" if size % 1000 == 0 else f"{self.type}-{size}"
        name = self.type if self.type == "byte" else name
        name += "-hashed" if self.hashed else ""
        name += "-lower" if self.lowercase else ""
        name += "-space" if self.prefix_space else ""
        name += f"-{self.pretokenization}" if self.pretokenization != "words" else ""
        return name + (f"-{self.normalization.lower()}" if self.normalization else "")


class LearningRates(Settings):
    """The peak after warm-up, by architecture: each at its best, or the comparison is of learning rates."""

    lstm: float = Field(1e-2, gt=0, le=1)
    transformer: float = Field(1e-3, gt=0, le=1)


class Descent(Settings):
    """What every training has, whatever it trains for."""

    warmup: float = Field(0.05, ge=0, le=0.5, description="share of the steps that warm up; then cosine decay")
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    dropout: float = Field(0.1, ge=0, lt=1)
    checkpoint: Literal["best", "final"] = Field(
        "best", description="which weights embed: lowest validation loss, or those of the last step"
    )
    precision: Precision = Field(
        "fp32", description="bf16 is autocast; auto is bf16 where the processor computes in it, else fp32"
    )


class TrainingSettings(Descent):
    """How every language model of the study is trained; the same for all of them, or nothing compares."""

    documents: int = Field(5000, ge=1, description="training documents, drawn by seed; all when fewer")
    epochs: int = Field(10, ge=1, le=1000)
    sequence_length: int = Field(128, ge=8, le=4096, description="tokens in a training window")
    batch_size: int = Field(32, ge=1, le=4096, description="windows in a batch")
    learning_rate: LearningRates = LearningRates()
    validations_per_epoch: int = Field(2, ge=1, le=100)


class RetrievalRates(Settings):
    """The peak after warm-up: token vectors and weights stand a much larger one than a network."""

    tokens: float = Field(1e-2, gt=0, le=1)
    trained_tokens: float = Field(1e-3, gt=0, le=1, description="where they come from an earlier training")
    lstm: float = Field(2e-3, gt=0, le=1)
    transformer: float = Field(1e-3, gt=0, le=1)


class RetrievalSteps(Settings):
    """Batches a model is trained on, by architecture: a network costs ten and more times a static step."""

    static: int = Field(2000, ge=1)
    lstm: int = Field(400, ge=1)
    transformer: int = Field(200, ge=1)


class RetrievalBatches(Settings):
    """Pairs in a batch, by architecture; each is a negative of the others."""

    static: int = Field(256, ge=2, le=65_536)
    lstm: int = Field(128, ge=2, le=65_536)
    transformer: int = Field(128, ge=2, le=65_536)


class RetrievalSettings(Descent):
    """How vectors are trained for retrieval, by every objective but language modelling."""

    documents: int = Field(100_000, ge=2, description="passages to train on, drawn by seed; all when fewer")
    steps: RetrievalSteps = RetrievalSteps()
    batch_size: RetrievalBatches = RetrievalBatches()
    from_static: bool = Field(
        True, description="a network starts from the token vectors of the static model trained for the same"
    )
    learning_rate: RetrievalRates = RetrievalRates()
    query_tokens: tuple[int, int] = Field((2, 20), description="length of a crop that plays the query")
    passage_tokens: tuple[int, int] = Field((60, 160), description="length of a crop that plays the passage")
    pairs: Literal["crop", "cloze", "title"] = Field(
        "crop", description="pairs without labels: two crops, a span and what is left, a title and its text"
    )
    titles: bool = Field(True, description="crops keep the title of their passage")
    query_share: float = Field(
        0.25, gt=0, lt=1, description="batches of judged train queries, where there are any"
    )
    negatives: Literal["batch", "bm25", "self"] = Field(
        "batch", description="hard negatives of train queries: none but the batch, BM25's, or the model's own"
    )
    token_dropout: float = Field(0.1, ge=0, lt=1, description="tokens of a text left out while training")
    related: int = Field(
        32, ge=1, description="passages near each other, as the teacher sees it, that share a batch; 1 for none"
    )
    contrastive_weight: float = Field(0.3, ge=0, description="of the contrastive loss beside a teacher's")
    teacher_optional: bool = Field(False, description="train without distillation where the teacher is missing")
    teacher: PretrainedName = Field("minilm", description="the pretrained encoder that distillation follows")
    teacher_texts: int = Field(8, ge=1, le=100, description="query-like crops of a passage the teacher embeds")
    teacher_temperature: float = Field(0.03, gt=0, le=1, description="of the teacher's ranking of a batch")
    dimensions: int = Field(256, ge=8, le=4096, description="of the static model's vectors")
    validations: int = Field(8, ge=1, le=1000)


class Variant(Settings):
    """The same training with some settings changed: a model of its own, beside the one it differs from."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="stands in the ids of its systems")
    retrieval: dict[str, Any] = Field(min_length=1, description="settings of ``retrieval`` that differ")
    architectures: list[ArchitectureName] = Field(
        ["lstm", "transformer", "static"], description="of these, those that the study has"
    )
    objectives: list[str] | None = Field(None, description="of the study's objectives, these; by default all")


class BudgetSettings(Settings):
    """What is the same for all tokenizers of a study: a token of one holds thrice the text of a token of another."""

    equal: Literal["text", "tokens", "seconds"] = Field(
        "text",
        description="what a language model has read when its training ends; seconds are those of any training",
    )
    seconds: float | None = Field(None, gt=0, description="of each training, where seconds are equal")
    window: Literal["tokens", "characters"] = Field(
        "tokens", description="what the lengths of windows and crops, all given in tokens, stand for"
    )
    characters_per_token: float = Field(
        3.3, gt=0, description="of the tokenizer that those lengths, and equal tokens, are reckoned for"
    )
    match: Literal["none", "total", "non-embedding"] = Field(
        "none", description="parameters that models adapt their width to, those of the first tokenizer's"
    )

    @model_validator(mode="after")
    def _has_seconds(self) -> BudgetSettings:
        if (self.equal == "seconds") != (self.seconds is not None):
            raise ValueError("equal: seconds goes with the setting seconds, and nothing else does")
        return self


class FusionSettings(Settings):
    """Several systems as one.

    ``best`` is the system trained here that does best on the queries for choosing, of those with one vector per
    passage; ``best-maxsim`` of those with late interaction.
    """

    method: FusionName = Field("weighted", description="weighted sum of z-scores, or reciprocal ranks")
    systems: Annotated[list[str], Field(min_length=2)] = ["best", "bm25"]

    @property
    def id(self) -> str:
        """For example ``best+bm25.weighted``."""
        return f"{'+'.join(self.systems)}.{self.method}"


ObjectiveName = Annotated[str, AfterValidator(objectives.check)]


def _once(values: list[Any], names: list[Any] | None = None) -> list[Any]:
    """``values`` as they are; ValueError where a name stands twice."""
    names = values if names is None else names
    if repeated := {str(name) for name in names if names.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(repeated))} is named more than once")
    return values


class Objectives(Settings):
    """What each architecture is trained for; every objective is a model of its own."""

    lstm: list[ObjectiveName] = ["lm"]
    transformer: list[ObjectiveName] = ["lm"]
    static: list[ObjectiveName] = ["contrastive+queries"]

    @field_validator("lstm", "transformer", "static")
    @classmethod
    def _distinct(cls, values: list[str]) -> list[str]:
        return _once(values)

    @field_validator("static")
    @classmethod
    def _static(cls, values: list[str]) -> list[str]:
        if any(objectives.LANGUAGE_MODEL in objectives.stages(value) for value in values):
            raise ValueError("a static model sees no order of words, so it cannot be a language model")
        return values


class EvaluationSettings(Settings):
    """What is measured, and how often."""

    depth: int = Field(1000, ge=100, le=100_000, description="passages kept in a ranking")
    bootstrap: int = Field(10_000, ge=100, description="resamples behind a 95% interval")
    latency_queries: int = Field(100, ge=1, description="queries timed one at a time, after warm-up")
    robustness: list[VariantName] = Field(
        [], description="slips to put into the queries, each evaluated beside the clean ones"
    )
    examples: int = Field(8, ge=0, le=1000, description="queries shown in full, drawn by seed")
    seed: int = Field(0, ge=0)

    @field_validator("robustness")
    @classmethod
    def _distinct(cls, values: list[VariantName]) -> list[VariantName]:
        return _once(values)


class StudyConfig(Settings):
    """One study: a data set, the grid of systems, baselines and an evaluation."""

    name: str = Field("study", pattern=r"^[A-Za-z0-9._-]+$", description="names the run folder")
    data: DataSettings = DataSettings()
    tokenizers: Annotated[list[TokenizerSettings], Field(min_length=1)] = [TokenizerSettings()]
    architectures: Annotated[list[ArchitectureName], Field(min_length=1)] = ["lstm", "transformer"]
    objectives: Objectives = Objectives()
    training: TrainingSettings = TrainingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    budget: BudgetSettings = BudgetSettings()
    variants: list[Variant] = Field([], description="ablations: models trained for retrieval in other ways")
    embedding_precision: Precision = Field(
        "fp32", description="arithmetic of embedding the corpus; queries are always embedded in fp32"
    )
    poolings: Annotated[list[PoolingName], Field(min_length=1)] = Field(
        ["mean", "mean-white", "learned"],
        description="mean and sif of language models; learned of models trained for retrieval, and maxsim, late "
        "interaction, of static ones",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)] = [0]
    language_model_seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1)] | None = (
        Field(None, description="of models trained as language models alone, where they are to be fewer")
    )
    baselines: list[BaselineName] = ["bm25", "minilm"]
    fusions: list[FusionSettings] = []
    pretrained_folders: dict[PretrainedName, str] = Field(
        {}, description="local folders of pretrained models, by baseline name"
    )
    evaluation: EvaluationSettings = EvaluationSettings()

    @field_validator("tokenizers", mode="before")
    @classmethod
    def _grid(cls, values: Any) -> Any:
        """A list as the value of a tokenizer's setting stands for one tokenizer with each of its values."""
        if not isinstance(values, list):
            return values
        return [point for entry in values for point in (_points(entry) if isinstance(entry, dict) else [entry])]

    @model_validator(mode="after")
    def _has_poolings(self) -> StudyConfig:
        for architecture in self.architectures:
            for objective in getattr(self.objectives, architecture):
                if not poolings_of(objective, self.poolings):
                    suited = "learned" if objectives.retrieves(objective) else "mean or sif"
                    raise ValueError(f"poolings hold none for the objective {objective}, which takes {suited}")
        return self

    @model_validator(mode="after")
    def _variants_hold(self) -> StudyConfig:
        for variant in self.variants:
            fitting = [
                objective
                for name in self.architectures
                if name in variant.architectures
                for objective in getattr(self.objectives, name)
                if objectives.retrieves(objective) and objective in (variant.objectives or [objective])
            ]
            if not fitting:
                raise ValueError(f"variant {variant.name} fits no objective of this study that trains to retrieve")
            if shared := {"documents", "teacher", "teacher_optional", "teacher_texts"} & set(variant.retrieval):
                name = sorted(shared)[0]
                raise ValueError(
                    f"variant {variant.name}: retrieval.{name} is one for all models of a study: "
                    "set it under retrieval, and compare two studies"
                )
            try:
                self.retrieval_of(variant.name)
            except ValidationError as error:
                problem = error.errors()[0]
                where = ".".join(str(part) for part in ("retrieval", *problem["loc"]))
                raise ValueError(f"variant {variant.name}: {where}: {problem['msg'].lower()}") from None
        return self

    def retrieval_of(self, variant: str) -> RetrievalSettings:
        """How vectors are trained in a variant; ``""`` is none of them."""
        changed = next((other.retrieval for other in self.variants if other.name == variant), {})
        return RetrievalSettings.model_validate(_merged(self.retrieval.model_dump(), changed))

    @model_validator(mode="after")
    def _fusions_have_members(self) -> StudyConfig:
        if any("best-maxsim" in fusion.systems for fusion in self.fusions) and not (
            "maxsim" in self.poolings and "static" in self.architectures
        ):
            raise ValueError(
                "fusions name best-maxsim, which takes the pooling maxsim and the architecture static"
            )
        return self

    @model_validator(mode="after")
    def _widths_can_match(self) -> StudyConfig:
        networks = [name for name in self.architectures if name != "static"]
        trained = [objective for name in networks for objective in getattr(self.objectives, name)]
        if self.budget.match != "none" and any(objectives.retrieves(objective) for objective in trained):
            raise ValueError(
                "budget.match: a network trained to retrieve shares its width with the models it starts from, so it "
                "cannot be matched: leave match out, or train networks as language models alone"
            )
        return self

    @field_validator("tokenizers", "architectures", "poolings", "seeds", "baselines", "fusions", "variants")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        names = [
            value.id
            if isinstance(value, TokenizerSettings | FusionSettings)
            else value.name
            if isinstance(value, Variant)
            else value
            for value in values
        ]
        return _once(values, names)

    @field_validator("language_model_seeds")
    @classmethod
    def _distinct_seeds(cls, values: list[int] | None) -> list[int] | None:
        return values and _once(values)


def _points(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The grid of a tokenizer's settings.

    >>> _points({"type": "bpe", "lowercase": [False, True]})
    [{'type': 'bpe', 'lowercase': False}, {'type': 'bpe', 'lowercase': True}]
    """
    values = [value if isinstance(value, list) else [value] for value in entry.values()]
    return [dict(zip(entry, point, strict=True)) for point in product(*values)]


def _merged(values: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in changed.items():
        deeper = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if deeper else value
    return merged


def poolings_of(objective: str, poolings: list[PoolingName]) -> list[PoolingName]:
    """Those of ``poolings`` that suit the objective: retrievers bring their own token weights.

    >>> poolings_of("lm", ["mean", "learned"]), poolings_of("contrastive", ["mean", "learned"])
    (['mean'], ['learned'])
    """
    retrievers: tuple[PoolingName, ...] = ("learned", "learned-white", "maxsim")
    return [name for name in poolings if (name in retrievers) == objectives.retrieves(objective)]


PRESETS = ("quickstart", "reference", "objectives", "ablations", "tokenizers", "vocabulary", "best")


def load_config(preset_or_file: str, overrides: list[str] | None = None) -> StudyConfig:
    """Read a preset by name or a YAML file, apply ``key=value`` overrides, and check the result.

    Keys of overrides are dotted (``training.epochs=3``); values are YAML (``seeds=[0,1]``).

    Raises:
        TokirError: unknown preset, missing file, no YAML, an unknown key or a value out of bounds.
    """
    path = Path(preset_or_file)
    if preset_or_file in PRESETS:
        text = files("tokir").joinpath("presets", f"{preset_or_file}.yaml").read_text("utf-8")
        place = f"preset {preset_or_file}"
    elif path.suffix in (".yaml", ".yml") or path.is_file():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TokirError(f"{path}: cannot read the configuration: {error}") from None
        place = str(path)
    else:
        raise TokirError(
            f"unknown preset {preset_or_file!r}{nearest(preset_or_file, PRESETS)}: "
            f"name one of {', '.join(PRESETS)}, or a .yaml file"
        )
    values = _yaml(text, place) or {}
    if not isinstance(values, dict):
        raise TokirError(f"{place}: a configuration is a mapping of settings, not {type(values).__name__}")
    config = check_config(values, place)
    if overrides:
        values = config.model_dump(mode="json")  # every group and list is there to be changed
        for override in overrides:
            _apply(values, override)
        config = check_config(values, "--set")
    return config


def check_config(values: dict[str, Any], place: str = "configuration") -> StudyConfig:
    """Check raw settings; raises TokirError with one sentence that names every field that is wrong."""
    try:
        return StudyConfig.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_sentence(dict(problem)) for problem in error.errors())
        raise TokirError(f"{place}: {problems}") from None


def dump_config(config: StudyConfig) -> str:
    """The resolved configuration as YAML, in the order of the fields."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted keys.

    >>> flatten({"training": {"epochs": 2}, "seeds": [0]})
    {'training.epochs': 2, 'seeds': [0]}
    """
    if isinstance(values, list) and values and isinstance(values[0], dict):
        values = dict(enumerate(values))
    if not isinstance(values, dict) or not values:
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def _yaml(text: str, place: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise TokirError(f"{place}{line}: not YAML: {getattr(error, 'problem', error)}") from None
    except ValueError as error:  # a date that is none, such as 2024-13-01
        raise TokirError(f"{place}: not YAML: {error}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise TokirError(f"--set {override}: write key=value, for example training.epochs=3")
    *groups, last = key.strip().split(".")
    target: Any = values
    for depth, group in enumerate(groups):
        if isinstance(target, list) and group.isdigit() and int(group) < len(target):
            target = target[int(group)]
        elif isinstance(target, dict):
            target = target.setdefault(group, {})  # an unknown group is for the check to name
        else:
            raise TokirError(f"--set {override}: {'.'.join(groups[: depth + 1])} is no group of settings")
    parsed = _yaml(value, f"--set {key}")
    if isinstance(target, list) and last.isdigit() and int(last) < len(target):
        target[int(last)] = parsed
    elif isinstance(target, dict):
        target[last] = parsed
    else:
        raise TokirError(f"--set {override}: {'.'.join(groups)} is no group of settings")


def _sentence(problem: dict[str, Any]) -> str:
    """One pydantic error as a sentence: the field, what is allowed, the nearest name."""
    location = problem["loc"]
    where = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        allowed = _fields_at(location[:-1])
        return f"unknown setting {where}{nearest(str(location[-1]), allowed)}: allowed are {', '.join(allowed)}"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if problem["type"] == "literal_error":
        expected = problem["ctx"]["expected"]
        names = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        return f"{where} is {problem['input']!r}{nearest(str(problem['input']), names)}: allowed are {expected}"
    if isinstance(problem["input"], dict):  # a group as a whole; the message names the setting
        return f"{where}: {message}" if where else message
    return f"{where} is {problem['input']!r}: {message}"


def _fields_at(location: tuple[Any, ...]) -> list[str]:
    model: Any = StudyConfig
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = next(
            (a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, Settings)),
            model,
        )
    return list(model.model_fields)
